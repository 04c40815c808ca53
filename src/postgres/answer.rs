//! The server's answer to one message, up to the server's `ReadyForQuery`.

use std::io;

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::{DataRowBody, Field, Message, RowDescriptionBody};

use super::error::unexpected;
use crate::database::{
    BatchAnswer, Column, DatabaseError, Notice, ServerError, Table, UnsoundKind,
};
use pgseal_verify::plural;

/// The answer as received so far.
#[derive(Default)]
pub(super) struct Answer {
    /// Upper bound of the batch's statements; `None` outside a batch.
    pub batch: Option<u32>,
    /// Maximum rows kept; the rest are counted and dropped.
    limit: usize,
    pub copy: Option<Copy>,
    pub columns: Vec<Column>,
    rows: Vec<Vec<Option<String>>>,
    /// Rows received, including dropped ones.
    row_count: usize,
    /// Rows that the server reported, by statement.
    pub complete: Vec<u64>,
    /// The first error. Messages up to `ReadyForQuery` are still read after it.
    pub error: Option<Box<ServerError>>,
    /// Notices of a batch.
    pub notices: Vec<Notice>,
    pub is_done: bool,
}

/// Direction and progress of a COPY.
pub(super) enum Copy {
    /// From the client; true once the server has asked for data.
    In(bool),
    /// To the client, with the number of bytes received.
    Out(u64),
}

/// OID of `bool`, the same in every database, as for all types of `pg_type.dat`.
const BOOL: u32 = 16;

impl Answer {
    /// An answer that keeps up to `limit` rows.
    pub(super) fn with_rows(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// The answer to a batch of at most this many statements.
    pub(super) fn of_batch(statements: u32) -> Self {
        Self {
            batch: Some(statements),
            ..Self::default()
        }
    }

    pub(super) fn of_copy(copy: Copy) -> Self {
        Self {
            copy: Some(copy),
            ..Self::default()
        }
    }

    /// Adds the next message. The driver handles errors, notices and settings.
    pub(super) fn take(&mut self, message: Message) -> io::Result<()> {
        match (message, &mut self.copy) {
            (Message::ReadyForQuery(_), _) => self.is_done = true,
            (Message::CommandComplete(body), _) => {
                let rows = body.tag()?.rsplit(' ').next();
                let rows = rows.and_then(|count| count.parse().ok());
                self.complete.push(rows.unwrap_or(0));
            }
            (Message::EmptyQueryResponse, _) => self.complete.push(0),
            (Message::RowDescription(body), _) => self.columns = columns(&body)?,
            (Message::DataRow(body), _) => {
                self.row_count += 1;
                if self.row_count <= self.limit {
                    self.rows.push(row(&body)?);
                }
            }
            (Message::CopyInResponse(_), Some(Copy::In(asked))) if !*asked => *asked = true,
            (Message::CopyOutResponse(_) | Message::CopyDone, Some(Copy::Out(_))) => {}
            (Message::CopyData(body), Some(Copy::Out(size))) => *size += body.data().len() as u64,
            (
                Message::ParseComplete
                | Message::BindComplete
                | Message::CloseComplete
                | Message::NoData
                | Message::ParameterDescription(_),
                _,
            ) => {}
            _ => return Err(unexpected()),
        }
        Ok(())
    }

    /// Returns the server's error, if there is one. Its position is reduced by `prefix`, the number
    /// of characters sent before the caller's statement.
    pub(super) fn accepted(mut self, prefix: u32) -> Result<Self, DatabaseError> {
        let Some(mut error) = self.error.take() else {
            return Ok(self);
        };
        error.position = error
            .position
            .and_then(|at| at.checked_sub(prefix))
            .filter(|at| *at > 0);
        Err(DatabaseError::Server(error))
    }

    /// Whether the server has asked for the data of a COPY.
    pub(super) fn asks(&self) -> bool {
        matches!(self.copy, Some(Copy::In(true)))
    }

    /// Rows that the server reported for the last statement.
    pub(super) fn affected(&self) -> u64 {
        self.complete.last().copied().unwrap_or(0)
    }

    pub(super) fn into_table(self) -> Table {
        Table {
            columns: self.columns.into_iter().map(|column| column.name).collect(),
            rows: self.rows,
        }
    }

    /// The rows of an answer to `sent` statements, one of which returns rows.
    pub(super) fn into_table_of(self, sent: usize) -> Result<Table, DatabaseError> {
        let (rows, limit) = (self.row_count, self.limit);
        if rows > limit {
            let message = format!("{rows} rows, where at most {limit} may be");
            let kind = UnsoundKind::TooManyRows;
            return Err(DatabaseError::unsound_of(kind, message));
        }
        let run = self.complete.len();
        if run != sent {
            let sent = plural::count(sent, "statement");
            let text = format!("{sent} went out, {run} were run");
            return Err(DatabaseError::unsound(text));
        }
        Ok(self.into_table())
    }

    pub(super) fn into_batch(self) -> BatchAnswer {
        BatchAnswer {
            rows: self.complete,
            error: self.error,
        }
    }
}

fn columns(body: &RowDescriptionBody) -> io::Result<Vec<Column>> {
    let column = |field: Field<'_>| {
        Ok(Column {
            name: field.name().to_owned(),
            is_boolean: field.type_oid() == BOOL,
        })
    };
    body.fields().map(column).collect()
}

fn row(body: &DataRowBody) -> io::Result<Vec<Option<String>>> {
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a value is not UTF-8"))
    };
    body.ranges()
        .map(|range| range.map(|range| text(&body.buffer()[range])).transpose())
        .collect()
}
