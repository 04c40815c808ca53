//! Resets a session to the state of a new one, except for the run's lock.
//!
//! A resumed run continues in a new session and must not differ from an uninterrupted run. So
//! everything that scripts left in the session is cleared.

use super::{lock, settings};
use crate::database::{DatabaseError, Session};
use pgseal_verify::format::run_limits::RunLimits;

/// Resets settings, role, cursors, prepared statements, temporary objects, sequences' last values,
/// LISTEN registrations and advisory locks. Only outside of transactions.
pub(super) fn make(session: &mut dyn Session, limits: &RunLimits) -> Result<(), DatabaseError> {
    // docs/decisions/055
    settings::reset(session, limits)?;
    session.batch("CLOSE ALL; UNLISTEN *; DISCARD PLANS; DISCARD SEQUENCES; DISCARD TEMP")?;
    // By name, because the session has prepared statements of its own.
    let prepared =
        "select pg_catalog.quote_ident(name) from pg_catalog.pg_prepared_statements where from_sql";
    for row in session.query(prepared, &[])?.rows {
        let [Some(name)] = row.as_slice() else {
            continue;
        };
        session.batch(&format!("DEALLOCATE {name}"))?;
    }
    lock::give_back_others(session)
}
