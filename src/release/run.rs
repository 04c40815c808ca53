//! `GatedRelease -> Report`: from baseline to finalized, or nothing.

use super::event::Observer;
use super::gate::GatedRelease;
use super::order::MissingScript;
use super::preflight::{self, PreflightError};
use super::probe::Observed;
use super::transaction::{self, Report, Start, Work};
use crate::format::manifest::{Transaction, When};
use crate::format::receipt::Action;
use crate::format::statement::ReleaseId;
use crate::record::journal::Journal;
use crate::trust::policy::Admission;

/// A gated release whose preflight held: the next step writes.
///
/// Only [`GatedRelease::preflight`] makes one.
pub struct ReadyRelease<'b> {
    gated: GatedRelease<'b>,
    before: Observed,
}

impl<'b> GatedRelease<'b> {
    /// Checks ledger and baseline on the locked session.
    pub fn preflight(mut self) -> Result<ReadyRelease<'b>, PreflightError> {
        let before = preflight::run(self.session.as_mut(), &self.order)?;
        Ok(ReadyRelease { gated: self, before })
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
    /// It has a tier without a transaction.
    #[error("tier {0} has transaction = \"none\", which this version can't run")]
    Steps(crate::format::name::Name),
}

impl ReadyRelease<'_> {
    /// What the probe saw before.
    pub fn before(&self) -> &Observed {
        &self.before
    }

    /// Runs all tiers in one transaction, by the trust root's leave.
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
        if let Some(tier) = manifest.tiers.iter().find(|tier| tier.transaction == Transaction::None) {
            return Err(RunError::Steps(tier.name.clone()));
        }
        let tiers = manifest.tiers.iter().map(|tier| Ok((tier.name.to_string(), order.sql(&tier.file)?)));
        let work = Work {
            action: Action::Run,
            scripts: tiers.collect::<Result<_, MissingScript>>()?,
            after: &manifest.states.finalized,
            verify: When::Finalized,
            gated: true,
            approvals: admission.approvals(),
        };
        let start = Start { target, gates: answers, before: Some(self.before) };
        Ok(transaction::perform(order, session, start, work, run_id, journal, observer))
    }
}
