//! A bundle that may run, and the admission of its run.

use std::ops::Deref;

use super::authenticate::{AuthenticateError, AuthenticatedBundle};
use super::untrusted::UntrustedBundle;
use crate::format::timestamp::Timestamp;
use crate::trust::added::{AddedError, ClaimedStatement, SignedApproval};
use crate::trust::policy::{self, PolicyError};
use crate::trust::{TrustRoot, When};

/// An authentic bundle whose release keys count now. Every command reads one as an [`AuthenticatedBundle`]; the opposite
/// way is closed, so nothing runs that was authenticated to be undone or for a time that is over.
///
/// Only [`UntrustedBundle::authenticate_to_run`] makes one.
pub struct BundleToRun<'r> {
    bundle: AuthenticatedBundle<'r>,
    now: Timestamp,
}

/// The leave of the bundle's own trust root to run it: neither is out of date, and enough people approved.
///
/// Only [`BundleToRun::admit`] makes one.
pub struct Admission<'b> {
    bundle: &'b AuthenticatedBundle<'b>,
    approvals: Vec<SignedApproval>,
}

impl UntrustedBundle {
    /// As [`Self::authenticate`], by the host's clock, for a run.
    pub fn authenticate_to_run(self, root: &TrustRoot, now: Timestamp) -> Result<BundleToRun<'_>, AuthenticateError> {
        Ok(BundleToRun { bundle: self.authenticate(root, When::At(now))?, now })
    }
}

impl<'r> Deref for BundleToRun<'r> {
    type Target = AuthenticatedBundle<'r>;

    fn deref(&self) -> &Self::Target {
        &self.bundle
    }
}

impl BundleToRun<'_> {
    /// With an approval or withdrawal from another file.
    pub fn with_approval(self, claimed: &ClaimedStatement) -> Result<Self, AddedError> {
        Ok(Self { bundle: self.bundle.with_approval(claimed)?, ..self })
    }

    /// Whether it may run now, by the trust root that authenticated it. `apr` is the code that the run is ordered with;
    /// where there is one, an approval counts only for the same.
    pub fn admit(&self, apr: Option<&str>) -> Result<Admission<'_>, PolicyError> {
        let (bundle, root, now) = (&self.bundle, self.root(), When::At(self.now));
        policy::admits(root, &bundle.manifest().release, bundle.release_id(), now)?;
        let tallies = policy::tally(root, bundle.approvals(), apr, now);
        if tallies.iter().any(|tally| !tally.is_met()) {
            return Err(PolicyError::Approvals(tallies));
        }
        let counting = bundle.approvals().iter().filter(|approval| policy::counts(root, approval, apr, now).is_ok());
        Ok(Admission { bundle, approvals: counting.cloned().collect() })
    }
}

impl<'b> Admission<'b> {
    /// The bundle that may run.
    pub fn bundle(&self) -> &'b AuthenticatedBundle<'b> {
        self.bundle
    }

    /// The approvals that counted.
    pub fn approvals(&self) -> &[SignedApproval] {
        &self.approvals
    }
}
