//! Non-blocking sockets that count transferred bytes. The count distinguishes a dead connection
//! from a slow one.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, SockAddr, TcpKeepalive, Type};

use super::clock::Clock;
use super::dial::Address;
use super::settings::KeepAlive;

pub(super) struct Socket {
    socket: socket2::Socket,
    pub moved: u64,
}

/// Longer than any operating system's own limit for connecting.
const NO_LIMIT: Duration = Duration::from_secs(24 * 3600);

impl Socket {
    pub(super) fn connect(
        address: &Address,
        alive: &KeepAlive,
        clock: &mut Clock,
    ) -> io::Result<Self> {
        let (domain, to) = match address {
            Address::Socket(path) => (Domain::UNIX, SockAddr::unix(path)?),
            Address::Tcp(address) => (Domain::for_address(*address), SockAddr::from(*address)),
        };
        let socket = socket2::Socket::new(domain, Type::STREAM, None)?;
        socket.connect_timeout(&to, clock.left(0)?.unwrap_or(NO_LIMIT))?;
        if let Address::Tcp(_) = address {
            tune(alive, &socket)?;
        }
        socket.set_nonblocking(true)?;
        Ok(Self { socket, moved: 0 })
    }

    /// Waits until the socket is readable or, with `to_write`, writable.
    pub(super) fn wait(&self, to_write: bool, clock: &mut Clock) -> io::Result<()> {
        let write = if to_write {
            PollFlags::OUT
        } else {
            PollFlags::empty()
        };
        let left = clock
            .left(self.moved)?
            .and_then(|left| Timespec::try_from(left).ok());
        match poll(
            &mut [PollFd::new(&self.socket, PollFlags::IN | write)],
            left.as_ref(),
        ) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => Err(e.into()),
            _ => Ok(()),
        }
    }

    /// Reads exactly one byte, because the bytes after it may be TLS.
    pub(super) fn read_byte(&mut self, clock: &mut Clock) -> io::Result<u8> {
        let mut byte = [0];
        loop {
            match self.read_exact(&mut byte) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.wait(false, clock)?,
                read => return read.map(|()| byte[0]),
            }
        }
    }

    /// Shuts down the sending side.
    pub(super) fn end(&self) {
        // The peer may be gone.
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    fn count(&mut self, size: usize) -> usize {
        self.moved += size as u64;
        size
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.read(into).map(|size| self.count(size))
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes).map(|size| self.count(size))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tune(alive: &KeepAlive, socket: &socket2::Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(alive.user_timeout)?;
    if alive.on {
        let mut keep = TcpKeepalive::new();
        if let Some(idle) = alive.idle {
            keep = keep.with_time(idle);
        }
        if let Some(interval) = alive.interval {
            keep = keep.with_interval(interval);
        }
        if let Some(count) = alive.count {
            keep = keep.with_retries(count);
        }
        socket.set_tcp_keepalive(&keep)?;
    }
    Ok(())
}
