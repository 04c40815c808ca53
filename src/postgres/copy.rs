//! COPY. Data goes to the server by the simple protocol, as psql does it: in the extended protocol nobody can tell whether
//! the server has seen the Sync behind a COPY that it refused, and the driver then takes one answer for another.

use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use ::tokio_postgres::{Client, Error, SimpleQueryMessage, SimpleQueryStream};
use bytes::{BufMut as _, BytesMut};
use futures_core::Stream as _;

use super::error;
use super::wire::Outbox;
use crate::database::DatabaseError;

/// Data in one message, in bytes; not more than one is held.
const CHUNK: usize = 64 * 1024;

/// Data on its way into `COPY ... FROM STDIN`.
pub(super) struct Sending<'d> {
    data: &'d mut dyn Read,
    /// The server has asked for data.
    asked: bool,
    /// The last of it is sent, or the server wants no more.
    over: bool,
    ended: bool,
    rows: Option<u64>,
    /// Why there is no more data than this.
    unread: Option<io::Error>,
    refused: Option<DatabaseError>,
}

impl<'d> Sending<'d> {
    pub(super) fn new(data: &'d mut dyn Read) -> Self {
        Self { data, asked: false, over: false, ended: false, rows: None, unread: None, refused: None }
    }

    /// Takes what the server says, and gives it the next data when the last is written.
    pub(super) fn step(
        &mut self,
        outbox: &Outbox,
        mut stream: Pin<&mut SimpleQueryStream>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<u64, DatabaseError>> {
        while !self.ended
            && let Poll::Ready(message) = stream.as_mut().poll_next(cx)
        {
            if let Err(lost) = self.hear(message) {
                return Poll::Ready(Err(lost));
            }
        }
        if !outbox.is_empty() {
            // Also when it is over: half a message would spoil the next.
            return Poll::Pending;
        }
        if self.ended {
            return Poll::Ready(self.result());
        }
        if self.asked && !self.over {
            outbox.put(|bytes| self.say(bytes));
        }
        Poll::Pending
    }

    fn hear(&mut self, message: Option<Result<SimpleQueryMessage, Error>>) -> Result<(), DatabaseError> {
        match message {
            None => self.ended = true,
            Some(Ok(SimpleQueryMessage::CommandComplete(rows))) => self.rows = Some(rows),
            Some(Ok(_)) => {}
            // The driver doesn't know the server's call for data; everything else it knows by name.
            Some(Err(e)) if !self.asked && e.as_db_error().is_none() && !e.is_closed() => self.asked = true,
            Some(Err(e)) => match error::convert(&e, 0) {
                refused @ DatabaseError::Server(_) => (self.refused, self.over) = (Some(refused), true),
                lost => return Err(lost),
            },
        }
        Ok(())
    }

    /// Puts one message: data, or its end.
    fn say(&mut self, bytes: &mut BytesMut) {
        const HEAD: usize = 5;
        bytes.resize(HEAD + CHUNK, 0);
        let size = match fill(self.data, &mut bytes[HEAD..]) {
            Ok(size) => size,
            Err(e) => {
                bytes.clear();
                let why = b"the data could not be read\0";
                bytes.put_u8(b'f');
                bytes.put_u32(4 + why.len() as u32);
                bytes.put_slice(why);
                (self.unread, self.over) = (Some(e), true);
                return;
            }
        };
        bytes.truncate(HEAD + size);
        bytes[0] = if size == 0 { b'c' } else { b'd' };
        bytes[1..HEAD].copy_from_slice(&(4 + size as u32).to_be_bytes());
        self.over = size == 0;
    }

    fn result(&mut self) -> Result<u64, DatabaseError> {
        let unread = self.unread.take();
        match (unread, self.refused.take(), self.rows) {
            (Some(e), ..) => Err(DatabaseError::unsound(format!("the data of the COPY could not be read: {e}"))),
            (None, Some(refused), _) => Err(refused),
            (None, None, Some(rows)) if self.asked => Ok(rows),
            _ => Err(DatabaseError::unsound("the statement did not ask for data".to_owned())),
        }
    }
}

/// As much as there is room for, but for the end of the data.
fn fill(data: &mut dyn Read, room: &mut [u8]) -> io::Result<usize> {
    let mut size = 0;
    while size < room.len() {
        match data.read(&mut room[size..]) {
            Ok(0) => break,
            Ok(more) => size += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(size)
}

/// Runs `COPY ... TO STDOUT` and counts bytes.
pub(super) async fn copy_out(client: &Client, sql: &str) -> Result<u64, Error> {
    let mut stream = pin!(client.copy_out(sql).await?);
    let mut size = 0;
    while let Some(data) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        size += data?.len() as u64;
    }
    // Triggers of a COPY of what an INSERT returns run behind its last byte. The driver has no word for the answer, but
    // it has one for an error.
    match poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        Some(Err(e)) if e.as_db_error().is_some() || e.is_closed() => Err(e),
        _ => Ok(size),
    }
}
