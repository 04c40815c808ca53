//! The socket below the driver. It tells when everything is written, and takes bytes beside the driver, which has no word
//! for the data of a COPY in the simple protocol.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use ::tokio_postgres::Config;
use ::tokio_postgres::config::Host;
use bytes::{Buf as _, BytesMut};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;

use crate::database::DatabaseError;

/// A connected socket.
pub(super) struct Wire {
    socket: Box<dyn Socket>,
    outbox: Outbox,
}

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl Socket for TcpStream {}
impl Socket for UnixStream {}

/// The other hand on a [`Wire`].
#[derive(Clone, Default)]
pub(super) struct Outbox(Arc<Mutex<Post>>);

#[derive(Default)]
struct Post {
    bytes: BytesMut,
    written: bool,
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

impl Wire {
    /// Connects to the one host that is named.
    pub(super) async fn connect(config: &Config) -> Result<(Self, Outbox), DatabaseError> {
        let failed = |e: io::Error| DatabaseError::Connection(format!("error connecting to server: {e}"));
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let socket: Box<dyn Socket> = match (config.get_hosts(), config.get_hostaddrs()) {
            ([Host::Unix(dir)], []) => {
                let connecting = UnixStream::connect(dir.join(format!(".s.PGSQL.{port}")));
                Box::new(in_time(config, connecting).await.map_err(failed)?)
            }
            ([Host::Tcp(name)], []) => Box::new(tcp(config, name, port).await.map_err(failed)?),
            ([] | [_], [address]) => Box::new(tcp(config, &address.to_string(), port).await.map_err(failed)?),
            _ => return Err(DatabaseError::Connection("not one host, so it is not clear which".to_owned())),
        };
        let outbox = Outbox::default();
        Ok((Self { socket, outbox: outbox.clone() }, outbox))
    }
}

async fn tcp(config: &Config, host: &str, port: u16) -> io::Result<TcpStream> {
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in lookup_host((host, port)).await? {
        match in_time(config, TcpStream::connect(address)).await {
            Ok(stream) => return tune(config, stream),
            Err(e) => error = e,
        }
    }
    Err(error)
}

fn tune(config: &Config, stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(config.get_tcp_user_timeout().copied())?;
    if config.get_keepalives() {
        let mut alive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
        if let Some(interval) = config.get_keepalives_interval() {
            alive = alive.with_interval(interval);
        }
        if let Some(retries) = config.get_keepalives_retries() {
            alive = alive.with_retries(retries);
        }
        socket.set_tcp_keepalive(&alive)?;
    }
    Ok(stream)
}

async fn in_time<T>(config: &Config, connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match config.get_connect_timeout() {
        Some(limit) => timeout(*limit, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        None => connecting.await,
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.socket).poll_read(cx, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.socket).poll_write(cx, bytes)
    }

    /// The driver flushes when its own bytes are written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, outbox } = &mut *self;
        let mut post = outbox.post();
        while !post.bytes.is_empty() {
            match ready!(Pin::new(&mut **socket).poll_write(cx, &post.bytes))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                size => post.bytes.advance(size),
            }
        }
        ready!(Pin::new(&mut **socket).poll_flush(cx))?;
        post.written = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.socket).poll_shutdown(cx)
    }
}
