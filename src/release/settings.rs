//! A session's settings: the same before every script and question, whatever the caller, the role, the database or the
//! script before it set.

use std::time::Duration;

use crate::database::{DatabaseError, Session};
use pgseal_verify::format::limits_of_run::RunLimits;
use pgseal_verify::format::manifest::Manifest;

/// Where pgseal's own statements look up names; `pg_temp` last, so that nothing temporary stands before the server's own.
pub const OWN_PATH: &str = "pg_catalog, pg_temp";

/// The beginning of a call that makes `synchronous_commit` at least `on`, whatever the role, the database or a script set:
/// else a commit is answered that a crash of the server then loses, and a receipt would be signed for it. `remote_apply` is
/// stronger and stays. Whether only for this transaction, and the parenthesis, follow.
macro_rules! durable {
    () => {
        "pg_catalog.set_config('synchronous_commit', \
         CASE pg_catalog.current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END"
    };
}
pub(super) use durable;

/// Puts role and settings back to the session's start, which has [`OWN_PATH`], then sets the release's time limits.
///
/// The server is made to notice a client that dies while a statement runs (PostgreSQL 14 and later), so that no orphan
/// goes on and commits, and one that the network took away; to have a commit on disk before it answers (`durable`); and
/// cursors, by which every question is asked, are planned for all their rows.
pub fn reset(session: &mut dyn Session, limits: &RunLimits) -> Result<(), DatabaseError> {
    let sql = fresh(session, limits);
    session.batch(&sql)
}

/// The SQL of [`reset`], which waits for answers as long as these limits allow from now on.
pub fn fresh(session: &mut dyn Session, limits: &RunLimits) -> String {
    let (lock, statement) = (limits.lock_timeout.milliseconds(), limits.statement_timeout.milliseconds());
    let idle = limits.idle_timeout.milliseconds();
    // Roles are not among "all" (PostgreSQL manual, "RESET").
    let mut sql = format!(
        "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; SET search_path = {OWN_PATH}; SET lock_timeout = {lock}; \
         SET statement_timeout = {statement}; SET idle_in_transaction_session_timeout = {idle}; \
         SET cursor_tuple_fraction = 1; SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; \
         SET tcp_keepalives_count = 3; SET tcp_user_timeout = 60000"
    );
    if session.server_version_num() >= 140_000 {
        let silence = statement + idle + QUIET.as_millis() as u32;
        sql.push_str(&format!("; SET client_connection_check_interval = 500; SET idle_session_timeout = {silence}"));
    }
    if session.server_version_num() >= 170_000 {
        sql.push_str(&format!("; SET transaction_timeout = {}", limits.transaction_timeout.milliseconds()));
    }
    sql.push_str(concat!("; SELECT ", durable!(), ", false)"));
    // A statement that the server must have ended by now is one whose answer is lost.
    let statement = Duration::from_millis(statement.into());
    session.set_patience(statement + GRACE);
    // It is parsed and run under the limit each.
    session.set_deadline(2 * statement + GRACE);
    sql
}

/// How much longer than a gate's statement, and whatever pgseal does between two, a session may be silent: then nobody is
/// there any more, and its lock must not stay.
const QUIET: Duration = Duration::from_secs(60);

/// How much longer than `statement_timeout` an answer may take.
const GRACE: Duration = Duration::from_secs(15);

/// Where the release's statements look up names: in the schemas that were signed. [`reset`] leads back.
pub fn use_release_path(session: &mut dyn Session, manifest: &Manifest) -> Result<(), DatabaseError> {
    session.batch(&format!("SET search_path = {}", release_path(manifest)))
}

/// The signed schemas as a value for `search_path`.
pub fn release_path(manifest: &Manifest) -> String {
    let path = schemas(manifest, |_| true).join(", ");
    if path.is_empty() { "''".to_owned() } else { path }
}

/// Where questions look up names: in the signed schemas, but first of all in `pg_catalog`, which the server puts there
/// when it is not named, and last among what is temporary. Otherwise a text that PostgreSQL's own functions run could find an
/// operator of another role's.
pub fn question_path(manifest: &Manifest) -> Vec<String> {
    let mut path = schemas(manifest, |schema| schema != "pg_catalog" && schema != "pg_temp");
    path.push("pg_temp".to_owned());
    path
}

fn schemas(manifest: &Manifest, kept: impl Fn(&str) -> bool) -> Vec<String> {
    manifest.target.search_path.iter().filter(|schema| kept(schema)).map(|schema| quoted(schema)).collect()
}

/// A name between quotes, as SQL reads it back to the same characters.
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
