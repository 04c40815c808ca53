//! Errors of the driver as errors of the port. A connection's password is in none of them.

use std::error::Error as _;

use ::tokio_postgres::error::{ErrorPosition, Severity};

use crate::database::{ConnectionError, ConnectionKind, DatabaseError, Notice, ServerError};

/// What a request sees of a connection that ended; the connection itself may know more.
pub(super) fn closed() -> DatabaseError {
    DatabaseError::Connection(ConnectionError {
        kind: ConnectionKind::Closed,
        message: "the server closed the connection".to_owned(),
    })
}

/// `prefix` characters stood before the caller's statement in what was sent.
pub(super) fn convert(error: &::tokio_postgres::Error, prefix: u32) -> DatabaseError {
    let Some(server) = error.as_db_error() else {
        if error.is_closed() {
            return closed();
        }
        let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        return DatabaseError::lost(format!("{error}{cause}").replace('\n', " "));
    };
    // Class 57P0x: the server ends the session itself (shutdown, crash of another session, terminated by a person).
    if server.code().code().starts_with("57P0") {
        return DatabaseError::lost(server.message());
    }
    let position = match server.position() {
        Some(ErrorPosition::Original(position)) => position.checked_sub(prefix).filter(|position| *position > 0),
        _ => None,
    };
    DatabaseError::Server(Box::new(ServerError {
        code: server.code().code().to_owned(),
        message: server.message().to_owned(),
        detail: server.detail().map(str::to_owned),
        hint: server.hint().map(str::to_owned),
        context: context(server),
        position,
    }))
}

/// The end of a connection, whatever the server called it.
pub(super) fn lost(error: &::tokio_postgres::Error) -> DatabaseError {
    match convert(error, 0) {
        DatabaseError::Server(said) => DatabaseError::lost(said.message),
        lost => lost,
    }
}

/// The server's context; before it the statement of a function that failed, as psql shows it under QUERY.
fn context(server: &::tokio_postgres::error::DbError) -> Option<String> {
    let context = server.where_().map(str::to_owned);
    let Some(ErrorPosition::Internal { position, query }) = server.position() else { return context };
    let at = (*position as usize).saturating_sub(1);
    let before: String = query.chars().take(at).collect();
    let line: String = before.rsplit('\n').next().unwrap_or_default().to_owned();
    let rest: String = query.chars().skip(at).take_while(|c| *c != '\n').collect();
    let caret = " ".repeat(line.chars().count());
    let query = format!("query: {line}{rest}\n       {caret}^");
    Some(context.map_or_else(|| query.clone(), |context| format!("{query}\n{context}")))
}

pub(super) fn notice(notice: &::tokio_postgres::error::DbError) -> Notice {
    // The text of a severity is in the server's language; this one never is.
    let severity = match notice.parsed_severity() {
        Some(Severity::Log) => "LOG",
        Some(Severity::Warning) => "WARNING",
        Some(Severity::Info) => "INFO",
        Some(Severity::Debug) => "DEBUG",
        _ => "NOTICE",
    };
    Notice {
        statement: 0,
        severity: severity.to_owned(),
        message: notice.message().to_owned(),
        detail: notice.detail().map(str::to_owned),
        hint: notice.hint().map(str::to_owned),
        context: notice.where_().map(str::to_owned),
        routine: notice.routine().map(str::to_owned),
    }
}
