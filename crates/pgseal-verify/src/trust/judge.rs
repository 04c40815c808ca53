//! Decides whether a key's signature counts at a time.

use crate::format::name::Name;
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::{KeyEntry, KeyStatus};

/// Time by which keys are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgedAt {
    /// The host's clock, before an action: the key's window must include this time.
    At(Timestamp),
    /// A past time, for audits. The key's window must include the signature's proven time if that
    /// is not later, or else this time.
    AsOf(Timestamp),
    /// Rollback of an action that was allowed: windows don't bind, revocation does.
    Undo,
    /// The trust root's own signatures. Windows don't bind, so that no clock locks everyone out; a
    /// retired root key signs no new version.
    TrustRoot,
}

/// Reason why a key's signature doesn't count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// The key has another role.
    #[error("has the role {0:?}")]
    Role(Name),
    /// The key is revoked, whatever the time of its signature.
    #[error("is revoked")]
    Revoked,
    /// The key is revoked, and nothing proves that it signed before its compromise. A claimed time
    /// proves nothing, because a thief would claim it too.
    #[error("is revoked (compromised since {0}, and nothing proves its signature older)")]
    Unproven(Timestamp),
    /// The key is revoked, and its signature's proven time is after the compromise.
    #[error("is revoked (compromised since {since}, its signature is proven only since {proven})")]
    ProvenLater {
        /// Start of the compromise.
        since: Timestamp,
        /// Time by which the signature is proven to exist.
        proven: Timestamp,
    },
    /// The key is retired, with no date for its end.
    #[error("is retired")]
    Retired,
    /// The key's window has not begun.
    #[error("counts from {0} on")]
    TooEarly(Timestamp),
    /// The key's window has ended.
    #[error("counted until {0}")]
    TooLate(Timestamp),
}

impl NotCounted {
    /// Whether a thief of the key may have made the signature.
    pub fn is_revoked(&self) -> bool {
        matches!(
            self,
            Self::Revoked | Self::Unproven(_) | Self::ProvenLater { .. }
        )
    }
}

/// Checks whether a key counts for a role. `proven` is the time by which its signature existed, if
/// a notary or a time stamp proves it.
pub(super) fn counts(
    entry: &KeyEntry,
    role: &Name,
    when: JudgedAt,
    proven: Option<Timestamp>,
) -> Result<(), NotCounted> {
    if entry.role != *role {
        return Err(NotCounted::Role(entry.role.clone()));
    }
    match (entry.status, when) {
        (KeyStatus::Revoked, _) => predates_compromise(entry.compromised_since, proven)?,
        (KeyStatus::Retired, JudgedAt::At(_) | JudgedAt::AsOf(_)) if entry.not_after.is_none() => {
            return Err(NotCounted::Retired);
        }
        (KeyStatus::Retired, JudgedAt::TrustRoot) => return Err(NotCounted::Retired),
        _ => {}
    }
    let moment = match when {
        JudgedAt::At(now) => now,
        JudgedAt::AsOf(time) => proven.filter(|proven| *proven <= time).unwrap_or(time),
        JudgedAt::Undo | JudgedAt::TrustRoot => return Ok(()),
    };
    match (entry.not_before, entry.not_after) {
        (Some(from), _) if moment < from => Err(NotCounted::TooEarly(from)),
        (_, Some(to)) if moment > to => Err(NotCounted::TooLate(to)),
        _ => Ok(()),
    }
}

/// Accepts a revoked key's signature if it is proven to be older than the compromise.
fn predates_compromise(
    compromised_since: Option<Timestamp>,
    proven: Option<Timestamp>,
) -> Result<(), NotCounted> {
    match (compromised_since, proven) {
        (None, _) => Err(NotCounted::Revoked),
        (Some(since), Some(proven)) if proven < since => Ok(()),
        (Some(since), Some(proven)) => Err(NotCounted::ProvenLater { since, proven }),
        (Some(since), None) => Err(NotCounted::Unproven(since)),
    }
}
