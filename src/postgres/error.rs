//! Converts the server's errors and notices to those of the port. They never contain the
//! connection's password.

use std::io;

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::ErrorFields;

use crate::database::{ConnectionKind, DatabaseError, Notice, ServerError};

/// A failed connection. The end of the stream counts as closed by the server.
pub(super) fn lost(error: &io::Error) -> DatabaseError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            DatabaseError::connection(ConnectionKind::Closed, "the server closed the connection")
        }
        _ => DatabaseError::lost(error.to_string().replace('\n', " ")),
    }
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
    let fields = Fields::read(fields)?;
    let (code, message) = (fields.text(b'C'), fields.text(b'M'));
    // Class 57P0x: the server ends the session (shutdown, crash of another session, termination by
    // an administrator).
    if code.starts_with("57P0") {
        return Ok(DatabaseError::lost(message));
    }
    Ok(DatabaseError::Server(Box::new(ServerError {
        code,
        message,
        detail: fields.get(b'D'),
        hint: fields.get(b'H'),
        context: fields.context(),
        position: fields.get(b'P').and_then(|text| text.parse().ok()),
    })))
}

pub(super) fn notice(fields: ErrorFields<'_>, statement: usize) -> io::Result<Notice> {
    let fields = Fields::read(fields)?;
    // The severity in field S is in the server's language; field V is not translated.
    let severity = fields.get(b'V').unwrap_or_else(|| "NOTICE".to_owned());
    Ok(Notice {
        statement,
        severity: if severity.starts_with("DEBUG") {
            "DEBUG".to_owned()
        } else {
            severity
        },
        message: fields.text(b'M'),
        detail: fields.get(b'D'),
        hint: fields.get(b'H'),
        context: fields.get(b'W'),
        routine: fields.get(b'R'),
    })
}

/// Fields by type (PostgreSQL manual, "Error and Notice Message Fields").
struct Fields(Vec<(u8, String)>);

impl Fields {
    fn read(fields: ErrorFields<'_>) -> io::Result<Self> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields
            .map(|field| Ok((field.type_(), text(field.value_bytes()))))
            .collect()
            .map(Self)
    }

    fn get(&self, kind: u8) -> Option<String> {
        let field = self.0.iter().find(|(of, _)| *of == kind);
        field.map(|(_, text)| text.clone())
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
