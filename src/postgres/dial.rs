//! Connects to a host and returns a [`Wire`]: resolves addresses, opens sockets, starts TLS.

use std::fmt;
use std::io::{self, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConnection, Error, StreamOwned};

use super::clock::Clock;
use super::connect_error::{ConnectError, NextAttempt};
use super::host::{Host, Place};
use super::settings::Settings;
use super::socket::Socket;
use super::tls::{Mode, Tls, end_point};
use super::wire::{Stream, Wire};
use crate::database::DatabaseError;

/// The protocol's `SSLRequest` message.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A single address to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Socket(PathBuf),
    Tcp(SocketAddr),
}

/// A connected wire, and whether it is encrypted.
pub(super) struct Dialed {
    pub wire: Wire,
    pub secure: bool,
    /// SCRAM channel binding data; only with TLS.
    pub end_point: Option<Vec<u8>>,
}

/// Every address of a host, in the system's order.
pub(super) fn addresses(host: &Host) -> Result<Vec<Address>, DatabaseError> {
    match &host.place {
        Place::Directory(dir) => Ok(vec![Address::Socket(
            dir.join(format!(".s.PGSQL.{}", host.port)),
        )]),
        Place::Address(address) => Ok(vec![Address::Tcp(SocketAddr::new(*address, host.port))]),
        Place::Name(name) => {
            let found = (name.as_str(), host.port).to_socket_addrs();
            let failed =
                |why: String| DatabaseError::unreachable(format!("{host}: the name {why}"));
            let found = found.map_err(|e| failed(format!("is not found: {e}")))?;
            let mut addresses: Vec<_> = found.map(Address::Tcp).collect();
            addresses.dedup();
            if addresses.is_empty() {
                return Err(failed("has no address".to_owned()));
            }
            Ok(addresses)
        }
    }
}

/// Connects, with or without TLS. If TLS is only preferred, the connection may be unencrypted even
/// with `secure`.
pub(super) fn dial(
    settings: &Settings,
    host: &Host,
    address: &Address,
    secure: bool,
    clock: &mut Clock,
) -> Result<Dialed, ConnectError> {
    let socket = Socket::connect(address, &settings.keep_alive, clock);
    let socket = socket.map_err(|e| ConnectError::new(NextAttempt::NextAddress, e.to_string()))?;
    if secure {
        encrypt(&settings.tls, host, socket, clock)
    } else {
        Ok(plain(socket))
    }
}

fn plain(socket: Socket) -> Dialed {
    Dialed {
        wire: Wire::new(Stream::Plain(socket)),
        secure: false,
        end_point: None,
    }
}

fn encrypt(
    tls: &Tls,
    host: &Host,
    mut socket: Socket,
    clock: &mut Clock,
) -> Result<Dialed, ConnectError> {
    let stop = |text| ConnectError::tls(NextAttempt::Stop, text);
    let Some(config) = &tls.config else {
        return Err(stop("TLS is switched off"));
    };
    let lost = |e: io::Error| {
        let text = format!("the server does not answer: {e}");
        ConnectError::new(NextAttempt::NextAddress, text)
    };
    if !tls.direct {
        socket.write_all(&SSL_REQUEST).map_err(lost)?;
        match socket.read_byte(clock).map_err(lost)? {
            b'S' => {}
            b'N' if tls.mode == Mode::Prefer => return Ok(plain(socket)),
            b'N' => return Err(stop("the server has no TLS, which sslmode asks for")),
            _ => {
                let text = "the server does not know TLS";
                return Err(ConnectError::tls(NextAttempt::OtherWay, text));
            }
        }
    }
    let name = match &host.place {
        Place::Address(address) if host.name.parse() == Ok(*address) => {
            Ok(ServerName::from(*address))
        }
        _ => ServerName::try_from(host.name.clone()),
    };
    let name = name.map_err(|_| stop("no certificate can name this host"))?;
    let session = ClientConnection::new(Arc::clone(config), name);
    let mut session =
        session.map_err(|e| ConnectError::tls(NextAttempt::OtherWay, format!("no TLS: {e}")))?;
    while session.is_handshaking() {
        match session.complete_io(&mut socket) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                socket.wait(session.wants_write(), clock).map_err(lost)?;
            }
            shaken => drop(shaken.map_err(|e| refused(tls, &e))?),
        }
    }
    if tls.direct && session.alpn_protocol().is_none() {
        return Err(stop("the server does not know sslnegotiation=direct"));
    }
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    let end_point = certificate.and_then(|certificate| end_point::of(certificate));
    let wire = Wire::new(Stream::Tls(Box::new(StreamOwned::new(session, socket))));
    Ok(Dialed {
        wire,
        secure: true,
        end_point,
    })
}

/// Converts a TLS error. A verified certificate that is wrong never leads to an attempt without
/// TLS.
fn refused(tls: &Tls, error: &io::Error) -> ConnectError {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    let Some(Error::InvalidCertificate(wrong)) = inner else {
        let text = inner.map_or_else(|| error.to_string(), ToString::to_string);
        return ConnectError::tls(NextAttempt::OtherWay, format!("no TLS: {text}"));
    };
    let then = if tls.roots.is_some() {
        NextAttempt::Stop
    } else {
        NextAttempt::OtherWay
    };
    let roots = tls.roots.as_deref().unwrap_or_default();
    use CertificateError as E;
    let why: &str = match wrong {
        E::UnknownIssuer => &format!("nothing in {roots} (sslrootcert) has signed it"),
        E::Expired | E::ExpiredContext { .. } => "it has expired",
        E::NotValidYet | E::NotValidYetContext { .. } => "it is not valid yet",
        E::Revoked => "it is revoked",
        E::UnknownRevocationStatus => "no list in sslcrl says whether it is revoked",
        E::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "it names no host (only subjectAltName counts, not the common name)"
        }
        E::NotValidForNameContext { presented, .. } => &format!("it is for {}", names(presented)),
        other => &other.to_string(),
    };
    ConnectError::tls(then, format!("the server's certificate is refused: {why}"))
}

/// Extracts the names from rustls's format, `DnsName("a")`.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| match name.split_once('(') {
        Some((_, name)) => name.trim_end_matches(')').trim_matches('"').to_owned(),
        None => name.clone(),
    };
    presented.iter().map(plain).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => write!(f, "{}", address.ip()),
        }
    }
}
