//! A session as a new one would be, but for the run's lock: whatever scripts left in it is cleared away. A run that is
//! resumed goes on in a new session, and must not differ from one that was never interrupted.

use super::{lock, settings};
use crate::database::{DatabaseError, Session};
use pgseal_verify::format::limits_of_run::RunLimits;

/// Outside of transactions: settings, role, cursors, prepared statements, temporary objects, sequences' last values,
/// what it listens to, advisory locks.
pub(super) fn make(session: &mut dyn Session, limits: &RunLimits) -> Result<(), DatabaseError> {
    // docs/decisions/055
    settings::reset(session, limits)?;
    session.batch("CLOSE ALL; UNLISTEN *; DISCARD PLANS; DISCARD SEQUENCES; DISCARD TEMP")?;
    // By name: the session has prepared statements of its own.
    let prepared = "select pg_catalog.quote_ident(name) from pg_catalog.pg_prepared_statements where from_sql";
    for row in session.query(prepared, &[])?.rows {
        let [Some(name)] = row.as_slice() else { continue };
        session.batch(&format!("DEALLOCATE {name}"))?;
    }
    lock::give_back_others(session)
}
