//! The keywords of libpq (PostgreSQL manual, "Parameter Key Words" and "Environment Variables",
//! versions 13 to 18), with pgseal's support for each. Unsupported keywords are rejected, so that a
//! requested protection is never silently absent.

#[derive(Debug)]
pub struct Keyword {
    pub name: &'static str,
    /// Environment variable with the same meaning.
    pub variable: Option<&'static str>,
    pub support: Support,
}

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
const NO_OAUTH: &str = "there is no OAuth here";

pub const KEYWORDS: &[Keyword] = &[
    keyword("host", "PGHOST", Full),
    keyword("hostaddr", "PGHOSTADDR", Full),
    keyword("port", "PGPORT", Full),
    keyword("dbname", "PGDATABASE", Full),
    keyword("user", "PGUSER", Full),
    keyword("password", "PGPASSWORD", Full),
    keyword("passfile", "PGPASSFILE", Full),
    keyword("service", "PGSERVICE", Full),
    keyword("servicefile", "PGSERVICEFILE", Full),
    keyword("application_name", "PGAPPNAME", Full),
    keyword("fallback_application_name", "", Full),
    keyword("connect_timeout", "PGCONNECT_TIMEOUT", Full),
    keyword("target_session_attrs", "PGTARGETSESSIONATTRS", Full),
    keyword("channel_binding", "PGCHANNELBINDING", Full),
    keyword("keepalives", "", Full),
    keyword("keepalives_idle", "", Full),
    keyword("keepalives_interval", "", Full),
    keyword("keepalives_count", "", Full),
    keyword("tcp_user_timeout", "", Full),
    keyword("sslmode", "PGSSLMODE", Full),
    keyword("sslnegotiation", "PGSSLNEGOTIATION", Full),
    keyword("sslrootcert", "PGSSLROOTCERT", Full),
    keyword("sslcert", "PGSSLCERT", Full),
    keyword("sslkey", "PGSSLKEY", Full),
    keyword("sslcrl", "PGSSLCRL", Full),
    keyword("sslsni", "PGSSLSNI", Full),
    keyword("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", Full),
    keyword("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", Full),
    keyword("sslcertmode", "PGSSLCERTMODE", Only(&["allow", "disable"])),
    keyword("sslcompression", "PGSSLCOMPRESSION", Only(&["0"])),
    keyword(
        "client_encoding",
        "PGCLIENTENCODING",
        Only(&["UTF8", "UTF-8", "utf8", "utf-8", "auto"]),
    ),
    keyword(
        "load_balance_hosts",
        "PGLOADBALANCEHOSTS",
        Only(&["disable"]),
    ),
    keyword("gssencmode", "PGGSSENCMODE", Only(&["disable", "prefer"])),
    keyword("gssdelegation", "PGGSSDELEGATION", Only(&["0"])),
    keyword("replication", "", Only(&["false", "off", "no", "0"])),
    keyword(
        "min_protocol_version",
        "PGMINPROTOCOLVERSION",
        Only(&["3.0"]),
    ),
    keyword(
        "max_protocol_version",
        "PGMAXPROTOCOLVERSION",
        Only(&["3.0", "latest"]),
    ),
    keyword("options", "PGOPTIONS", Refused(SESSION)),
    keyword(
        "sslcrldir",
        "PGSSLCRLDIR",
        Refused("give the lists in one file, by sslcrl"),
    ),
    keyword(
        "sslpassword",
        "",
        Refused("a client's key must not be encrypted; protect it by its permissions"),
    ),
    keyword(
        "sslkeylogfile",
        "",
        Refused("keys of TLS are never written down"),
    ),
    keyword(
        "requirepeer",
        "PGREQUIREPEER",
        Refused("the owner of a socket is not looked at"),
    ),
    keyword(
        "require_auth",
        "PGREQUIREAUTH",
        Refused("use channel_binding=require, or sslmode=verify-full"),
    ),
    keyword("krbsrvname", "PGKRBSRVNAME", Refused(NO_GSS)),
    keyword("gsslib", "PGGSSLIB", Refused(NO_GSS)),
    keyword("scram_client_key", "", Refused("give the password")),
    keyword("scram_server_key", "", Refused("give the password")),
    keyword("oauth_issuer", "", Refused(NO_OAUTH)),
    keyword("oauth_client_id", "", Refused(NO_OAUTH)),
    keyword("oauth_client_secret", "", Refused(NO_OAUTH)),
    keyword("oauth_scope", "", Refused(NO_OAUTH)),
];

/// libpq's variables for session settings that have no keyword; rejected like `options`.
pub const SESSION_VARIABLES: [&str; 3] = ["PGDATESTYLE", "PGTZ", "PGGEQO"];

pub fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

/// A row of the table; an empty variable is none.
const fn keyword(name: &'static str, variable: &'static str, support: Support) -> Keyword {
    Keyword {
        name,
        variable: if variable.is_empty() {
            None
        } else {
            Some(variable)
        },
        support,
    }
}
