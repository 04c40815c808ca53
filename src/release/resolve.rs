//! A COMMIT whose answer was lost: asked on a new connection, never guessed.

use std::time::Duration;

use super::event::{Event, Observer};
use super::order::Order;
use crate::database::{Connect, DatabaseError, Purpose};
use crate::format::receipt::{ObservedTarget, Receipt};
use crate::record::ledger;

/// What came of a COMMIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The server knows the transaction as committed, and its ledger row is there.
    Committed,
    /// The server knows it as aborted.
    Aborted,
    /// No server could say; why.
    Unknown(String),
}

/// Tries, and the time between them: about half a minute.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// Asks until the server knows, or the tries are spent.
pub(super) fn ask(order: &Order<'_>, run: &Receipt, transaction_id: &str, observer: &mut dyn Observer) -> Resolution {
    let mut why = String::new();
    for attempt in 1..=TRIES {
        match once(order.connect, &run.target, &run.run_id, transaction_id) {
            Ok(Some(resolution)) => return resolution,
            Ok(None) => why = "the transaction is still in progress".to_owned(),
            Err(error) => why = error.to_string(),
        }
        observer.event(Event::Resolving(attempt, &why));
        if attempt < TRIES {
            std::thread::sleep(PAUSE);
        }
    }
    Resolution::Unknown(why)
}

/// Asks once; `None` while the transaction goes on. Another server than the run's can't say.
pub fn once(
    connect: &dyn Connect,
    target: &ObservedTarget,
    run_id: &str,
    transaction_id: &str,
) -> Result<Option<Resolution>, DatabaseError> {
    let mut session = connect.connect(Purpose::Read)?;
    let here = super::target::observe(session.as_mut())?;
    if (&here.database, &here.system_identifier) != (&target.database, &target.system_identifier) {
        return Ok(Some(Resolution::Unknown("another server answers now than the one that was committing".to_owned())));
    }
    let status = session.query("select pg_catalog.pg_xact_status($1::text::xid8)", &[transaction_id]);
    let status = match status {
        Ok(table) => table.single().map(str::to_owned),
        // A server that never gave out this id is another one, or was restored from an older state.
        Err(DatabaseError::Server(error)) => return Ok(Some(Resolution::Unknown(error.message.clone()))),
        Err(lost) => return Err(lost),
    };
    let there = ledger::has_run(session.as_mut(), run_id)?;
    Ok(match (status.as_deref(), there) {
        (Some("in progress"), _) => None,
        (Some("committed") | None, true) => Some(Resolution::Committed),
        (Some("aborted"), false) => Some(Resolution::Aborted),
        (status, there) => {
            let row = if there { "there" } else { "not there" };
            let status = status.unwrap_or("forgotten");
            Some(Resolution::Unknown(format!("the transaction is {status}, and its ledger row is {row}")))
        }
    })
}
