//! Facts about a server before a script: the values of psql's own variables, and whether objects or
//! logs read message texts.

use std::collections::BTreeMap;

use crate::database::{DatabaseError, Identity, Session};
use pgseal_verify::format::manifest::Manifest;

/// `DBNAME`, `USER`, `SERVER_VERSION_NAME`, `SERVER_VERSION_NUM`, `ENCODING`, as psql sets them
/// when it connects.
pub fn variables(session: &dyn Session) -> BTreeMap<String, String> {
    let Identity {
        database,
        user,
        server_version,
        ..
    } = session.identity().clone();
    named(
        database,
        user,
        server_version,
        session.server_version_num().to_string(),
    )
}

/// The expected values of [`variables`], from the manifest, without a server. The version is the
/// lowest that pgseal supports.
pub fn expected(manifest: &Manifest) -> BTreeMap<String, String> {
    let role = manifest.target.role.clone().unwrap_or_default();
    named(
        manifest
            .target
            .database
            .first_name()
            .unwrap_or_default()
            .to_owned(),
        role,
        "13.0".to_owned(),
        "130000".to_owned(),
    )
}

fn named(
    database: String,
    user: String,
    version: String,
    version_num: String,
) -> BTreeMap<String, String> {
    let variables = [
        ("DBNAME", database),
        ("USER", user),
        ("SERVER_VERSION_NAME", version),
        ("SERVER_VERSION_NUM", version_num),
        ("ENCODING", "UTF8".to_owned()),
    ];
    variables
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// Whether no function, default or audit log of the database depends on a statement's message or
/// its time.
///
/// In a batch `current_query()` is the text of the whole batch, and `statement_timestamp()` the
/// time at which it arrived. pgaudit writes the whole message for each statement. If such a
/// dependency exists, every statement is sent alone, as psql does.
pub fn nobody_sees_messages(session: &mut dyn Session) -> Result<bool, DatabaseError> {
    let table = session.query(
        // PostgreSQL's own functions have an oid below 16384, and always the same one: these two
        // are 817 and 2648.
        "select (not exists (
             select from pg_catalog.pg_proc
             where oid operator(pg_catalog.>=) 16384
               and prosrc operator(pg_catalog.~*) 'current_query|statement_timestamp')
         and not exists (
             select from pg_catalog.pg_attrdef
             where adbin::pg_catalog.text operator(pg_catalog.~) ':funcid (817|2648) ')
         and coalesce(pg_catalog.current_setting('pgaudit.log', true), '') operator(pg_catalog.=) ''
        )::pg_catalog.text",
        &[],
    )?;
    Ok(table.single() == Some("true"))
}

/// Whether a statement could create an object that [`nobody_sees_messages`] searches for. The
/// function names are enough.
pub fn looks_at_messages(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    sql.contains("current_query") || sql.contains("statement_timestamp")
}

/// Whether a DO block runs text that it assembles, which could define anything.
pub fn may_make_something(sql: &str) -> bool {
    let sql = sql.trim_start();
    sql.get(..2)
        .is_some_and(|word| word.eq_ignore_ascii_case("do"))
        && sql.to_ascii_lowercase().contains("execute")
}
