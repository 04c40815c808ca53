//! Everything in the database that would stop a run, found without writing.

use super::event::Observer;
use super::failure::Failure;
use super::gate::{self, GateError, OpenError};
use super::preflight::{self, PreflightError};
use super::probe::Observed;
use super::relative::{self, PlannedLocks};
use super::run_context::{ContextToRun, RunContext};
use super::staging;
use crate::bundle::Admission;
use crate::database::Purpose;
use pgseal_verify::format::receipt::GateAnswer;

/// The facts of a moment.
pub struct Survey {
    /// All answers of the gates; `None` if they could not be queried.
    pub gates: Option<Vec<GateAnswer>>,
    /// Current result of the baseline probe, if it could be queried.
    pub now: Option<Observed>,
    /// Locks of relative values.
    pub relative: PlannedLocks,
    /// Obstacles in the order of the run: the first one is the error that the run would end with.
    /// If empty, the run would begin.
    pub obstacles: Vec<Obstacle>,
}

/// An obstacle to the run.
#[derive(Debug)]
pub enum Obstacle {
    /// Target, lock or gate.
    Gate(GateError),
    Preflight(PreflightError),
    /// A script that cannot be read with these variables, or a table that the role may not lock.
    Script(Box<Failure>),
}

/// Walks the steps of a run up to the first one that writes, beyond obstacles where that makes
/// sense. The run's lock is taken and given back at once, so that a survey stops no run. Without an
/// admission, which is an obstacle of its own, the runs left of the approvals are not checked.
pub fn survey(
    to_run: ContextToRun<'_>,
    admission: Option<&Admission<'_>>,
    observer: &mut dyn Observer,
) -> Survey {
    let order = to_run.authentic();
    let mut survey = Survey {
        gates: None,
        now: None,
        relative: PlannedLocks::default(),
        obstacles: Vec::new(),
    };
    match gate::look(&order, observer) {
        Ok(answers) => {
            if answers.iter().any(|answer| !answer.ready) {
                let blocked = GateError::Blocked(answers.clone());
                survey.obstacles.push(Obstacle::Gate(blocked));
            }
            survey.gates = Some(answers);
            look_further(&order, admission, &mut survey);
        }
        Err(error) => {
            // While another run holds the lock, ledger and state are in between.
            let goes_on = matches!(
                error,
                GateError::Unanswered(..) | GateError::Open(OpenError::Role(_))
            );
            survey.obstacles.push(Obstacle::Gate(error));
            if goes_on {
                look_further(&order, admission, &mut survey);
            }
        }
    }
    survey
}

/// Checks ledger and state.
fn look_further(order: &RunContext<'_>, admission: Option<&Admission<'_>>, survey: &mut Survey) {
    let opened = gate::open(order, order.root().policy(), Purpose::Read);
    let (mut session, target) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let lost = Obstacle::Gate(GateError::Open(error));
            return survey.obstacles.push(lost);
        }
    };
    if let Err(error) = staging::check(order, &target) {
        survey.obstacles.push(Obstacle::Preflight(error));
    }
    let role_is_known =
        survey.has(|one| matches!(one, Obstacle::Gate(GateError::Open(OpenError::Role(_)))));
    let refused = match preflight::survey_ledger(session.as_mut(), order, &target, admission) {
        Ok((_, obstacles)) => obstacles,
        Err(error) => vec![error],
    };
    // Beside another release, or without a required one, the baseline means nothing; used approvals
    // say nothing about it.
    let is_judged = refused.iter().all(|error| {
        matches!(
            error,
            PreflightError::Approvals(_) | PreflightError::Drift(_)
        )
    });
    let refused = refused.into_iter().map(Obstacle::Preflight);
    survey.obstacles.extend(refused);
    if role_is_known {
        // Probes run as the same role.
        return;
    }
    let probed = preflight::before(order).and_then(|now| {
        let now = survey.now.insert(now);
        preflight::check_state(order, now)
    });
    let differs = probed.err().filter(|_| is_judged);
    survey.obstacles.extend(differs.map(Obstacle::Preflight));
    // A run meets it in its transaction.
    survey.relative = relative::planned(order);
    let denied = survey.relative.run_denied.clone();
    let denied = denied.map(|failure| Obstacle::Script(Box::new(failure)));
    survey.obstacles.extend(denied);
}

impl Survey {
    fn has(&self, is: impl Fn(&Obstacle) -> bool) -> bool {
        self.obstacles.iter().any(is)
    }
}
