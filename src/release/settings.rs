//! A session's settings: the same before every script, whatever the one before it set.

use crate::database::{DatabaseError, Session};
use crate::format::limits_of_run::RunLimits;

/// Puts role and settings back to the session's start, then sets the release's time limits.
///
/// The server is made to notice a client that dies while a statement runs (PostgreSQL 14 and later), so that no orphan
/// goes on and commits; and cursors, by which every question is asked, are planned for all their rows.
pub fn reset(session: &mut dyn Session, limits: &RunLimits) -> Result<(), DatabaseError> {
    let (lock, statement) = (limits.lock_timeout.milliseconds(), limits.statement_timeout.milliseconds());
    let idle = limits.idle_timeout.milliseconds();
    // The role is not among "all" (PostgreSQL manual, "RESET").
    let mut sql = format!(
        "RESET ROLE; RESET ALL; SET lock_timeout = {lock}; SET statement_timeout = {statement}; \
         SET idle_in_transaction_session_timeout = {idle}; SET cursor_tuple_fraction = 1"
    );
    if session.server_version_num() >= 140_000 {
        sql.push_str("; SET client_connection_check_interval = 500");
    }
    session.batch(&sql)
}
