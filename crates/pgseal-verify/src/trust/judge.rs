//! Whether a key's signature counts, at a time.

use crate::format::name::Name;
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::{KeyEntry, KeyStatus};

/// By which time keys are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// By the host's clock, for what is about to be done: keys count whose window holds this moment.
    At(Timestamp),
    /// For judging what was done: a signature counts whose proven time, or else this moment, lies in its key's window.
    AsOf(Timestamp),
    /// For undoing what was allowed when it was done: windows don't bind, revocation does.
    Undo,
    /// For the trust root's own signatures: windows don't bind, so that no clock locks everybody out, but a root key that
    /// is retired signs no new version.
    TrustRoot,
}

/// Why a key's signature doesn't count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// It has another role.
    #[error("has the role {0:?}")]
    Role(Name),
    /// It is revoked, whenever it signed.
    #[error("is revoked")]
    Revoked,
    /// It is revoked, and nothing proves that it signed before it was compromised. What the signer claims proves
    /// nothing: the thief would claim it too.
    #[error("is revoked (compromised since {0}, and nothing proves its signature older)")]
    Unproven(Timestamp),
    /// It is revoked, and what proves the signature's age begins after the compromise.
    #[error("is revoked (compromised since {since}, its signature is proven only since {proven})")]
    ProvenLater {
        /// Since when somebody else may have had it.
        since: Timestamp,
        /// Since when the signature is known to exist.
        proven: Timestamp,
    },
    /// It signs no more, and nobody said until when it did.
    #[error("is retired")]
    Retired,
    /// Its window has not begun.
    #[error("counts from {0} on")]
    TooEarly(Timestamp),
    /// Its window has ended.
    #[error("counted until {0}")]
    TooLate(Timestamp),
}

impl NotCounted {
    /// Whether somebody else may have made the signature.
    pub fn is_revoked(&self) -> bool {
        matches!(self, Self::Revoked | Self::Unproven(_) | Self::ProvenLater { .. })
    }
}

/// Whether a key counts for a role. `proven` is since when its signature exists, where a notary or a time stamp proves it.
pub(super) fn counts(entry: &KeyEntry, role: &Name, when: When, proven: Option<Timestamp>) -> Result<(), NotCounted> {
    if entry.role != *role {
        return Err(NotCounted::Role(entry.role.clone()));
    }
    match (entry.status, when) {
        (KeyStatus::Revoked, _) => honest(entry.compromised_since, proven)?,
        (KeyStatus::Retired, When::At(_) | When::AsOf(_)) if entry.not_after.is_none() => {
            return Err(NotCounted::Retired);
        }
        (KeyStatus::Retired, When::TrustRoot) => return Err(NotCounted::Retired),
        _ => {}
    }
    let moment = match when {
        When::At(now) => now,
        When::AsOf(time) => proven.filter(|proven| *proven <= time).unwrap_or(time),
        When::Undo | When::TrustRoot => return Ok(()),
    };
    match (entry.not_before, entry.not_after) {
        (Some(from), _) if moment < from => Err(NotCounted::TooEarly(from)),
        (_, Some(to)) if moment > to => Err(NotCounted::TooLate(to)),
        _ => Ok(()),
    }
}

/// What a revoked key signed before it was compromised still counts, if somebody else proves that it is that old.
fn honest(compromised_since: Option<Timestamp>, proven: Option<Timestamp>) -> Result<(), NotCounted> {
    match (compromised_since, proven) {
        (None, _) => Err(NotCounted::Revoked),
        (Some(since), Some(proven)) if proven < since => Ok(()),
        (Some(since), Some(proven)) => Err(NotCounted::ProvenLater { since, proven }),
        (Some(since), None) => Err(NotCounted::Unproven(since)),
    }
}
