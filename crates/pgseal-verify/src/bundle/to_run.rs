//! A bundle that may run, and the authorization of its run.

use std::ops::Deref;

use super::authenticate::{AuthenticateError, AuthenticatedBundle};
use super::untrusted::UntrustedBundle;
use crate::format::receipt::ObservedTarget;
use crate::format::timestamp::Timestamp;
use crate::trust::attestations::{AttestationError, ClaimedStatement, SignedApproval};
use crate::trust::policy::{self, PolicyError};
use crate::trust::{JudgedAt, TrustRoot};

/// An authenticated bundle whose release keys count now. It dereferences to an
/// [`AuthenticatedBundle`] for every command, but there is no conversion back: a bundle
/// authenticated for rollback or for a past time can't run.
///
/// Only [`UntrustedBundle::authenticate_to_run`] makes one.
pub struct BundleToRun<'r> {
    bundle: AuthenticatedBundle<'r>,
    now: Timestamp,
}

/// The trust root's authorization to run the bundle: neither is out of date, and enough approvals
/// count.
///
/// Only [`BundleToRun::authorize_run`] makes one.
pub struct Admission<'b> {
    bundle: &'b AuthenticatedBundle<'b>,
    approvals: Vec<SignedApproval>,
}

impl UntrustedBundle {
    /// Like [`Self::authenticate`], by the host's clock, for a run.
    pub fn authenticate_to_run(
        self,
        root: &TrustRoot,
        now: Timestamp,
    ) -> Result<BundleToRun<'_>, AuthenticateError> {
        Ok(BundleToRun {
            bundle: self.authenticate(root, JudgedAt::At(now))?,
            now,
        })
    }
}

impl<'r> Deref for BundleToRun<'r> {
    type Target = AuthenticatedBundle<'r>;

    fn deref(&self) -> &Self::Target {
        &self.bundle
    }
}

impl BundleToRun<'_> {
    /// Adds an approval or withdrawal from another file.
    pub fn with_approval(self, claimed: &ClaimedStatement) -> Result<Self, AttestationError> {
        Ok(Self {
            bundle: self.bundle.with_approval(claimed)?,
            ..self
        })
    }

    /// Checks whether the bundle may run now under its trust root; [`Self::check_window`] has the
    /// rest. `apr` is the run's APR code; if
    /// given, only approvals with the same code count.
    ///
    /// ```
    /// use pgseal_verify::{Admission, BundleToRun, PolicyError};
    ///
    /// /// A run by the code of the ratified proposal.
    /// fn may_run<'b>(bundle: &'b BundleToRun<'_>) -> Result<Admission<'b>, PolicyError> {
    ///     bundle.authorize_run(Some("APR-7"))
    /// }
    /// ```
    pub fn authorize_run(&self, apr: Option<&str>) -> Result<Admission<'_>, PolicyError> {
        let (bundle, root, now) = (&self.bundle, self.root(), JudgedAt::At(self.now));
        bundle.check_policy()?;
        policy::check_source(root, bundle.manifest().source.as_ref())?;
        let approvals = policy::counting(root, bundle.approvals(), apr, now)?;
        Ok(Admission { bundle, approvals })
    }

    /// Checks whether its trust root lets a run begin now.
    pub fn check_window(&self) -> Result<(), PolicyError> {
        policy::check_window(self.root(), self.now)
    }
}

impl<'b> Admission<'b> {
    /// The authorized bundle.
    pub fn bundle(&self) -> &'b AuthenticatedBundle<'b> {
        self.bundle
    }

    /// The approvals that counted.
    pub fn approvals(&self) -> &[SignedApproval] {
        &self.approvals
    }

    /// The approvals that counted, are for the database of the run, and have runs left; fails if
    /// they do not meet the policy. `used` is the number of runs that an approval was used for on
    /// this database.
    pub fn unused(
        &self,
        target: &ObservedTarget,
        used: impl Fn(&SignedApproval) -> u64,
    ) -> Result<Vec<SignedApproval>, PolicyError> {
        policy::unused(self.bundle.root(), &self.approvals, target, used)
    }
}
