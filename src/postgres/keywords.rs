//! The keywords of libpq (PostgreSQL manual, "Parameter Key Words" and "Environment Variables",
//! versions 13 to 18), with pgseal's support for each. Unsupported keywords are rejected, so that a
//! requested protection is never silently absent.

/// A keyword of a connection string.
#[derive(Debug)]
pub struct Keyword {
    pub name: &'static str,
    /// Environment variable with the same meaning.
    pub variable: Option<&'static str>,
    pub support: Support,
}

/// Support for a keyword.
#[derive(Debug, PartialEq, Eq)]
pub enum Support {
    /// Same meaning as in libpq.
    Full,
    /// Only these values, which have no effect here; others are rejected.
    Only(&'static [&'static str]),
    /// Always rejected, for this reason.
    Refused(&'static str),
}

use Support::{Full, Only, Refused};

const SESSION: &str = "session options could change what a gate sees";
const NO_GSS: &str = "there is no Kerberos here";

/// Every keyword of libpq.
pub const KEYWORDS: &[Keyword] = &[
    keyword("host", Some("PGHOST"), Full),
    keyword("hostaddr", Some("PGHOSTADDR"), Full),
    keyword("port", Some("PGPORT"), Full),
    keyword("dbname", Some("PGDATABASE"), Full),
    keyword("user", Some("PGUSER"), Full),
    keyword("password", Some("PGPASSWORD"), Full),
    keyword("passfile", Some("PGPASSFILE"), Full),
    keyword("service", Some("PGSERVICE"), Full),
    keyword("servicefile", Some("PGSERVICEFILE"), Full),
    keyword("application_name", Some("PGAPPNAME"), Full),
    keyword("fallback_application_name", None, Full),
    keyword("connect_timeout", Some("PGCONNECT_TIMEOUT"), Full),
    keyword("target_session_attrs", Some("PGTARGETSESSIONATTRS"), Full),
    keyword("channel_binding", Some("PGCHANNELBINDING"), Full),
    keyword("keepalives", None, Full),
    keyword("keepalives_idle", None, Full),
    keyword("keepalives_interval", None, Full),
    keyword("keepalives_count", None, Full),
    keyword("tcp_user_timeout", None, Full),
    keyword("sslmode", Some("PGSSLMODE"), Full),
    keyword("sslnegotiation", Some("PGSSLNEGOTIATION"), Full),
    keyword("sslrootcert", Some("PGSSLROOTCERT"), Full),
    keyword("sslcert", Some("PGSSLCERT"), Full),
    keyword("sslkey", Some("PGSSLKEY"), Full),
    keyword("sslcrl", Some("PGSSLCRL"), Full),
    keyword("sslsni", Some("PGSSLSNI"), Full),
    keyword(
        "ssl_min_protocol_version",
        Some("PGSSLMINPROTOCOLVERSION"),
        Full,
    ),
    keyword(
        "ssl_max_protocol_version",
        Some("PGSSLMAXPROTOCOLVERSION"),
        Full,
    ),
    keyword(
        "sslcertmode",
        Some("PGSSLCERTMODE"),
        Only(&["allow", "disable"]),
    ),
    keyword("sslcompression", Some("PGSSLCOMPRESSION"), Only(&["0"])),
    keyword(
        "client_encoding",
        Some("PGCLIENTENCODING"),
        Only(&["UTF8", "UTF-8", "utf8", "utf-8", "auto"]),
    ),
    keyword(
        "load_balance_hosts",
        Some("PGLOADBALANCEHOSTS"),
        Only(&["disable"]),
    ),
    keyword(
        "gssencmode",
        Some("PGGSSENCMODE"),
        Only(&["disable", "prefer"]),
    ),
    keyword("gssdelegation", Some("PGGSSDELEGATION"), Only(&["0"])),
    keyword("replication", None, Only(&["false", "off", "no", "0"])),
    keyword(
        "min_protocol_version",
        Some("PGMINPROTOCOLVERSION"),
        Only(&["3.0"]),
    ),
    keyword(
        "max_protocol_version",
        Some("PGMAXPROTOCOLVERSION"),
        Only(&["3.0", "latest"]),
    ),
    keyword("options", Some("PGOPTIONS"), Refused(SESSION)),
    keyword(
        "sslcrldir",
        Some("PGSSLCRLDIR"),
        Refused("give the lists in one file, by sslcrl"),
    ),
    keyword(
        "sslpassword",
        None,
        Refused("a client's key must not be encrypted; protect it by its permissions"),
    ),
    keyword(
        "sslkeylogfile",
        None,
        Refused("keys of TLS are never written down"),
    ),
    keyword(
        "requirepeer",
        Some("PGREQUIREPEER"),
        Refused("the owner of a socket is not looked at"),
    ),
    keyword(
        "require_auth",
        Some("PGREQUIREAUTH"),
        Refused("use channel_binding=require, or sslmode=verify-full"),
    ),
    keyword("krbsrvname", Some("PGKRBSRVNAME"), Refused(NO_GSS)),
    keyword("gsslib", Some("PGGSSLIB"), Refused(NO_GSS)),
    keyword("scram_client_key", None, Refused("give the password")),
    keyword("scram_server_key", None, Refused("give the password")),
    keyword("oauth_issuer", None, Refused("there is no OAuth here")),
    keyword("oauth_client_id", None, Refused("there is no OAuth here")),
    keyword(
        "oauth_client_secret",
        None,
        Refused("there is no OAuth here"),
    ),
    keyword("oauth_scope", None, Refused("there is no OAuth here")),
];

/// libpq's variables for session settings that have no keyword; rejected like `options`.
pub const SESSION_VARIABLES: [&str; 3] = ["PGDATESTYLE", "PGTZ", "PGGEQO"];

/// Finds a keyword by name.
pub fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

const fn keyword(name: &'static str, variable: Option<&'static str>, support: Support) -> Keyword {
    Keyword {
        name,
        variable,
        support,
    }
}
