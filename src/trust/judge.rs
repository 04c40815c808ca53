//! Whether a key's signature counts, at a time.

use crate::format::name::Name;
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::{KeyEntry, KeyStatus};

/// By which time keys are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Keys count whose window holds this moment.
    At(Timestamp),
    /// For undoing what was allowed when it was done: windows don't bind, revocation does.
    Undo,
    /// For the trust root's own signatures: windows don't bind, so that no clock locks everybody out, but a root key that
    /// is retired signs no new version.
    TrustRoot,
}

/// Whether a key counts for a role; if not, why, for people.
pub(super) fn counts(entry: &KeyEntry, role: &Name, when: When) -> Result<(), String> {
    if entry.role != *role {
        return Err(format!("has the role {:?}", entry.role));
    }
    match (entry.status, when) {
        (KeyStatus::Revoked, _) => return Err("is revoked".to_owned()),
        (KeyStatus::Retired, When::TrustRoot) => return Err("is retired".to_owned()),
        (KeyStatus::Retired, When::At(_)) if entry.not_after.is_none() => return Err("is retired".to_owned()),
        _ => {}
    }
    let When::At(now) = when else { return Ok(()) };
    match (entry.not_before, entry.not_after) {
        (Some(from), _) if now < from => Err(format!("counts from {from} on")),
        (_, Some(to)) if now > to => Err(format!("counted until {to}")),
        _ => Ok(()),
    }
}
