//! `GatedRelease -> ReadyRelease -> AuthorizedRelease -> Report`: runs a release from baseline to finalized.

use super::approvals::Uses;
use super::event::Observer;
use super::executor::{self, ExecutionPlan, NamedScript, RunKind, Start};
use super::gate::GatedRelease;
use super::phases::Phase;
use super::preflight::{self, PreflightError};
use super::probe::Observed;
use super::report::Report;
use super::resume::{Decision, UnfinishedRun};
use super::run_context::{MissingScript, RunContext};
use super::staging;
use crate::bundle::Admission;
use crate::record::journal::Journal;
use crate::record::rehearsal::Proved;
use crate::trust::attestations::SignedApproval;
use crate::trust::policy::{self, PolicyError};
use pgseal_verify::format::statement::ReleaseId;

/// A gated release after its preflight checks.
///
/// Only [`GatedRelease::preflight`] and [`GatedRelease::resume`] make one.
pub struct ReadyRelease<'b> {
    gated: GatedRelease<'b>,
    /// The probe's row; `None` if an unfinished run is resumed.
    before: Option<Observed>,
    resumed: Option<UnfinishedRun>,
    /// Uses of approvals, as the ledger has them under the lock.
    uses: Uses,
}

/// A ready release that may run now: the next step writes.
///
/// Only [`ReadyRelease::authorize`] and, on a clone, [`ReadyRelease::rehearsal`] make one.
pub struct AuthorizedRelease<'b> {
    ready: ReadyRelease<'b>,
    phases: Vec<Phase<NamedScript<'b>>>,
    approvals: Vec<SignedApproval>,
    /// The commit point, from 1, behind which a rehearsal stops.
    stop_behind: Option<u32>,
}

impl<'b> GatedRelease<'b> {
    /// Checks runs elsewhere, ledger and baseline on the locked session, and that the approvals have
    /// runs left. A rehearsal has no admission.
    pub fn preflight(
        mut self,
        admission: Option<&Admission<'_>>,
    ) -> Result<ReadyRelease<'b>, PreflightError> {
        let (session, order, target) = self.session();
        staging::check(order, target)?;
        let (before, uses) = preflight::run(session, order, target, admission)?;
        Ok(ReadyRelease {
            gated: self,
            before: Some(before),
            resumed: None,
            uses,
        })
    }

    /// Finds the unfinished run that this release continues. It has left baseline, so no state is
    /// probed. It goes on by the approvals that it used, or by new ones.
    pub fn resume(
        mut self,
        admission: &Admission<'_>,
        decision: Option<Decision>,
    ) -> Result<ReadyRelease<'b>, PreflightError> {
        let (session, order, target) = self.session();
        let (resumed, uses) = UnfinishedRun::find(session, order, target, decision)?;
        uses.left(admission).map_err(PreflightError::Approvals)?;
        Ok(ReadyRelease {
            gated: self,
            before: None,
            resumed: Some(resumed),
            uses,
        })
    }
}

/// Errors that prevent the run of a ready release.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Script(#[from] MissingScript),
    #[error("the admission is of another bundle ({0})")]
    Admission(ReleaseId),
    /// Approvals without runs left, or a closed window.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The release or the trust root requires a rehearsal, and there is no proof of one.
    #[error(
        "a run needs the receipt of a rehearsal of this release with these values, and there is none"
    )]
    Rehearsal,
    /// A run on a clone, or a rehearsal on a database that is no clone.
    #[error("{0}")]
    Clone(&'static str),
}

/// Whether a run needs the proof of a rehearsal.
pub fn needs_rehearsal(order: &RunContext<'_>) -> bool {
    order.manifest().require_rehearsal || order.root().policy().require_rehearsal
}

impl<'b> ReadyRelease<'b> {
    /// The probe's row before the run; `None` if an unfinished run is resumed.
    pub fn before(&self) -> Option<&Observed> {
        self.before.as_ref()
    }

    /// Authorizes the run: by the trust root, by approvals with runs left, by an open window, and by
    /// the proof of a rehearsal if the release or the trust root requires one.
    pub fn authorize(
        self,
        admission: &Admission<'_>,
        rehearsed: Option<&Proved>,
    ) -> Result<AuthorizedRelease<'b>, RunError> {
        let order = self.gated.order();
        if !std::ptr::eq(admission.bundle(), order.bundle) {
            return Err(RunError::Admission(admission.bundle().release_id()));
        }
        if order.clone.is_some() {
            return Err(RunError::Clone(
                "this database is a clone, on which the release is not run",
            ));
        }
        let is_for = |proved: &Proved| proved.is_for(order.bundle.release_id(), order.variables);
        if needs_rehearsal(order) && !rehearsed.is_some_and(is_for) {
            return Err(RunError::Rehearsal);
        }
        // Not of the admission: time has passed since.
        policy::check_window(order.root(), (order.clock)())?;
        let approvals = self.uses.left(admission)?;
        self.load(approvals, None)
    }

    /// Makes the rehearsal on a clone, without approvals, of all tiers, or of the tiers and statements
    /// up to a commit point, from 1.
    pub fn rehearsal(self, stop_behind: Option<u32>) -> Result<AuthorizedRelease<'b>, RunError> {
        if self.gated.order().rehearsal().is_none() {
            return Err(RunError::Clone(
                "without approvals a release is rehearsed on a clone, and this is none",
            ));
        }
        self.load(Vec::new(), stop_behind)
    }

    fn load(
        self,
        approvals: Vec<SignedApproval>,
        stop_behind: Option<u32>,
    ) -> Result<AuthorizedRelease<'b>, RunError> {
        Ok(AuthorizedRelease {
            phases: executor::load_phases(self.gated.order())?,
            ready: self,
            approvals,
            stop_behind,
        })
    }
}

impl AuthorizedRelease<'_> {
    /// Runs all tiers.
    pub fn run(self, run_id: &str, journal: Journal, observer: &mut dyn Observer) -> Report {
        let ready = self.ready;
        let (order, session, target, answers) = ready.gated.into_parts();
        let work = ExecutionPlan {
            start_of_run: None,
            kind: ready.resumed.map_or(RunKind::Fresh, RunKind::Resumed),
            phases: self.phases,
            approvals: &self.approvals,
            stop_behind: self.stop_behind,
        };
        let start = Start {
            target,
            gates: answers,
            before: ready.before,
        };
        executor::execute(order, session, start, work, run_id, journal, observer)
    }
}
