//! What the trust root says of a run besides who signed.

use super::root::TrustRoot;
use crate::format::manifest::Release;
use crate::format::name::Name;
use crate::format::statement::ReleaseId;
use crate::format::timestamp::Timestamp;

/// Why an authentic release must not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The trust root is too old.
    #[error("the trust root (version {version}) expired on {expired}")]
    Expired {
        /// Its version.
        version: u32,
        /// Since when.
        expired: Timestamp,
    },
    /// This very release is blocked.
    #[error("the trust root blocks this release ({0})")]
    Blocked(ReleaseId),
    /// An old release played again.
    #[error("the trust root wants sequence {minimum} or later of {name}, this is {found}")]
    Sequence {
        /// The release's name.
        name: Name,
        /// The lowest that may run.
        minimum: u32,
        /// This one's.
        found: u32,
    },
    /// People who must say yes have not.
    #[error("approvals are missing: {0}")]
    Approvals(String),
}

/// Whether the root vouches for anything at a time, and for this release.
pub fn admits(root: &TrustRoot, release: &Release, id: ReleaseId, now: Timestamp) -> Result<(), PolicyError> {
    let document = root.document();
    if now >= document.expires {
        return Err(PolicyError::Expired { version: document.version, expired: document.expires });
    }
    if document.policy.blocked_releases.contains(&id.digest()) {
        return Err(PolicyError::Blocked(id));
    }
    match document.policy.minimum_sequence.get(&release.name) {
        Some(minimum) if release.sequence < *minimum => {
            Err(PolicyError::Sequence { name: release.name.clone(), minimum: *minimum, found: release.sequence })
        }
        _ => Ok(()),
    }
}

/// Whether the approvals that a run needs are there. This version reads none, so a policy that needs any is not met.
pub fn approved(root: &TrustRoot) -> Result<(), PolicyError> {
    let needed = &root.document().policy.approvals;
    if needed.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = needed.iter().map(|(role, count)| format!("{role} 0 of {count}")).collect();
    Err(PolicyError::Approvals(list.join(", ")))
}
