//! Start values of every session, and their verification. A value set at the start holds for the
//! session, and `RESET ALL` returns to it. A connection pooler drops start values, or moves every
//! transaction to another session: one session would hold the lock, and another would run the
//! release. Poolers are detected and rejected.

use std::sync::LazyLock;

use crate::database::{ChangedReading, DatabaseError, Identity, Purpose, Session, UnsoundKind};
use crate::release::gate_role::is_superuser;

/// Whether the session user is a superuser, or has access to files and programs of the server,
/// while the current role has neither.
const BECAME: &str = concat!(
    "select (",
    is_superuser!("session_user"),
    " and not ",
    is_superuser!("current_user"),
    ")::text"
);

/// The search path, settings for reading and writing strings, comparisons with NULL, dates and
/// other values, and complete results from GIN indexes. The time zone and the text search
/// configuration are left to the database.
const START: [(&str, &str); 14] = [
    ("search_path", "pg_catalog,pg_temp"),
    ("standard_conforming_strings", "on"),
    ("backslash_quote", "safe_encoding"),
    ("transform_null_equals", "off"),
    ("array_nulls", "on"),
    ("datestyle", "ISO,MDY"),
    ("intervalstyle", "postgres"),
    ("timezone_abbreviations", "Default"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("xmlbinary", "base64"),
    ("xmloption", "content"),
    ("quote_all_identifiers", "off"),
    ("gin_fuzzy_search_limit", "0"),
];

/// Settings that change how the server parses SQL text: name, start value, and an alias of that
/// value. The server reports each change before it is ready for the next message.
const READING: [(&str, &str, &str); 2] = [
    ("standard_conforming_strings", "on", "on"),
    ("client_encoding", "UTF8", "UNICODE"),
];

/// Queries the values of [`START`], then the other start values, then facts about the session. No
/// name depends on the search path.
static FACTS: LazyLock<String> = LazyLock::new(|| {
    let setting = |(name, _)| format!("pg_catalog.current_setting('{name}'), ");
    let start: String = START.into_iter().map(setting).collect();
    format!(
        "select {start}
    pg_catalog.current_setting('client_encoding'),
    pg_catalog.current_setting('application_name'),
    pg_catalog.current_setting('default_transaction_read_only'),
    pg_catalog.current_setting('server_version_num'),
    pg_catalog.int4out(pg_catalog.pg_backend_pid())::pg_catalog.text,
    pg_catalog.boolout(pg_catalog.pg_is_in_recovery())::pg_catalog.text,
    pg_catalog.current_database()::pg_catalog.text,
    session_user::pg_catalog.text,
    current_user::pg_catalog.text,
    pg_catalog.current_setting('server_version')"
    )
});

/// ServerFacts about a session, queried once.
#[derive(Clone, Debug, Default)]
pub(super) struct ServerFacts {
    /// `server_version_num`.
    pub version: u32,
    /// Database, user, role and server of the session.
    pub identity: Identity,
    /// Process id of the server backend; verified to be the one that began the session.
    pub process: u32,
    /// Whether transactions are read-only by default.
    pub read_only: bool,
}

/// The session's start values as the `options` parameter. They override those of the role and the
/// database. Options of the caller are rejected earlier.
pub(super) fn options(purpose: Purpose) -> String {
    let mut options: Vec<_> = START
        .iter()
        .map(|(name, value)| format!("-c {name}={value}"))
        .collect();
    if purpose != Purpose::Write {
        options.push("-c default_transaction_read_only=on".to_owned());
    }
    if purpose == Purpose::Ask {
        // Another role sees other data, and the database's owner can set it.
        options.push("-c role=none".to_owned());
    }
    options.join(" ")
}

/// Compares the requested start values with the actual ones. `pid` is the backend's process as
/// reported at login.
pub(super) fn verify(
    session: &mut dyn Session,
    purpose: Purpose,
    application_name: &str,
    pid: Option<u32>,
) -> Result<ServerFacts, DatabaseError> {
    let table = session.query(&FACTS, &[])?;
    let values: Vec<&str> = match table.rows.as_slice() {
        [row] => row
            .iter()
            .map(|value| value.as_deref().unwrap_or_default())
            .collect(),
        _ => Vec::new(),
    };
    let [
        begun @ ..,
        encoding,
        application,
        read_only,
        version,
        process,
        standby,
        database,
        user,
        role,
        server_version,
    ] = values.as_slice()
    else {
        return Err(DatabaseError::unsound(
            "the server does not say what it is".to_owned(),
        ));
    };
    let start = START.into_iter().zip(begun);
    let mut asked: Vec<_> = start
        .map(|((name, value), found)| (name, value, *found))
        .collect();
    asked.push(("client_encoding", "UTF8", encoding));
    asked.push(("application_name", application_name, application));
    if purpose != Purpose::Write {
        asked.push(("default_transaction_read_only", "on", *read_only));
    }
    for (name, value, found) in asked {
        if plain(value) != plain(found) {
            return Err(refused(&format!(
                "the session began with {name}={value}, and now has {found:?}"
            )));
        }
    }
    if purpose == Purpose::Ask && role != user {
        return Err(refused(&format!(
            "the session began with role=none, and now is {role:?}"
        )));
    }
    // The database's owner can set the role, and the owner's code could return to the superuser.
    if role != user && session.query(BECAME, &[])?.single() != Some("false") {
        let message = format!(
            "the session of a superuser begins here as another role: {user} as {role} (ALTER DATABASE or ALTER ROLE ... SET role)"
        );
        return Err(DatabaseError::unsound_of(UnsoundKind::OtherRole, message));
    }
    let Some(process) = pid.filter(|pid| pid.to_string() == *process) else {
        return Err(refused(
            "the process that began the session is not the one that answers",
        ));
    };
    let version = version
        .parse()
        .map_err(|_| DatabaseError::unsound("the server has no version".to_owned()))?;
    let [database, user, role, server_version] =
        [database, user, role, server_version].map(|value| (*value).to_owned());
    let identity = Identity {
        database,
        user,
        role,
        is_standby: *standby != "f",
        server_version,
    };
    Ok(ServerFacts {
        version,
        identity,
        process,
        read_only: *read_only == "on",
    })
}

/// The first setting for parsing SQL text that differs from its start value. A setting that was
/// never reported counts as changed, because its changes would go unnoticed.
pub(super) fn changed_reading<'r>(
    reported: impl Fn(&str) -> Option<&'r str>,
) -> Option<ChangedReading> {
    READING.into_iter().find_map(|(setting, from, alias)| {
        let now = reported(setting).unwrap_or("a value that the server does not report");
        (now != from && now != alias).then(|| ChangedReading {
            setting,
            from,
            to: now.to_owned(),
        })
    })
}

/// Recognizes PgBouncer's rejection of unknown start values ("unsupported startup parameter").
///
/// The text decides only which explanation the operator reads; the session is refused either way.
/// No SQLSTATE or field could: PgBouncer sends 08P01 for most of its own errors, and only severity
/// and message besides. Their lack of other fields shows a pooler, but not what it rejected.
pub(super) fn pooled(error: DatabaseError) -> DatabaseError {
    match error {
        DatabaseError::Server(server)
            if server.code == "08P01" && server.message.contains("startup parameter") =>
        {
            refused(&server.message)
        }
        other => other,
    }
}

fn refused(why: &str) -> DatabaseError {
    let message = format!(
        "a connection pooler answers here, not PostgreSQL itself ({why}): it may give every transaction another session"
    );
    DatabaseError::unsound_of(UnsoundKind::Pooler, message)
}

/// Normalizes a value; the server writes lists with spaces.
fn plain(value: &str) -> String {
    value.replace(' ', "").to_ascii_lowercase()
}
