//! Connection settings with every value parsed, from libpq's parameters. Reads no files except
//! those of TLS.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::asked::AskedPassword;
use super::conninfo::Parameters;
use super::host::{self, Host, Place};
use super::keywords::{self, Support};
use super::tls::Tls;

/// Default limit for connecting. libpq has none, but an operator needs an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The server truncates longer names.
const MAX_NAME: usize = 63;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Hosts in the order of attempts; at least one.
    pub hosts: Vec<Host>,
    pub user: String,
    pub database: String,
    pub(super) application_name: String,
    /// Limit for each address, up to the end of authentication; `None` is no limit.
    pub(super) connect_timeout: Option<Duration>,
    pub(super) wanted: Wanted,
    pub(super) channel_binding: ChannelBinding,
    pub(super) keep_alive: KeepAlive,
    pub(super) tls: Tls,
    /// A password to ask for, where no host has one.
    pub asked: Option<Arc<AskedPassword>>,
}

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

/// `channel_binding`: whether a SCRAM login is bound to the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// Detection of a dead peer on TCP.
#[derive(Clone, Debug)]
pub(super) struct KeepAlive {
    pub on: bool,
    pub idle: Option<Duration>,
    pub interval: Option<Duration>,
    pub count: Option<u32>,
    pub user_timeout: Option<Duration>,
}

/// Invalid connection parameters. The message never contains a password.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("{0}")]
    Syntax(String),
    #[error("{0:?} is no parameter of a connection")]
    Unknown(String),
    #[error("{keyword} is refused: {why}")]
    Refused {
        /// The keyword, with its environment variable.
        keyword: String,
        why: String,
    },
    #[error("{keyword} can't be {value:?}: {why}")]
    Value {
        keyword: &'static str,
        value: String,
        why: String,
    },
    #[error("{keyword} {}: {why}", .path.display())]
    File {
        keyword: &'static str,
        path: PathBuf,
        why: String,
    },
    #[error("{0}")]
    Together(String),
}

impl SettingsError {
    pub(super) fn value(keyword: &'static str, value: &str, why: impl Into<String>) -> Self {
        Self::Value {
            keyword,
            value: value.to_owned(),
            why: why.into(),
        }
    }

    pub(super) fn together(text: impl Into<String>) -> Self {
        Self::Together(text.into())
    }
}

impl Settings {
    /// Parses every given parameter. Defaults are libpq's, except that connecting has a time limit.
    pub fn from_parameters(parameters: &Parameters) -> Result<Self, SettingsError> {
        for keyword in keywords::KEYWORDS {
            if let Some(value) = parameters.get(keyword.name) {
                is_supported(keyword, value)?;
            }
        }
        let user = parameters.get("user");
        let user = user.ok_or_else(|| SettingsError::together("no user is given"))?;
        let name = parameters
            .get("application_name")
            .or(parameters.get("fallback_application_name"));
        let hosts = host::all(parameters)?;
        let by_tcp = hosts
            .iter()
            .any(|host| !matches!(host.place, Place::Directory(_)));
        let settings = Self {
            hosts,
            user: user.to_owned(),
            database: parameters.get("dbname").unwrap_or(user).to_owned(),
            application_name: application_name(name)?,
            connect_timeout: connect_timeout(parameters)?,
            wanted: choose(parameters, "target_session_attrs", "any", &WANTED)?,
            channel_binding: choose(parameters, "channel_binding", "prefer", &BINDINGS)?,
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
            asked: None,
        };
        Ok(settings)
    }
}

impl FromStr for Settings {
    type Err = SettingsError;

    /// Parses a connection string alone, without environment, password file or service file.
    fn from_str(text: &str) -> Result<Self, SettingsError> {
        Self::from_parameters(&Parameters::parse(text)?)
    }
}

fn is_supported(keyword: &keywords::Keyword, value: &str) -> Result<(), SettingsError> {
    let name = keyword.name;
    match keyword.support {
        Support::Full => Ok(()),
        Support::Only(values) if values.contains(&value) => Ok(()),
        Support::Only(values) => {
            let why = format!("only {} is supported", values.join(" or "));
            Err(SettingsError::value(name, value, why))
        }
        Support::Refused(why) => Err(SettingsError::Refused {
            keyword: match keyword.variable {
                Some(variable) => format!("{name} ({variable})"),
                None => name.to_owned(),
            },
            why: why.to_owned(),
        }),
    }
}

/// Validates the application name: printable ASCII of a length that the server keeps, so that it
/// can be compared with the session's. It begins with [`OWN_NAME`], which distinguishes pgseal's
/// sessions from others.
fn application_name(name: Option<&str>) -> Result<String, SettingsError> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Ok(OWN_NAME.to_owned());
    };
    let whole = if name.starts_with(OWN_NAME) {
        name.to_owned()
    } else {
        format!("{OWN_NAME}: {name}")
    };
    if whole.len() <= MAX_NAME && whole.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(whole);
    }
    let why = format!(
        "use up to {} printable ASCII characters",
        MAX_NAME - OWN_NAME.len() - 2
    );
    Err(SettingsError::value("application_name", name, why))
}

/// Prefix of every session's application name.
const OWN_NAME: &str = "pgseal";

fn connect_timeout(parameters: &Parameters) -> Result<Option<Duration>, SettingsError> {
    let Some(text) = parameters.get("connect_timeout") else {
        return Ok(Some(CONNECT_TIMEOUT));
    };
    let seconds: i32 = text
        .trim()
        .parse()
        .map_err(|_| SettingsError::value("connect_timeout", text, "write a number of seconds"))?;
    // As in libpq: zero or less is no limit, and one means two.
    Ok(u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(|seconds| Duration::from_secs(seconds.max(2))))
}

const WANTED: [(&str, Wanted); 6] = [
    ("any", Wanted::Any),
    ("read-write", Wanted::ReadWrite),
    ("read-only", Wanted::ReadOnly),
    ("primary", Wanted::Primary),
    ("standby", Wanted::Standby),
    ("prefer-standby", Wanted::PreferStandby),
];

const BINDINGS: [(&str, ChannelBinding); 3] = [
    ("prefer", ChannelBinding::Prefer),
    ("require", ChannelBinding::Require),
    ("disable", ChannelBinding::Disable),
];

/// Parses one of several words.
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
        SettingsError::value(keyword, value, format!("write {}", words.join(", ")))
    })
}

fn number(parameters: &Parameters, keyword: &'static str) -> Result<Option<u32>, SettingsError> {
    let Some(text) = parameters.get(keyword) else {
        return Ok(None);
    };
    let number = text.trim().parse().map(Some);
    number.map_err(|_| SettingsError::value(keyword, text, "write a number"))
}

/// Parses seconds. Zero selects the system's default, as in libpq.
fn seconds(
    parameters: &Parameters,
    keyword: &'static str,
) -> Result<Option<Duration>, SettingsError> {
    let seconds = number(parameters, keyword)?.filter(|seconds| *seconds > 0);
    Ok(seconds.map(|seconds| Duration::from_secs(u64::from(seconds))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match text.parse::<Settings>() {
            Ok(settings) => settings
                .hosts
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn lists_of_hosts_pair_with_ports() {
        assert_eq!(
            shown("host=a,b,/run/pg port=1,,3 user=u"),
            "a:1 b:5432 /run/pg port 3"
        );
        assert_eq!(shown("host=a,b port=7 user=u"), "a:7 b:7");
        assert_eq!(shown("postgresql://u@[::1]:7,c/d"), "[::1]:7 c:5432");
        assert_eq!(
            shown("host=a,b hostaddr=127.0.0.1,::1 user=u"),
            "a:5432 b:5432"
        );
        for text in [
            "host=a,b port=1,2,3",
            "host=a,b hostaddr=127.0.0.1",
            "hostaddr=a",
            "host=a port=0",
            "host=a port=x",
        ] {
            assert!(
                shown(&format!("{text} user=u")).starts_with("error: "),
                "{text}"
            );
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
        for text in [
            "postgres://u:p@secret@h/d",
            "postgres://u:secret/x@h",
            "postgres://u:p:secret@@h:1/d",
        ] {
            let error = shown(text);
            assert!(
                error.starts_with("error: ") && !error.contains("secret"),
                "{text}: {error}"
            );
        }
        let settings: Settings = "host=a user=u password=secret".parse().unwrap();
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
