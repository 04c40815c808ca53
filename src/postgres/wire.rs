//! Protocol messages on a socket, with or without TLS.

use std::io::{self, ErrorKind, Read, Write};

use bytes::{Buf as _, BytesMut};
use postgres_protocol::message::backend::{Header, Message};
use postgres_protocol::message::frontend;
use rustls::{ClientConnection, StreamOwned};

use super::clock::Clock;
use super::socket::Socket;
use pgseal_verify::limits;

/// A connected socket, encrypted or not, with its input and output buffers.
pub(super) struct Wire {
    stream: Stream,
    input: BytesMut,
    output: BytesMut,
    chunk: Box<[u8]>,
    /// The error that ended writing. Input that arrived earlier is still read.
    broken: Option<io::Error>,
}

pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
    /// The connection is lost.
    Closed(io::Empty),
}

trait ReadWrite: Read + Write {}
impl<S: Read + Write> ReadWrite for S {}

/// Maximum bytes of one read.
const CHUNK: usize = 64 << 10;

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        let (input, output) = (BytesMut::new(), BytesMut::new());
        Self {
            stream,
            input,
            output,
            chunk: vec![0; CHUNK].into(),
            broken: None,
        }
    }

    /// Appends whole messages to the output buffer; none if `fill` fails.
    pub(super) fn put(
        &mut self,
        fill: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> io::Result<()> {
        let before = self.output.len();
        fill(&mut self.output).inspect_err(|_| self.output.truncate(before))
    }

    pub(super) fn is_written(&self) -> bool {
        self.output.is_empty() && !self.stream.wants_write()
    }

    /// Returns the next message. Writes pending output while it waits.
    pub(super) fn message(&mut self, clock: &mut Clock) -> io::Result<Message> {
        loop {
            if let Some(message) = self.parse()? {
                return Ok(message);
            }
            if !self.turn()? {
                self.wait(clock)?;
            }
        }
    }

    /// The next message, if it has arrived completely.
    pub(super) fn parse(&mut self) -> io::Result<Option<Message>> {
        parse(&mut self.input)
    }

    /// Writes as much as the socket takes, then reads once. Returns whether a read happened.
    pub(super) fn turn(&mut self) -> io::Result<bool> {
        if let Err(e) = self.write() {
            self.output.clear();
            self.broken = Some(e);
        }
        match self.stream.io().read(&mut self.chunk) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(size) => {
                self.input.extend_from_slice(&self.chunk[..size]);
                Ok(true)
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(true),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                self.broken.take().map_or(Ok(false), Err)
            }
            Err(e) => Err(e),
        }
    }

    /// Waits until [`Self::turn`] can make progress.
    pub(super) fn wait(&self, clock: &mut Clock) -> io::Result<()> {
        self.stream
            .socket()
            .map_or(Ok(()), |socket| socket.wait(!self.is_written(), clock))
    }

    /// Ends the session properly. If the server doesn't read the message, the session ends when the
    /// socket closes.
    pub(super) fn close(&mut self, clock: &mut Clock) -> io::Result<()> {
        frontend::terminate(&mut self.output);
        self.write_all(clock)?;
        if let Stream::Tls(tls) = &mut self.stream {
            tls.conn.send_close_notify();
        }
        self.write_all(clock)?;
        if let Some(socket) = self.stream.socket() {
            socket.end();
        }
        Ok(())
    }

    /// Closes the socket of a lost connection at once. A server that is still writing to it would
    /// keep its locks.
    pub(super) fn abandon(&mut self) {
        self.stream = Stream::Closed(io::empty());
    }

    /// Writes all output without reading; for a connection's last messages.
    pub(super) fn write_all(&mut self, clock: &mut Clock) -> io::Result<()> {
        loop {
            self.write()?;
            if self.is_written() {
                return Ok(());
            }
            self.wait(clock)?;
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.is_written() {
            let io = self.stream.io();
            let written = if self.output.is_empty() {
                io.flush().map(|()| 0)
            } else {
                io.write(&self.output)
            };
            match written {
                Ok(0) if !self.output.is_empty() => return Err(ErrorKind::WriteZero.into()),
                Ok(size) => self.output.advance(size),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

impl Stream {
    fn io(&mut self) -> &mut dyn ReadWrite {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.as_mut(),
            Self::Closed(nothing) => nothing,
        }
    }

    fn socket(&self) -> Option<&Socket> {
        match self {
            Self::Plain(socket) => Some(socket),
            Self::Tls(tls) => Some(&tls.sock),
            Self::Closed(_) => None,
        }
    }

    fn wants_write(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.conn.wants_write())
    }
}

/// Parses one message. Rejects an oversized one before it is buffered: a server may announce 1 GiB
/// and more.
fn parse(input: &mut BytesMut) -> io::Result<Option<Message>> {
    match Header::parse(input)? {
        Some(header) if header.len() as u32 > limits::MESSAGE_BYTES => {
            let (at_most, length) = (limits::MESSAGE_BYTES >> 20, header.len());
            let text = format!(
                "the server announced a message of {length} bytes; {at_most} MiB are taken at most"
            );
            Err(io::Error::other(text))
        }
        _ => Message::parse(input),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_refused_however_they_come() {
        let too_long = (limits::MESSAGE_BYTES + 1).to_be_bytes();
        let bytes = [b"Z\0\0\0\x05I3\0\0\0\x04D".as_slice(), &too_long].concat();
        for size in 1..=bytes.len() {
            let (mut input, mut messages) = (BytesMut::new(), 0);
            let outcome = bytes.chunks(size).try_for_each(|chunk| {
                input.extend_from_slice(chunk);
                while parse(&mut input)?.is_some() {
                    messages += 1;
                }
                Ok::<_, io::Error>(())
            });
            let error = outcome.unwrap_err().to_string();
            assert!(
                messages == 2 && error.contains("67108865 bytes; 64 MiB"),
                "{messages} {error}"
            );
        }
        let longest = [b"d".as_slice(), &limits::MESSAGE_BYTES.to_be_bytes()].concat();
        let mut input = BytesMut::from(longest.as_slice());
        assert!(parse(&mut input).unwrap().is_none());
        input.resize(limits::MESSAGE_BYTES as usize + 1, b'x');
        assert!(parse(&mut input).unwrap().is_some());
    }
}
