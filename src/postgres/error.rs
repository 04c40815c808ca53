//! Converts the server's errors and notices to those of the port. They never contain the
//! connection's password.

use std::io;

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::ErrorFields;

use crate::database::{ConnectionError, ConnectionKind, DatabaseError, Notice, ServerError};

/// A failed connection. The end of the stream counts as closed by the server.
pub(super) fn lost(error: &io::Error) -> DatabaseError {
    let closed = || "the server closed the connection".to_owned();
    let (kind, message) = match error.kind() {
        io::ErrorKind::UnexpectedEof => (ConnectionKind::Closed, closed()),
        _ => (ConnectionKind::Lost, error.to_string().replace('\n', " ")),
    };
    DatabaseError::Connection(ConnectionError { kind, message })
}

/// A message that matches no expected answer.
pub(super) fn unexpected() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the server sent a message that answers nothing",
    )
}

/// Converts an error of the server.
pub(super) fn error(fields: ErrorFields<'_>) -> io::Result<DatabaseError> {
    let said = Said::read(fields)?;
    let (code, message) = (said.text(b'C'), said.text(b'M'));
    // Class 57P0x: the server ends the session (shutdown, crash of another session, termination by
    // an administrator).
    if code.starts_with("57P0") {
        return Ok(DatabaseError::lost(message));
    }
    let position = said.get(b'P').and_then(|text| text.parse().ok());
    let (detail, hint, context) = (said.get(b'D'), said.get(b'H'), said.context());
    Ok(DatabaseError::Server(Box::new(ServerError {
        code,
        message,
        detail,
        hint,
        context,
        position,
    })))
}

pub(super) fn notice(fields: ErrorFields<'_>, statement: usize) -> io::Result<Notice> {
    let said = Said::read(fields)?;
    // The severity in field S is in the server's language; field V is not translated.
    let severity = said.get(b'V').unwrap_or_else(|| "NOTICE".to_owned());
    Ok(Notice {
        statement,
        severity: if severity.starts_with("DEBUG") {
            "DEBUG".to_owned()
        } else {
            severity
        },
        message: said.text(b'M'),
        detail: said.get(b'D'),
        hint: said.get(b'H'),
        context: said.get(b'W'),
        routine: said.get(b'R'),
    })
}

/// Fields by type (PostgreSQL manual, "Error and Notice Message Fields").
struct Said(Vec<(u8, String)>);

impl Said {
    fn read(fields: ErrorFields<'_>) -> io::Result<Self> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields
            .map(|field| Ok((field.type_(), text(field.value_bytes()))))
            .collect()
            .map(Self)
    }

    fn get(&self, kind: u8) -> Option<String> {
        self.0
            .iter()
            .find(|(of, _)| *of == kind)
            .map(|(_, text)| text.clone())
    }

    fn text(&self, kind: u8) -> String {
        self.get(kind).unwrap_or_default()
    }

    /// The server's context. If a function's statement failed, that statement comes first, as psql
    /// shows it under QUERY.
    fn context(&self) -> Option<String> {
        let context = self.get(b'W');
        let position = self.get(b'p').and_then(|text| text.parse::<usize>().ok());
        let (Some(position), Some(query)) = (position, self.get(b'q')) else {
            return context;
        };
        let at = position.saturating_sub(1);
        let before: String = query.chars().take(at).collect();
        let line: String = before.rsplit('\n').next().unwrap_or_default().to_owned();
        let rest: String = query.chars().skip(at).take_while(|c| *c != '\n').collect();
        let caret = " ".repeat(line.chars().count());
        let query = format!("query: {line}{rest}\n       {caret}^");
        Some(context.map_or_else(|| query.clone(), |context| format!("{query}\n{context}")))
    }
}
