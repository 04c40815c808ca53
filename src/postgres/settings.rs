//! Where to connect and how, with every value understood. Made of libpq's parameters; reads only the files of TLS.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ::tokio_postgres::config::ChannelBinding;
use zeroize::Zeroizing;

use super::conninfo::Parameters;
use super::keywords::{self, Support};
use super::tls::Tls;

const DEFAULT_PORT: u16 = 5432;

/// libpq waits for ever; an operator wants to know.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The directories in which Debian and PostgreSQL itself put the server's socket.
const SOCKETS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// The server cuts longer names.
const MAX_NAME: usize = 63;

/// Everything that a connection needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// In the order in which they are tried; at least one.
    pub hosts: Vec<Host>,
    /// The role.
    pub user: String,
    /// The database.
    pub database: String,
    pub(super) application_name: String,
    /// For each address, to the end of authentication; `None` waits for ever.
    pub(super) connect_timeout: Option<Duration>,
    pub(super) wanted: Wanted,
    pub(super) channel_binding: ChannelBinding,
    pub(super) keep_alive: KeepAlive,
    pub(super) tls: Tls,
}

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

/// `target_session_attrs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// How a dead peer is noticed on TCP.
#[derive(Clone, Debug)]
pub(super) struct KeepAlive {
    pub on: bool,
    pub idle: Option<Duration>,
    pub interval: Option<Duration>,
    pub count: Option<u32>,
    pub user_timeout: Option<Duration>,
}

/// Why parameters are no way to a server. No value of a password is in it.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not a connection string.
    #[error("{0}")]
    Syntax(String),
    /// libpq has no such keyword.
    #[error("{0:?} is no parameter of a connection")]
    Unknown(String),
    /// libpq has it, pgseal does not.
    #[error("{keyword} is refused: {why}")]
    Refused {
        /// The keyword, with its environment variable.
        keyword: String,
        /// Why.
        why: String,
    },
    /// A value that the parameter can't have.
    #[error("{keyword} can't be {value:?}: {why}")]
    Value {
        /// The keyword.
        keyword: &'static str,
        /// What was given.
        value: String,
        /// What it may be.
        why: String,
    },
    /// A file of TLS.
    #[error("{keyword} {}: {why}", .path.display())]
    File {
        /// The keyword that names it.
        keyword: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The parameters don't fit together.
    #[error("{0}")]
    Together(String),
}

impl Settings {
    /// Understands every parameter that is given. Defaults are libpq's, but the time to connect is limited.
    pub fn from_parameters(parameters: &Parameters) -> Result<Self, SettingsError> {
        for keyword in keywords::KEYWORDS {
            if let Some(value) = parameters.get(keyword.name) {
                is_supported(keyword, value)?;
            }
        }
        let user = parameters.get("user").ok_or_else(|| SettingsError::Together("no user is given".to_owned()))?;
        let name = parameters.get("application_name").or(parameters.get("fallback_application_name"));
        let hosts = hosts(parameters)?;
        let by_tcp = hosts.iter().any(|host| !matches!(host.place, Place::Directory(_)));
        let settings = Self {
            hosts,
            user: user.to_owned(),
            database: parameters.get("dbname").unwrap_or(user).to_owned(),
            application_name: application_name(name.unwrap_or("pgseal"))?,
            connect_timeout: connect_timeout(parameters)?,
            wanted: wanted(parameters)?,
            channel_binding: choose(
                parameters,
                "channel_binding",
                "prefer",
                &[
                    ("prefer", ChannelBinding::Prefer),
                    ("require", ChannelBinding::Require),
                    ("disable", ChannelBinding::Disable),
                ],
            )?,
            keep_alive: KeepAlive {
                on: number(parameters, "keepalives")? != Some(0),
                idle: seconds(parameters, "keepalives_idle")?,
                interval: seconds(parameters, "keepalives_interval")?,
                count: number(parameters, "keepalives_count")?.filter(|count| *count > 0),
                user_timeout: number(parameters, "tcp_user_timeout")?
                    .filter(|limit| *limit > 0)
                    .map(|limit| Duration::from_millis(u64::from(limit))),
            },
            tls: Tls::from_parameters(parameters, by_tcp)?,
        };
        Ok(settings)
    }
}

impl FromStr for Settings {
    type Err = SettingsError;

    /// A connection string alone: no environment, no files of passwords or services.
    fn from_str(text: &str) -> Result<Self, SettingsError> {
        Self::from_parameters(&Parameters::parse(text)?)
    }
}

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

fn is_supported(keyword: &keywords::Keyword, value: &str) -> Result<(), SettingsError> {
    let shown =
        || keyword.variable.map_or(keyword.name.to_owned(), |variable| format!("{} ({variable})", keyword.name));
    match keyword.support {
        Support::Full => Ok(()),
        Support::Only(values) if values.contains(&value) => Ok(()),
        Support::Only(values) => {
            let why = format!("only {} is supported", values.join(" or "));
            Err(SettingsError::Value { keyword: keyword.name, value: value.to_owned(), why })
        }
        Support::Refused(why) => Err(SettingsError::Refused { keyword: shown(), why: why.to_owned() }),
    }
}

/// Lists of hosts, addresses and ports, paired as libpq does it.
fn hosts(parameters: &Parameters) -> Result<Vec<Host>, SettingsError> {
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

/// Plain ASCII of a length that the server keeps, so that it can be compared with what the session has.
fn application_name(name: &str) -> Result<String, SettingsError> {
    let plain = name.len() <= MAX_NAME && name.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let why = || format!("use up to {MAX_NAME} printable ASCII characters");
    if plain {
        return Ok(name.to_owned());
    }
    Err(SettingsError::Value { keyword: "application_name", value: name.to_owned(), why: why() })
}

fn connect_timeout(parameters: &Parameters) -> Result<Option<Duration>, SettingsError> {
    let Some(text) = parameters.get("connect_timeout") else { return Ok(Some(CONNECT_TIMEOUT)) };
    let seconds: i32 = text.trim().parse().map_err(|_| SettingsError::Value {
        keyword: "connect_timeout",
        value: text.to_owned(),
        why: "write a number of seconds".to_owned(),
    })?;
    // As libpq: zero or less waits for ever, one is two.
    Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.max(2))))
}

fn wanted(parameters: &Parameters) -> Result<Wanted, SettingsError> {
    choose(
        parameters,
        "target_session_attrs",
        "any",
        &[
            ("any", Wanted::Any),
            ("read-write", Wanted::ReadWrite),
            ("read-only", Wanted::ReadOnly),
            ("primary", Wanted::Primary),
            ("standby", Wanted::Standby),
            ("prefer-standby", Wanted::PreferStandby),
        ],
    )
}

/// One of several words.
pub(super) fn choose<T: Copy>(
    parameters: &Parameters,
    keyword: &'static str,
    default: &str,
    words: &[(&str, T)],
) -> Result<T, SettingsError> {
    let value = parameters.get(keyword).unwrap_or(default);
    let found = words.iter().find(|(word, _)| *word == value);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        SettingsError::Value { keyword, value: value.to_owned(), why: format!("write {}", words.join(", ")) }
    })
}

fn number(parameters: &Parameters, keyword: &'static str) -> Result<Option<u32>, SettingsError> {
    let Some(text) = parameters.get(keyword) else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| SettingsError::Value {
        keyword,
        value: text.to_owned(),
        why: "write a number".to_owned(),
    })
}

/// Zero leaves it to the system, as in libpq.
fn seconds(parameters: &Parameters, keyword: &'static str) -> Result<Option<Duration>, SettingsError> {
    let seconds = number(parameters, keyword)?.filter(|seconds| *seconds > 0);
    Ok(seconds.map(|seconds| Duration::from_secs(u64::from(seconds))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match text.parse::<Settings>() {
            Ok(settings) => settings.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn lists_of_hosts_pair_with_ports() {
        assert_eq!(shown("host=a,b,/run/pg port=1,,3 user=u"), "a:1 b:5432 /run/pg port 3");
        assert_eq!(shown("host=a,b port=7 user=u"), "a:7 b:7");
        assert_eq!(shown("postgresql://u@[::1]:7,c/d"), "[::1]:7 c:5432");
        assert_eq!(shown("host=a,b hostaddr=127.0.0.1,::1 user=u"), "a:5432 b:5432");
        for text in
            ["host=a,b port=1,2,3", "host=a,b hostaddr=127.0.0.1", "hostaddr=a", "host=a port=0", "host=a port=x"]
        {
            assert!(shown(&format!("{text} user=u")).starts_with("error: "), "{text}");
        }
    }

    #[test]
    fn nothing_is_ignored() {
        for text in [
            "sslmode=maybe",
            "sslcrldir=/x",
            "gssencmode=require",
            "load_balance_hosts=random",
            "requirepeer=x",
            "options=-cx=y",
            "target_session_attrs=writable",
            "connect_timeout=soon",
            "client_encoding=LATIN1",
            "keepalives=yes",
            "require_auth=md5",
            "replication=database",
            "application_name=ä",
            "nonsense=1",
        ] {
            let error = shown(&format!("host=a user=u {text}"));
            assert!(error.starts_with("error: "), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_that_slipped_into_another_part_is_not_shown() {
        for text in ["postgres://u:p@secret@h/d", "postgres://u:secret/x@h", "postgres://u:p:secret@@h:1/d"] {
            let error = shown(text);
            assert!(error.starts_with("error: ") && !error.contains("secret"), "{text}: {error}");
        }
        let settings: Settings = "host=a user=u password=secret".parse().unwrap();
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
