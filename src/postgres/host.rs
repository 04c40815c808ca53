//! Server hosts from the connection parameters, each with its password.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::conninfo::Parameters;
use super::settings::SettingsError;

const DEFAULT_PORT: u16 = 5432;

/// Default directories of the server's socket, in Debian and in PostgreSQL itself.
const SOCKETS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// One server host from the connection parameters.
#[derive(Clone, Debug)]
pub struct Host {
    /// Name as the operator wrote it. Certificates are compared with it.
    pub name: String,
    pub(super) place: Place,
    /// TCP port, or the number in the socket's name.
    pub port: u16,
    /// Password for a server that asks for one.
    pub password: Option<Password>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The directory of a unix socket.
    Directory(PathBuf),
    Address(IpAddr),
    Name(String),
}

/// A password. Wiped when dropped; `Debug` does not show it.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Host {
    /// The host's name in a password file, where a default socket directory is `localhost`.
    pub fn in_password_file(&self) -> &str {
        match &self.place {
            Place::Directory(dir) if SOCKETS.iter().any(|socket| dir == Path::new(socket)) => {
                "localhost"
            }
            _ => &self.name,
        }
    }
}

impl Password {
    /// Copies a password into memory that is wiped on drop.
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

/// Formats as `localhost:5432`, `[::1]:5432` or `/run/postgresql port 5432`.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Directory(dir) => write!(f, "{} port {}", dir.display(), self.port),
            _ if self.name.contains(':') => write!(f, "[{}]:{}", self.name, self.port),
            _ => write!(f, "{}:{}", self.name, self.port),
        }
    }
}

/// Pairs the lists of hosts, addresses and ports, as libpq does.
pub(super) fn all(parameters: &Parameters) -> Result<Vec<Host>, SettingsError> {
    let list = |keyword| {
        parameters
            .get(keyword)
            .map(|list| list.split(',').map(str::trim).collect::<Vec<_>>())
    };
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = addresses.as_ref().or(names.as_ref()).map_or(1, Vec::len);
    if names.as_ref().is_some_and(|names| names.len() != count) {
        return Err(SettingsError::Together(format!(
            "host doesn't name {count} hosts, as hostaddr does"
        )));
    }
    let port_count = ports.as_ref().map_or(1, Vec::len);
    if port_count != 1 && port_count != count {
        return Err(SettingsError::Together(format!(
            "port names neither one port nor {count}, one for each host"
        )));
    }
    let at = |list: &Option<Vec<&str>>, at: usize| {
        let list = list.as_ref()?;
        list.get(if list.len() == 1 { 0 } else { at })
            .copied()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let password = parameters.get("password").map(Password::new);
    let host = |index: usize| {
        let port = at(&ports, index).map_or(Ok(DEFAULT_PORT), |text| port(&text))?;
        let (name, address) = (at(&names, index), at(&addresses, index));
        let (name, place) = place(name, address, port)?;
        Ok(Host {
            name,
            place,
            port,
            password: password.clone(),
        })
    };
    (0..count).map(host).collect()
}

fn place(
    name: Option<String>,
    address: Option<String>,
    port: u16,
) -> Result<(String, Place), SettingsError> {
    // The value is not shown: after an unescaped "@" in a password, the host holds part of that
    // password.
    let has_at = |name: &String| name.contains('@') && !name.starts_with('/');
    if name.as_ref().is_some_and(has_at) {
        let text = "a host has an \"@\" in it; in a password it is written %40";
        return Err(SettingsError::together(text));
    }
    if let Some(text) = address {
        let address: IpAddr = text.parse().map_err(|_| {
            SettingsError::value("hostaddr", &text, "write an IPv4 or IPv6 address")
        })?;
        return Ok((name.unwrap_or(text), Place::Address(address)));
    }
    let Some(name) = name else {
        let socket = SOCKETS
            .into_iter()
            .find(|dir| Path::new(&format!("{dir}/.s.PGSQL.{port}")).exists());
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
    // The value is not shown: after an unescaped ":" in a password, the port holds part of that
    // password.
    let wrong = || {
        let text = "a port is no number from 1 to 65535; in a password, \":\", \"/\" and \"@\" are written %3A, %2F, %40";
        SettingsError::together(text)
    };
    text.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)
}
