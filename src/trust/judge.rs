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

/// Whether a key counts for a role; if not, why, for people. `proven` is since when its signature exists, where a
/// notary or a time stamp proves it.
pub(super) fn counts(entry: &KeyEntry, role: &Name, when: When, proven: Option<Timestamp>) -> Result<(), String> {
    if entry.role != *role {
        return Err(format!("has the role {:?}", entry.role));
    }
    match (entry.status, when) {
        (KeyStatus::Revoked, _) => honest(entry.compromised_since, proven)?,
        (KeyStatus::Retired, When::At(_) | When::AsOf(_)) if entry.not_after.is_none() => {
            return Err("is retired".to_owned());
        }
        (KeyStatus::Retired, When::TrustRoot) => return Err("is retired".to_owned()),
        _ => {}
    }
    let moment = match when {
        When::At(now) => now,
        When::AsOf(time) => proven.filter(|proven| *proven <= time).unwrap_or(time),
        When::Undo | When::TrustRoot => return Ok(()),
    };
    match (entry.not_before, entry.not_after) {
        (Some(from), _) if moment < from => Err(format!("counts from {from} on")),
        (_, Some(to)) if moment > to => Err(format!("counted until {to}")),
        _ => Ok(()),
    }
}

/// What a revoked key signed before it was compromised still counts, if somebody else proves that it is that old. What
/// the signer claims proves nothing: the thief would claim it too.
fn honest(compromised_since: Option<Timestamp>, proven: Option<Timestamp>) -> Result<(), String> {
    match (compromised_since, proven) {
        (None, _) => Err("is revoked".to_owned()),
        (Some(since), Some(proven)) if proven < since => Ok(()),
        (Some(since), Some(proven)) => {
            Err(format!("is revoked (compromised since {since}, its signature is proven only since {proven})"))
        }
        (Some(since), None) => {
            Err(format!("is revoked (compromised since {since}, and nothing proves its signature older)"))
        }
    }
}
