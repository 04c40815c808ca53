//! From a host to a [`Wire`]: addresses, sockets, and TLS on them.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{CertificateError, Error};

use super::host::{Host, Place};
use super::settings::{KeepAlive, Settings};
use super::tls::{Mode, Tls, end_point};
use super::trouble::{Then, Trouble};
use super::wire::{Counted, Stream, Wire};
use crate::database::DatabaseError;

/// "SSLRequest" of the protocol.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Exactly one place to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Socket(PathBuf),
    Tcp(SocketAddr),
}

/// A wire, whether it is encrypted, and how many bytes have moved on it.
pub(super) struct Dialed {
    pub wire: Wire,
    pub secure: bool,
    pub moved: Arc<AtomicU64>,
}

/// Every address of a host, in the system's order.
pub(super) async fn addresses(host: &Host) -> Result<Vec<Address>, DatabaseError> {
    match &host.place {
        Place::Directory(dir) => Ok(vec![Address::Socket(dir.join(format!(".s.PGSQL.{}", host.port)))]),
        Place::Address(address) => Ok(vec![Address::Tcp(SocketAddr::new(*address, host.port))]),
        Place::Name(name) => {
            let found = lookup_host((name.as_str(), host.port)).await;
            let found = found.map_err(|e| DatabaseError::unreachable(format!("{host}: the name is not found: {e}")))?;
            let mut addresses: Vec<_> = found.map(Address::Tcp).collect();
            addresses.dedup();
            if addresses.is_empty() {
                return Err(DatabaseError::unreachable(format!("{host}: the name has no address")));
            }
            Ok(addresses)
        }
    }
}

/// Connects, with or without TLS. Where TLS is only preferred, what comes back may still be plain.
pub(super) async fn dial(settings: &Settings, host: &Host, address: &Address, secure: bool) -> Result<Dialed, Trouble> {
    let failed = |e: io::Error| Trouble::new(Then::NextAddress, e.to_string());
    let socket: Box<dyn Stream> = match address {
        Address::Socket(path) => Box::new(UnixStream::connect(path).await.map_err(failed)?),
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await.map_err(failed)?;
            tune(&settings.keep_alive, &stream).map_err(failed)?;
            Box::new(stream)
        }
    };
    let moved = Arc::new(AtomicU64::new(0));
    let socket = Counted::new(socket, Arc::clone(&moved));
    if secure {
        encrypt(&settings.tls, host, socket, moved).await
    } else {
        Ok(Dialed { wire: Wire::new(Box::new(socket), None), secure: false, moved })
    }
}

async fn encrypt(tls: &Tls, host: &Host, mut socket: Counted, moved: Arc<AtomicU64>) -> Result<Dialed, Trouble> {
    let Some(config) = &tls.config else {
        return Err(Trouble::tls(Then::Stop, "TLS is switched off"));
    };
    if !tls.direct {
        let asked = async {
            socket.write_all(&SSL_REQUEST).await?;
            socket.flush().await?;
            // Exactly one byte: what comes behind it has to be TLS.
            socket.read_u8().await
        };
        let lost = |e: io::Error| Trouble::new(Then::NextAddress, format!("the server does not answer: {e}"));
        match asked.await.map_err(lost)? {
            b'S' => {}
            b'N' if tls.mode == Mode::Prefer => {
                return Ok(Dialed { wire: Wire::new(Box::new(socket), None), secure: false, moved });
            }
            b'N' => return Err(Trouble::tls(Then::Stop, "the server has no TLS, which sslmode asks for")),
            _ => return Err(Trouble::tls(Then::OtherWay, "the server does not know TLS")),
        }
    }
    let name = match &host.place {
        Place::Address(address) if host.name.parse() == Ok(*address) => Ok(ServerName::from(*address)),
        _ => ServerName::try_from(host.name.clone()),
    };
    let name = name.map_err(|_| Trouble::tls(Then::Stop, "no certificate can name this host"))?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, socket).await;
    let stream = stream.map_err(|e| refused(tls, &e))?;
    let session = stream.get_ref().1;
    if tls.direct && session.alpn_protocol().is_none() {
        return Err(Trouble::tls(Then::Stop, "the server does not know sslnegotiation=direct"));
    }
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    let end_point = certificate.and_then(|certificate| end_point::of(certificate));
    Ok(Dialed { wire: Wire::new(Box::new(stream), end_point), secure: true, moved })
}

/// Why there is no TLS. A certificate that was verified and is wrong is never answered by leaving TLS out.
fn refused(tls: &Tls, error: &io::Error) -> Trouble {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let Some(Error::InvalidCertificate(wrong)) = inner else {
        let text = inner.map_or_else(|| error.to_string(), ToString::to_string);
        return Trouble::tls(Then::OtherWay, format!("no TLS: {text}"));
    };
    let then = if tls.roots.is_some() { Then::Stop } else { Then::OtherWay };
    let roots = tls.roots.as_deref().unwrap_or_default();
    let why = match wrong {
        CertificateError::UnknownIssuer => format!("nothing in {roots} (sslrootcert) has signed it"),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        CertificateError::Revoked => "it is revoked".to_owned(),
        CertificateError::UnknownRevocationStatus => "no list in sslcrl says whether it is revoked".to_owned(),
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "it names no host (only subjectAltName counts, not the common name)".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!("it is for {}", names(presented)),
        other => other.to_string(),
    };
    Trouble::tls(then, format!("the server's certificate is refused: {why}"))
}

/// rustls writes `DnsName("a")`.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| match name.split_once('(') {
        Some((_, name)) => name.trim_end_matches(')').trim_matches('"').to_owned(),
        None => name.clone(),
    };
    presented.iter().map(plain).collect::<Vec<_>>().join(", ")
}

fn tune(alive: &KeepAlive, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
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

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => write!(f, "{}", address.ip()),
        }
    }
}
