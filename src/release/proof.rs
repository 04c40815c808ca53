//! Proves a committed run on a fresh connection.

use super::event::Observer;
use super::executor::{RunKind, ledger_run};
use super::failure::Failure;
use super::preflight;
use super::probe;
use super::question::Within;
use super::report::Halt;
use super::resolve::{self, Resolution};
use super::run_context::RunContext;
use super::settings;
use crate::database::{DatabaseError, Purpose};
use crate::record::ledger;
use pgseal_verify::format::receipt::Receipt;

/// Checks the last transaction's ledger rows and the state on a fresh connection.
///
/// The run is committed: a state that cannot be confirmed is reported as a doubt, not as a failure.
pub(super) fn prove(
    order: &RunContext<'_>,
    kind: &RunKind,
    receipt: &mut Receipt,
    observer: &mut dyn Observer,
) -> Result<Option<String>, Halt> {
    let unproved = |error: DatabaseError| {
        Ok(Some(format!(
            "committed, but not proved on a fresh connection: {error}"
        )))
    };
    let open = |purpose| {
        let mut session = order.connect.connect(purpose)?;
        settings::reset(session.as_mut(), order.limits).map(|()| session)
    };
    let transaction_id = receipt.transaction_id.clone().unwrap_or_default();
    let is_there = open(Purpose::Read).and_then(|mut session| {
        ledger::has_transaction(session.as_mut(), ledger_run(receipt), &transaction_id)
    });
    match is_there {
        Ok(true) => {}
        Ok(false) => return answered_but_gone(order, receipt, &transaction_id, observer).map(Some),
        Err(error) => return unproved(error),
    }
    let mut session = match open(Purpose::Ask) {
        Ok(session) => session,
        Err(error) => return unproved(error),
    };
    let (_, state) = kind.final_state(order.manifest());
    let observed = match preflight::seen(session.as_mut(), order, &state, Within::OwnTransaction) {
        Ok(observed) => observed,
        Err(failure) => {
            return Ok(Some(format!(
                "committed, but the probe failed afterwards: {failure}"
            )));
        }
    };
    let mismatches = probe::compare(&state, &observed, None);
    Ok(mismatches.first().map(|first| {
        format!(
            "committed, but the state has changed since, or the role that asks sees less: {first}"
        )
    }))
}

/// Resolves a COMMIT that was answered but is not visible on a fresh connection: the server may have
/// rolled back or failed over.
fn answered_but_gone(
    order: &RunContext<'_>,
    receipt: &Receipt,
    transaction_id: &str,
    observer: &mut dyn Observer,
) -> Result<String, Halt> {
    let gone = "COMMIT was answered, but the ledger on a fresh connection lacks this run";
    let failure = |why: &str| Failure::plain(format!("{gone}: {why}"));
    match resolve::ask(order, receipt, transaction_id, observer) {
        Resolution::Committed => Ok(format!("{gone} at first; it is there now")),
        Resolution::Aborted => Err(failure("the server rolled it back").into()),
        Resolution::NotHere(why) => Err(failure(&why).into()),
        Resolution::Unknown(why) => Err(Halt::Unknown(Box::new(failure(&why)))),
    }
}
