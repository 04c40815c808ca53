//! Session settings: identical before every script and question, whatever the caller, the role, the
//! database or an earlier script has set.

use std::time::Duration;

use crate::database::{DatabaseError, Session};
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::run_limits::RunLimits;

/// The search path of pgseal's own statements; `pg_temp` is last, so that temporary objects cannot
/// shadow the server's own.
pub const OWN_PATH: &str = "pg_catalog, pg_temp";

/// The beginning of a call that sets `synchronous_commit` to at least `on`, whatever the role, the
/// database or a script has set.
///
/// Otherwise a crash of the server could lose an answered commit, for which a receipt would be
/// signed. `remote_apply` is stronger and stays. The caller appends the flag for "this transaction
/// only" and the parenthesis.
macro_rules! durable {
    () => {
        "pg_catalog.set_config('synchronous_commit', \
         CASE pg_catalog.current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END"
    };
}
pub(super) use durable;

/// Resets role and settings to the session's start, with [`OWN_PATH`], then sets the release's time
/// limits.
///
/// The server must notice a client that dies while a statement runs (PostgreSQL 14 and later), so
/// that no orphan continues and commits. It must also notice a client lost by the network, and have
/// a commit on disk before it answers (`durable`). Cursors, which execute all questions, are
/// planned for all their rows.
pub fn reset(session: &mut dyn Session, limits: &RunLimits) -> Result<(), DatabaseError> {
    let sql = fresh(session, limits);
    session.batch(&sql)
}

/// The SQL of [`reset`]. Also sets the session's patience for answers to match these limits.
pub fn fresh(session: &mut dyn Session, limits: &RunLimits) -> String {
    let (lock, statement) = (
        limits.lock_timeout.milliseconds(),
        limits.statement_timeout.milliseconds(),
    );
    let idle = limits.idle_timeout.milliseconds();
    // RESET ALL does not include roles (PostgreSQL manual, "RESET").
    let mut sql = format!(
        "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; SET search_path = {OWN_PATH}; SET lock_timeout = {lock}; \
         SET statement_timeout = {statement}; SET idle_in_transaction_session_timeout = {idle}; \
         SET cursor_tuple_fraction = 1; SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; \
         SET tcp_keepalives_count = 3; SET tcp_user_timeout = 60000"
    );
    if session.server_version_num() >= 140_000 {
        let silence = statement + idle + QUIET.as_millis() as u32;
        sql.push_str(&format!(
            "; SET client_connection_check_interval = 500; SET idle_session_timeout = {silence}"
        ));
    }
    if session.server_version_num() >= 170_000 {
        sql.push_str(&format!(
            "; SET transaction_timeout = {}",
            limits.transaction_timeout.milliseconds()
        ));
    }
    sql.push_str(concat!("; SELECT ", durable!(), ", false)"));
    // If the server must have ended a statement by now, its answer is lost.
    let statement = Duration::from_millis(statement.into());
    session.set_patience(statement + GRACE);
    // Parsing and execution each have the full limit.
    session.set_deadline(2 * statement + GRACE);
    sql
}

/// Maximum silence of a session beyond a statement of a gate and pgseal's own work between two.
/// After that the client is gone, and its lock must not stay.
const QUIET: Duration = Duration::from_secs(60);

/// Time that an answer may take beyond `statement_timeout`.
const GRACE: Duration = Duration::from_secs(15);

/// Sets the search path to the signed schemas. [`reset`] undoes it.
pub fn use_release_path(
    session: &mut dyn Session,
    manifest: &Manifest,
) -> Result<(), DatabaseError> {
    session.batch(&format!("SET search_path = {}", release_path(manifest)))
}

/// The signed schemas as a value for `search_path`.
pub fn release_path(manifest: &Manifest) -> String {
    let path = schemas(manifest, |_| true).join(", ");
    if path.is_empty() {
        "''".to_owned()
    } else {
        path
    }
}

/// The search path of questions: `pg_catalog` first, which the server puts there when it is not
/// named; then the signed schemas, and `pg_temp` last.
///
/// Otherwise SQL text run by PostgreSQL's own functions could find an operator of another role.
pub fn question_path(manifest: &Manifest) -> Vec<String> {
    let mut path = schemas(manifest, |schema| {
        schema != "pg_catalog" && schema != "pg_temp"
    });
    path.push("pg_temp".to_owned());
    path
}

fn schemas(manifest: &Manifest, kept: impl Fn(&str) -> bool) -> Vec<String> {
    manifest
        .target
        .search_path
        .iter()
        .filter(|schema| kept(schema))
        .map(|schema| quoted(schema))
        .collect()
}

/// Quotes a name so that SQL reads back the same characters.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quoted(r#"a"b.c"#), r#""a""b.c""#);
    }
}
