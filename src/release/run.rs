//! `GatedRelease -> Report`: from baseline to finalized, or nothing.

use super::event::Observer;
use super::gate::GatedRelease;
use super::order::MissingScript;
use super::perform::{self, Start, Work};
use super::preflight::{self, PreflightError};
use super::probe::Observed;
use super::report::Report;
use super::resume::Resumed;
use crate::format::manifest::When;
use crate::format::receipt::Action;
use crate::format::statement::ReleaseId;
use crate::record::journal::Journal;
use crate::trust::policy::Admission;

/// A gated release whose preflight held: the next step writes.
///
/// Only [`GatedRelease::preflight`] and [`GatedRelease::resume`] make one.
pub struct ReadyRelease<'b> {
    pub(super) gated: GatedRelease<'b>,
    /// What the probe saw; not asked where an unfinished run goes on.
    pub(super) before: Option<Observed>,
    pub(super) resumed: Option<Resumed>,
}

impl<'b> GatedRelease<'b> {
    /// Checks ledger and baseline on the locked session.
    pub fn preflight(mut self) -> Result<ReadyRelease<'b>, PreflightError> {
        let before = preflight::run(self.session.as_mut(), &self.order)?;
        Ok(ReadyRelease { gated: self, before: Some(before), resumed: None })
    }
}

/// Why a ready release does not run after all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A script is not there.
    #[error(transparent)]
    Script(#[from] MissingScript),
    /// The trust root gave its leave to another release.
    #[error("the trust root's leave is for another release ({0})")]
    Admission(ReleaseId),
}

impl ReadyRelease<'_> {
    /// What the probe saw before; `None` where an unfinished run goes on.
    pub fn before(&self) -> Option<&Observed> {
        self.before.as_ref()
    }

    /// Runs all tiers, by the trust root's leave.
    pub fn run(
        self,
        admission: &Admission,
        run_id: &str,
        journal: Journal,
        observer: &mut dyn Observer,
    ) -> Result<Report, RunError> {
        let GatedRelease { order, session, target, answers } = self.gated;
        if admission.release_id() != order.bundle.release_id() {
            return Err(RunError::Admission(admission.release_id()));
        }
        let manifest = order.manifest();
        let work = Work {
            action: Action::Run,
            parts: perform::parts(&order)?,
            after: &manifest.states.finalized,
            verify: When::Finalized,
            gated: true,
            approvals: admission.approvals(),
            resumed: self.resumed,
            half_way: None,
        };
        let start = Start { target, gates: answers, before: self.before };
        Ok(perform::perform(order, session, start, work, run_id, journal, observer))
    }
}
