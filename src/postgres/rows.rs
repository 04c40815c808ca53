//! The rows of one statement, as text.

use crate::database::{DatabaseError, Table, Unsound, UnsoundKind};
use ::tokio_postgres::{Client, Error, SimpleQueryMessage};
use futures_core::Stream as _;
use pgseal_verify::words;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// What a message brought.
pub(super) struct Fetched {
    table: Table,
    /// Also those that were not kept.
    rows: usize,
    statements: usize,
}

/// Sends `sql` and keeps at most `limit` rows of the answer. What comes behind them is read and dropped.
pub(super) async fn fetch(client: &Client, sql: &str, limit: usize) -> Result<Fetched, Error> {
    let mut stream = pin!(client.simple_query_raw(sql).await?);
    let mut fetched = Fetched { table: Table::default(), rows: 0, statements: 0 };
    while let Some(message) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        match message? {
            SimpleQueryMessage::RowDescription(columns) => {
                fetched.table.columns = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => {
                fetched.rows += 1;
                if fetched.rows <= limit {
                    fetched.table.rows.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
                }
            }
            SimpleQueryMessage::CommandComplete(_) => fetched.statements += 1,
            _ => {}
        }
    }
    Ok(fetched)
}

/// Sends one thing behind another without waiting in between. Fails where the first does; what became of the second is
/// then dropped, but was there.
pub(super) async fn behind<A, B>(
    first: impl Future<Output = Result<A, Error>>,
    second: impl Future<Output = Result<B, Error>>,
) -> Result<(A, Result<B, Error>), Error> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut answer, mut other, mut is_sent) = (None, None, false);
    poll_fn(|cx| {
        // Whoever is asked first sends first; where that could not even be sent, nothing goes out behind it.
        if answer.is_none()
            && let Poll::Ready(ended) = first.as_mut().poll(cx)
        {
            match ended {
                Err(error) if !is_sent => return Poll::Ready(Err(error)),
                ended => answer = Some(ended),
            }
        }
        is_sent = true;
        if other.is_none()
            && let Poll::Ready(ended) = second.as_mut().poll(cx)
        {
            other = Some(ended);
        }
        if answer.is_none() || other.is_none() {
            return Poll::Pending;
        }
        match (answer.take(), other.take()) {
            (Some(answer), Some(other)) => Poll::Ready(answer.map(|answer| (answer, other))),
            _ => Poll::Pending,
        }
    })
    .await
}

impl Fetched {
    /// The answer to `sent` statements, of which one gave rows.
    pub(super) fn into_table(self, sent: usize, limit: usize) -> Result<Table, DatabaseError> {
        if self.rows > limit {
            return Err(DatabaseError::Unsound(Unsound {
                kind: UnsoundKind::TooManyRows,
                message: format!("{} rows, where at most {limit} may be", self.rows),
            }));
        }
        if self.statements != sent {
            let sent = words::count(sent, "statement");
            return Err(DatabaseError::unsound(format!("{sent} went out, {} were run", self.statements)));
        }
        Ok(self.table)
    }
}
