//! Locks of relative values, known before a run.

use super::{Unmet, gather};
use crate::database::{Purpose, Session};
use crate::release::failure::{Context as _, Failure};
use crate::release::question::{self, Within};
use crate::release::run_context::RunContext;
use crate::release::{gate, probe};
use pgseal_verify::format::manifest::State;
use pgseal_verify::format::receipt::Action;

/// Tables that a run, and a later rollback by the same role, lock against writers. The mode is SHARE
/// ROW EXCLUSIVE.
#[derive(Debug, Default)]
pub struct PlannedLocks {
    pub run: Vec<String>,
    pub rollback: Vec<String>,
    /// The failure of a run that may not lock a table.
    pub run_denied: Option<Failure>,
    /// The failure of a rollback that may not lock a table.
    pub rollback_denied: Option<Failure>,
}

/// Finds the locks without taking them. Columns that cannot be resolved before the run have none.
pub fn planned(order: &RunContext<'_>) -> PlannedLocks {
    let states = &order.manifest().states;
    let (finalized, after) = (&states.finalized, &*states.after_rollback());
    let mut locks = PlannedLocks::default();
    if finalized.relative().next().is_none() && after.relative().next().is_none() {
        return locks;
    }
    // An unreachable database is reported by the steps of the run.
    let Ok((mut session, _)) = gate::open(order, order.root().policy(), Purpose::Read) else {
        return locks;
    };
    let within = probe::within_run(order);
    let run = of(session.as_mut(), order, Action::Run, finalized, within);
    (locks.run, locks.run_denied) = run;
    // A rollback does not depend on another role.
    let rollback = of(
        session.as_mut(),
        order,
        Action::Rollback,
        after,
        Within::TrustingRun,
    );
    (locks.rollback, locks.rollback_denied) = rollback;
    locks
}

fn of(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    action: Action,
    state: &State,
    within: Within,
) -> (Vec<String>, Option<Failure>) {
    let begun = session.batch_ahead(question::BEGIN);
    let found = begun.context("cannot begin").map_err(Unmet::from);
    let found = found.and_then(|()| gather(session, order, action, state, within));
    // If this fails, the session is lost, and the caller finds no more locks.
    let _ = session.execute("ROLLBACK");
    match found {
        Ok((_, locks)) => (locks.sorted(), None),
        Err(Unmet::Denied(failure)) => (Vec::new(), Some(failure)),
        Err(Unmet::Other(_)) => (Vec::new(), None),
    }
}
