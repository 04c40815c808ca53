//! An unfinished run, as the ledger knows it, and what `run --resume` takes from it.

use super::order::Order;
use super::preflight::{self, PreflightError};
use crate::database::Session;
use crate::record::ledger::{self, Entry, Happened, Step};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::ObservedTarget;

/// What a person says of a statement whose effect the catalog can't show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It took effect; go on behind it.
    Done,
    /// Send it again.
    Again,
}

/// A run that goes on.
pub struct Resumed {
    /// Its row.
    pub entry: Entry,
    /// How far it came.
    pub steps: Vec<Step>,
    /// What a person decided about the statement that was interrupted.
    pub decision: Option<Decision>,
}

/// Where a statement of a tier without transaction stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It was never sent, or it is known that it has to be sent again.
    Open,
    /// It was sent, and nobody saw the answer; what was remembered before it, as JSON.
    Interrupted(String),
    /// It is done.
    Done,
}

impl Resumed {
    /// The unfinished run of this release with these values, by this role.
    pub(super) fn find(
        session: &mut dyn Session,
        order: &Order<'_>,
        target: &ObservedTarget,
        decision: Option<Decision>,
    ) -> Result<Self, PreflightError> {
        preflight::check_clock(session, order)?;
        let found = ledger::unfinished_run(session).map_err(PreflightError::Ledger)?;
        let Some((entry, steps)) = found else { return Err(PreflightError::NothingToResume) };
        if entry.release_id != order.bundle.release_id().to_string() {
            return Err(PreflightError::Unfinished(Box::new(entry)));
        }
        if entry.variables != *order.variables {
            return Err(PreflightError::OtherValues(Box::new(entry)));
        }
        // Names may mean something else to another role.
        if entry.role != target.role {
            return Err(PreflightError::OtherRole(Box::new(entry)));
        }
        Ok(Self { entry, steps, decision })
    }

    /// Whether a tier is complete and committed.
    pub(super) fn has_tier(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.happened == Happened::Tier && step.tier.as_deref() == Some(name))
    }

    /// How far a statement came. `None` if the ledger has another statement in its place.
    pub(super) fn progress(&self, tier: &str, statement: u32, sql: &Digest) -> Option<Progress> {
        let of_it = |step: &&Step| step.tier.as_deref() == Some(tier) && step.statement == Some(statement);
        let sql = sql.to_string();
        let mut progress = Progress::Open;
        for step in self.steps.iter().filter(of_it) {
            if step.sql_sha256.as_deref() != Some(&sql) {
                return None;
            }
            progress = match step.happened {
                Happened::Started => Progress::Interrupted(step.evidence.clone().unwrap_or_default()),
                Happened::Done | Happened::Found => Progress::Done,
                _ => Progress::Open,
            };
        }
        Some(progress)
    }
}
