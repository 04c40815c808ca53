//! `GatedRelease -> Report`: from baseline to finalized, or nothing.

use super::event::Observer;
use super::gate::GatedRelease;
use super::order::{MissingScript, Order};
use super::perform::{self, Start, Work};
use super::preflight::{self, PreflightError};
use super::probe::Observed;
use super::report::Report;
use super::resume::{Decision, Resumed};
use crate::bundle::Admission;
use crate::record::journal::Journal;
use crate::record::rehearsal::Proved;
use crate::trust::added::SignedApproval;
use pgseal_verify::format::manifest::When;
use pgseal_verify::format::receipt::Action;
use pgseal_verify::format::statement::ReleaseId;

/// A gated release whose preflight held: the next step writes.
///
/// Only [`GatedRelease::preflight`] and [`GatedRelease::resume`] make one.
pub struct ReadyRelease<'b> {
    gated: GatedRelease<'b>,
    /// What the probe saw; not asked where an unfinished run goes on.
    before: Option<Observed>,
    resumed: Option<Resumed>,
}

impl<'b> GatedRelease<'b> {
    /// Checks ledger and baseline on the locked session.
    pub fn preflight(mut self) -> Result<ReadyRelease<'b>, PreflightError> {
        let (session, order, _) = self.session();
        let before = preflight::run(session, order)?;
        Ok(ReadyRelease::new(self, Some(before), None))
    }

    /// Finds the unfinished run that this release continues. Baseline is behind it, so no state is asked.
    pub fn resume(mut self, decision: Option<Decision>) -> Result<ReadyRelease<'b>, PreflightError> {
        let (session, order, target) = self.session();
        let resumed = Resumed::find(session, order, target, decision)?;
        Ok(ReadyRelease::new(self, None, Some(resumed)))
    }
}

/// Why a ready release does not run after all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A script is not there.
    #[error(transparent)]
    Script(#[from] MissingScript),
    /// The admission of another bundle, or by another trust root.
    #[error("the admission is of another bundle ({0})")]
    Admission(ReleaseId),
    /// The release or the trust root wants a rehearsal, and there is no proof of one.
    #[error("a run needs the receipt of a rehearsal of this release with these values for {0:?}, and there is none")]
    Rehearsal(String),
    /// Without people's leave a release runs on a clone only, and with it only where it is meant to.
    #[error("{0}")]
    Clone(&'static str),
}

/// Whether a run needs the proof of a rehearsal.
pub fn needs_rehearsal(order: &Order<'_>) -> bool {
    order.manifest().require_rehearsal || order.root().policy().require_rehearsal
}

impl<'b> ReadyRelease<'b> {
    fn new(gated: GatedRelease<'b>, before: Option<Observed>, resumed: Option<Resumed>) -> Self {
        Self { gated, before, resumed }
    }

    /// What the probe saw before; `None` where an unfinished run goes on.
    pub fn before(&self) -> Option<&Observed> {
        self.before.as_ref()
    }

    /// Runs all tiers, by the trust root's leave; where the release or the trust root wants a rehearsal, only with its proof.
    pub fn run(
        self,
        admission: &Admission<'_>,
        rehearsed: Option<&Proved>,
        run_id: &str,
        journal: Journal,
        observer: &mut dyn Observer,
    ) -> Result<Report, RunError> {
        let order = self.gated.order();
        if !std::ptr::eq(admission.bundle(), order.bundle) {
            return Err(RunError::Admission(admission.bundle().release_id()));
        }
        if order.clone.is_some() {
            return Err(RunError::Clone("this database is a clone, on which the release is only rehearsed"));
        }
        let target = &order.manifest().target.database;
        let is_for = |proved: &Proved| proved.is_for(order.bundle.release_id(), target, order.variables);
        if needs_rehearsal(order) && !rehearsed.is_some_and(is_for) {
            return Err(RunError::Rehearsal(target.clone()));
        }
        self.perform(admission.approvals(), run_id, journal, observer)
    }

    /// Runs all tiers on a clone: nobody's approval is needed there, and none counts.
    pub fn rehearse(self, run_id: &str, journal: Journal, observer: &mut dyn Observer) -> Result<Report, RunError> {
        if self.gated.order().clone.is_none() {
            return Err(RunError::Clone("without approvals a release is rehearsed on a clone, and this is none"));
        }
        self.perform(&[], run_id, journal, observer)
    }

    fn perform(
        self,
        approvals: &[SignedApproval],
        run_id: &str,
        journal: Journal,
        observer: &mut dyn Observer,
    ) -> Result<Report, RunError> {
        let (order, session, target, answers) = self.gated.into_parts();
        let manifest = order.manifest();
        let work = Work {
            action: Action::Run,
            parts: perform::parts(&order)?,
            after: &manifest.states.finalized,
            verify: When::Finalized,
            gated: true,
            approvals,
            resumed: self.resumed,
            half_way: None,
        };
        let start = Start { target, gates: answers, before: self.before };
        Ok(perform::perform(order, session, start, work, run_id, journal, observer))
    }
}
