//! A session's settings: the same before every script, whatever the one before it set.

use crate::database::{DatabaseError, Session};
use crate::format::limits_of_run::RunLimits;

/// Puts every setting back to the session's start, then sets the release's time limits, and makes the server notice a
/// client that dies while a statement runs (PostgreSQL 14 and later), so that no orphan goes on and commits.
pub fn reset(session: &mut dyn Session, limits: &RunLimits) -> Result<(), DatabaseError> {
    // The role is not among "all" (PostgreSQL manual, "RESET").
    session.execute("RESET ROLE")?;
    session.execute("RESET ALL")?;
    let milliseconds = |limit: crate::format::limits_of_run::TimeLimit| limit.milliseconds().to_string();
    session.query(
        "select count(set_config(name, case name
                    when 'lock_timeout' then $1::text
                    when 'statement_timeout' then $2::text
                    when 'idle_in_transaction_session_timeout' then $3::text
                    else '500' end, false))::text
         from pg_catalog.pg_settings
         where name in ('lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout',
                        'client_connection_check_interval')",
        &[
            &milliseconds(limits.lock_timeout),
            &milliseconds(limits.statement_timeout),
            &milliseconds(limits.idle_timeout),
        ],
    )?;
    Ok(())
}
