//! The servers that were named, each with its password.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::conninfo::Parameters;
use super::settings::SettingsError;

const DEFAULT_PORT: u16 = 5432;

/// The directories in which Debian and PostgreSQL itself put the server's socket.
const SOCKETS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// A server that was named.
#[derive(Clone, Debug)]
pub struct Host {
    /// As the operator named it, which is what certificates are compared with.
    pub name: String,
    pub(super) place: Place,
    /// The port, or the number in the socket's name.
    pub port: u16,
    /// What to say when it is asked for.
    pub password: Option<Password>,
}

/// Where a host is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The directory of a unix socket.
    Directory(PathBuf),
    Address(IpAddr),
    Name(String),
}

/// A password; wiped when dropped, and never shown.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Host {
    /// How a password file names it: the default socket is `localhost` there.
    pub fn in_password_file(&self) -> &str {
        match &self.place {
            Place::Directory(dir) if SOCKETS.iter().any(|socket| dir == Path::new(socket)) => "localhost",
            _ => &self.name,
        }
    }
}

impl Password {
    /// Takes it over.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// `localhost:5432`, `[::1]:5432`, `/run/postgresql port 5432`.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Directory(dir) => write!(f, "{} port {}", dir.display(), self.port),
            _ if self.name.contains(':') => write!(f, "[{}]:{}", self.name, self.port),
            _ => write!(f, "{}:{}", self.name, self.port),
        }
    }
}

/// Lists of hosts, addresses and ports, paired as libpq does it.
pub(super) fn all(parameters: &Parameters) -> Result<Vec<Host>, SettingsError> {
    let list = |keyword| parameters.get(keyword).map(|list| list.split(',').map(str::trim).collect::<Vec<_>>());
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = addresses.as_ref().or(names.as_ref()).map_or(1, Vec::len);
    if names.as_ref().is_some_and(|names| names.len() != count) {
        return Err(SettingsError::Together(format!("host doesn't name {count} hosts, as hostaddr does")));
    }
    if ports.as_ref().is_some_and(|ports| ports.len() != 1 && ports.len() != count) {
        return Err(SettingsError::Together(format!("port names neither one port nor {count}, one for each host")));
    }
    let at = |list: &Option<Vec<&str>>, at: usize| {
        let list = list.as_ref()?;
        list.get(if list.len() == 1 { 0 } else { at }).copied().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let password = parameters.get("password").map(Password::new);
    let host = |index: usize| {
        let port = at(&ports, index).map_or(Ok(DEFAULT_PORT), |text| port(&text))?;
        let (name, address) = (at(&names, index), at(&addresses, index));
        let (name, place) = place(name, address, port)?;
        Ok(Host { name, place, port, password: password.clone() })
    };
    (0..count).map(host).collect()
}

fn place(name: Option<String>, address: Option<String>, port: u16) -> Result<(String, Place), SettingsError> {
    // Not shown: behind an "@" in a password stands a part of it.
    if name.as_ref().is_some_and(|name| name.contains('@') && !name.starts_with('/')) {
        return Err(SettingsError::Together("a host has an \"@\" in it; in a password it is written %40".to_owned()));
    }
    if let Some(text) = address {
        let address: IpAddr = text.parse().map_err(|_| SettingsError::Value {
            keyword: "hostaddr",
            value: text.clone(),
            why: "write an IPv4 or IPv6 address".to_owned(),
        })?;
        return Ok((name.unwrap_or(text), Place::Address(address)));
    }
    let Some(name) = name else {
        let socket = SOCKETS.into_iter().find(|dir| Path::new(&format!("{dir}/.s.PGSQL.{port}")).exists());
        return Ok(match socket {
            Some(dir) => (dir.to_owned(), Place::Directory(dir.into())),
            None => ("localhost".to_owned(), Place::Name("localhost".to_owned())),
        });
    };
    let place = match name.parse() {
        _ if name.starts_with('/') => Place::Directory(PathBuf::from(&name)),
        Ok(address) => Place::Address(address),
        Err(_) => Place::Name(name.clone()),
    };
    Ok((name, place))
}

fn port(text: &str) -> Result<u16, SettingsError> {
    // Not shown: behind a ":" in a password stands a part of it.
    let wrong = || {
        let text =
            "a port is no number from 1 to 65535; in a password, \":\", \"/\" and \"@\" are written %3A, %2F, %40";
        SettingsError::Together(text.to_owned())
    };
    text.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)
}
