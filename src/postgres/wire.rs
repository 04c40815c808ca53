//! The connection below the driver, with TLS inside it, so that the driver sees plain bytes. It tells when everything is
//! written, and takes bytes beside the driver, which has no word for the data of a COPY in the simple protocol.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready as ready_or_return};

use ::tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use pgseal_verify::limits;

/// A connected socket, encrypted or not.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    outbox: Outbox,
    messages: Messages,
    /// What SCRAM binds a login to; only with TLS.
    end_point: Option<Vec<u8>>,
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The other hand on a [`Wire`].
#[derive(Clone, Default)]
pub(super) struct Outbox(Arc<Mutex<Post>>);

#[derive(Default)]
struct Post {
    bytes: BytesMut,
    written: bool,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>, end_point: Option<Vec<u8>>) -> Self {
        Self { stream, outbox: Outbox::default(), messages: Messages::default(), end_point }
    }

    pub(super) fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }
}

impl Outbox {
    /// Whole messages, only while the driver has none to send.
    pub(super) fn put(&self, fill: impl FnOnce(&mut BytesMut)) {
        fill(&mut self.post().bytes);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.post().bytes.is_empty()
    }

    /// From here on, [`Self::is_written`] waits for the next moment in which nothing is left to write.
    pub(super) fn watch(&self) {
        self.post().written = false;
    }

    pub(super) fn is_written(&self) -> bool {
        self.post().written
    }

    fn post(&self) -> MutexGuard<'_, Post> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready_or_return!(Pin::new(&mut *self.stream).poll_read(cx, into))?;
        Poll::Ready(self.messages.pass(&into.filled()[before..]))
    }
}

/// The server's messages as they go by: the driver would take room for as much as one announces (PostgreSQL manual,
/// "Message Formats": a byte that says what it is, and its length).
#[derive(Default)]
struct Messages {
    header: [u8; 5],
    /// How much of the header is there.
    has: usize,
    /// Bytes of the message that are still to come.
    rest: usize,
}

impl Messages {
    /// Fails at a message that is too long, before any of it is kept.
    fn pass(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let part = self.rest.min(bytes.len());
                (self.rest, bytes) = (self.rest - part, &bytes[part..]);
                continue;
            }
            self.header[self.has] = bytes[0];
            (self.has, bytes) = (self.has + 1, &bytes[1..]);
            let [_, length @ ..] = self.header;
            let length = u32::from_be_bytes(length);
            if self.has < self.header.len() {
                continue;
            }
            if length > limits::MESSAGE_BYTES {
                let (at_most, text) = (limits::MESSAGE_BYTES >> 20, "the server announced a message of");
                return Err(io::Error::other(format!("{text} {length} bytes; {at_most} MiB are taken at most")));
            }
            // The length counts itself.
            (self.has, self.rest) = (0, (length as usize).saturating_sub(4));
        }
        Ok(())
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(cx, bytes)
    }

    /// The driver flushes when its own bytes are written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, outbox, .. } = &mut *self;
        let mut post = outbox.post();
        while !post.bytes.is_empty() {
            match ready_or_return!(Pin::new(&mut **stream).poll_write(cx, &post.bytes))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                size => post.bytes.advance(size),
            }
        }
        ready_or_return!(Pin::new(&mut **stream).poll_flush(cx))?;
        post.written = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}

/// What the driver believes to be its TLS: there is nothing left to do.
pub(super) struct Arranged;

impl TlsConnect<Wire> for Arranged {
    type Stream = Wire;
    type Error = Infallible;
    type Future = Ready<Result<Wire, Infallible>>;

    fn connect(self, wire: Wire) -> Self::Future {
        ready(Ok(wire))
    }
}

impl TlsStream for Wire {
    fn channel_binding(&self) -> ChannelBinding {
        self.end_point.clone().map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

/// A stream whose every byte, in or out, is counted: a connection on which nothing moves is told from a slow one.
pub(super) struct Counted {
    stream: Box<dyn Stream>,
    moved: Arc<AtomicU64>,
}

impl Counted {
    pub(super) fn new(stream: Box<dyn Stream>, moved: Arc<AtomicU64>) -> Self {
        Self { stream, moved }
    }

    fn count(&self, size: usize) {
        self.moved.fetch_add(size as u64, Ordering::Relaxed);
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut *self.stream).poll_read(cx, into);
        self.count(into.filled().len() - before);
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(size)) = &written {
            self.count(*size);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_refused_however_they_come() {
        let too_long = (limits::MESSAGE_BYTES + 1).to_be_bytes();
        let mut bytes = b"Z\0\0\0\x05IC\0\0\0\x04D".to_vec();
        for size in 1..=bytes.len() + 4 {
            let mut messages = Messages::default();
            bytes.truncate(12);
            bytes.extend(too_long);
            let (last, before) = bytes.split_last().unwrap();
            assert!(before.chunks(size).all(|chunk| messages.pass(chunk).is_ok()), "{size}");
            let error = messages.pass(&[*last]).unwrap_err().to_string();
            assert!(error.contains("67108865 bytes; 64 MiB"), "{error}");
        }
        let mut messages = Messages::default();
        let longest = [b"D".as_slice(), &limits::MESSAGE_BYTES.to_be_bytes()].concat();
        assert!(messages.pass(&longest).is_ok());
        assert!(messages.pass(&vec![b'x'; limits::MESSAGE_BYTES as usize - 4]).is_ok());
        assert!(messages.pass(b"D\x04\0\0\x01").is_err(), "the next one");
    }
}
