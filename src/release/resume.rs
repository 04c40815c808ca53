//! The unfinished run in the ledger, and the decisions of `run --resume` about it.

use std::collections::BTreeMap;

use super::approvals::Uses;
use super::dependencies::Dependencies;
use super::gate;
use super::preflight::{self, PreflightError};
use super::run_context::RunContext;
use crate::database::{Purpose, Session};
use crate::record::ledger::{self, Entry, Happened, Step};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::ObservedTarget;

/// The operator's decision about a statement with an effect that the catalog cannot show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It took effect; continue after it.
    Done,
    Again,
}

/// The unfinished run that is resumed or rolled back.
pub struct UnfinishedRun {
    /// The run's ledger row.
    pub entry: Entry,
    /// The run's recorded steps.
    pub steps: Vec<Step>,
    /// The operator's decision about the interrupted statement.
    pub decision: Option<Decision>,
}

/// The progress of a statement in a non-transactional tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Never sent, or known to need sending again.
    Open,
    /// Sent without a received answer; holds the evidence recorded before it, as JSON.
    Interrupted(String),
    Done,
}

/// The values of this release's unfinished run, which a resumed run takes over; none if it is one of
/// another release. They are read before the lock is held: `UnfinishedRun::find` compares them with it.
pub fn recorded_values(order: &RunContext<'_>) -> Result<BTreeMap<String, String>, PreflightError> {
    let opened = gate::open(order, order.root().policy(), Purpose::Write);
    let (mut session, _) = opened.map_err(PreflightError::Open)?;
    let all = ledger::entries(session.as_mut()).map_err(PreflightError::Ledger)?;
    let id = order.bundle.release_id().to_string();
    match ledger::unfinished(&all) {
        None => Err(PreflightError::NothingToResume),
        Some(run) if run.release_id == id => Ok(run.variables.clone()),
        Some(_) => Ok(BTreeMap::new()),
    }
}

/// Whether the last statement was sent and has no recorded outcome.
pub fn is_interrupted(steps: &[Step]) -> bool {
    steps
        .last()
        .is_some_and(|step| step.happened == Happened::Started)
}

impl UnfinishedRun {
    /// Finds the unfinished run of this release with these values, by this role. Also returns the
    /// uses of approvals by other runs.
    pub(super) fn find(
        session: &mut dyn Session,
        order: &RunContext<'_>,
        target: &ObservedTarget,
        decision: Option<Decision>,
    ) -> Result<(Self, Uses), PreflightError> {
        let all = preflight::check_clock(session, order)?;
        let found = ledger::unfinished_run(session).map_err(PreflightError::Ledger)?;
        let Some((entry, steps)) = found else {
            return Err(PreflightError::NothingToResume);
        };
        if entry.release_id != order.bundle.release_id().to_string() {
            return Err(PreflightError::Unfinished(Box::new(entry)));
        }
        if entry.variables != *order.variables {
            return Err(PreflightError::OtherValues(Box::new(entry)));
        }
        // Names may resolve differently for another role.
        if entry.role != target.role {
            return Err(PreflightError::OtherRole(Box::new(entry)));
        }
        if decision.is_some() && !is_interrupted(&steps) {
            return Err(PreflightError::NothingInterrupted);
        }
        // A release that it requires may have been rolled back since.
        let dependencies = Dependencies::of(order.manifest(), &all);
        let mut obstacles = dependencies.map_err(PreflightError::Ledger)?.errors();
        if let Some(obstacle) = obstacles.next() {
            return Err(obstacle);
        }
        let uses = Uses::of(&all, Some(&entry), target)?;
        let unfinished = Self {
            entry,
            steps,
            decision,
        };
        Ok((unfinished, uses))
    }

    /// Whether a tier is complete and committed.
    pub(super) fn has_tier(&self, name: &str) -> bool {
        self.steps
            .iter()
            .any(|step| step.happened == Happened::Tier && step.tier.as_deref() == Some(name))
    }

    /// The progress of a statement. `None` if the ledger has another statement in its place.
    pub(super) fn progress(&self, tier: &str, statement: u32, sql: &Digest) -> Option<Progress> {
        let of_it =
            |step: &&Step| step.tier.as_deref() == Some(tier) && step.statement == Some(statement);
        let sql = sql.to_string();
        let mut progress = Progress::Open;
        for step in self.steps.iter().filter(of_it) {
            if step.sql_sha256.as_deref() != Some(&sql) {
                return None;
            }
            progress = match step.happened {
                Happened::Started => {
                    Progress::Interrupted(step.evidence.clone().unwrap_or_default())
                }
                Happened::Done | Happened::Found => Progress::Done,
                _ => Progress::Open,
            };
        }
        Some(progress)
    }
}
