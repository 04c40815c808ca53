//! What the server answers to one message, up to the moment in which it is ready for the next.

use std::io;

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::{DataRowBody, Message, RowDescriptionBody};

use super::error::unexpected;
use crate::database::{BatchAnswer, Column, DatabaseError, Notice, ServerError, Table, Unsound, UnsoundKind};
use pgseal_verify::words;

/// What has come of it so far.
#[derive(Default)]
pub(super) struct Answer {
    /// In a batch: how many statements it has, or more.
    pub batch: Option<u32>,
    /// Rows that are kept; what comes behind them is dropped.
    limit: usize,
    pub copy: Option<Copy>,
    pub columns: Vec<Column>,
    rows: Vec<Vec<Option<String>>>,
    /// Also those that were not kept.
    row_count: usize,
    /// Rows that the server reported, by statement.
    pub complete: Vec<u64>,
    /// An error is kept, and what comes until the server is ready again is still read.
    pub error: Option<Box<ServerError>>,
    /// Those of a batch.
    pub notices: Vec<Notice>,
    pub is_done: bool,
}

/// A COPY that the message is, and how far it is.
pub(super) enum Copy {
    /// From the client; true when the server has asked for data.
    In(bool),
    /// To the client, with the bytes that came.
    Out(u64),
}

/// `bool`: the same in every database, as all types of `pg_type.dat`.
const BOOL: u32 = 16;

impl Answer {
    /// One whose rows are kept up to `limit`.
    pub(super) fn with_rows(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// One to a batch of so many statements, or fewer.
    pub(super) fn of_batch(statements: u32) -> Self {
        Self { batch: Some(statements), ..Self::default() }
    }

    pub(super) fn of_copy(copy: Copy) -> Self {
        Self { copy: Some(copy), ..Self::default() }
    }

    /// Takes the next message; errors, notices and settings are the driver's.
    pub(super) fn take(&mut self, message: Message) -> io::Result<()> {
        match (message, &mut self.copy) {
            (Message::ReadyForQuery(_), _) => self.is_done = true,
            (Message::CommandComplete(body), _) => {
                let rows = body.tag()?.rsplit(' ').next().and_then(|count| count.parse().ok());
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

    /// Fails where the server refused. `prefix` characters stood before the caller's statement in what was sent.
    pub(super) fn accepted(mut self, prefix: u32) -> Result<Self, DatabaseError> {
        let Some(mut error) = self.error.take() else { return Ok(self) };
        error.position = error.position.and_then(|at| at.checked_sub(prefix)).filter(|at| *at > 0);
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
        Table { columns: self.columns.into_iter().map(|column| column.name).collect(), rows: self.rows }
    }

    /// The answer to `sent` statements, of which one gave rows.
    pub(super) fn into_table_of(self, sent: usize) -> Result<Table, DatabaseError> {
        let (rows, limit) = (self.row_count, self.limit);
        if rows > limit {
            let message = format!("{rows} rows, where at most {limit} may be");
            return Err(DatabaseError::Unsound(Unsound { kind: UnsoundKind::TooManyRows, message }));
        }
        if self.complete.len() != sent {
            let sent = words::count(sent, "statement");
            return Err(DatabaseError::unsound(format!("{sent} went out, {} were run", self.complete.len())));
        }
        Ok(self.into_table())
    }

    pub(super) fn into_batch(self) -> BatchAnswer {
        BatchAnswer { rows: self.complete, error: self.error }
    }
}

fn columns(body: &RowDescriptionBody) -> io::Result<Vec<Column>> {
    let column =
        |name: &str, type_oid| Ok::<_, io::Error>(Column { name: name.to_owned(), is_boolean: type_oid == BOOL });
    body.fields().map(|field| column(field.name(), field.type_oid())).collect()
}

fn row(body: &DataRowBody) -> io::Result<Vec<Option<String>>> {
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a value is not UTF-8"))
    };
    body.ranges().map(|range| range.map(|range| text(&body.buffer()[range])).transpose()).collect()
}
