//! Warnings about changes that are valid but rarely intended.

use super::roles::{approves, needed};
use pgseal_verify::format::name::Name;
use pgseal_verify::format::trust_document::{KeyEntry, KeyStatus, TrustDocument};
use pgseal_verify::plural;

/// Returns the warnings for all changes between two versions.
pub fn warnings(before: &TrustDocument, after: &TrustDocument) -> Vec<String> {
    let roles = || after.roles.keys();
    let few = roles().filter_map(|role| too_few(before, after, role));
    let other = roles().filter_map(|role| another_count(before, after, role));
    few.chain(other)
        .chain(revoked_for_ever(before, after))
        .collect()
}

/// A role that this version changes and that has too few active keys left to sign.
fn too_few(before: &TrustDocument, after: &TrustDocument, role: &Name) -> Option<String> {
    let keys = |document: &TrustDocument| -> Vec<KeyEntry> {
        let keys = document.keys.iter().filter(|key| key.role == *role);
        keys.cloned().collect()
    };
    let (list, needs) = (keys(after), needed(after, role));
    let changed = keys(before) != list || needed(before, role) != needs;
    let is_active = |key: &&KeyEntry| key.status == KeyStatus::Active;
    let active = list.iter().filter(is_active).count();
    (changed && active < usize::from(needs)).then(|| {
        format!(
            "role {role} has {} left and needs {needs}: it signs nothing new",
            plural::count(active, "active key")
        )
    })
}

/// A changed threshold of approvers, which alone has no effect on runs.
fn another_count(before: &TrustDocument, after: &TrustDocument, role: &Name) -> Option<String> {
    let threshold = |document: &TrustDocument| document.roles.get(role).map(|role| role.threshold);
    let count = |document: &TrustDocument| document.policy.approvals.get(role).copied();
    let (asked, still) = (threshold(after)?, count(after)?);
    let says_other =
        approves(role) && threshold(before) != Some(asked) && count(before) == Some(still);
    let plural = if still == 1 { "" } else { "s" };
    (says_other && asked != still).then(|| {
        format!(
            "a run still needs {still} approval{plural} of {role}: give --require {role}={asked}"
        )
    })
}

/// A key that is revoked without a time.
fn revoked_for_ever(before: &TrustDocument, after: &TrustDocument) -> Option<String> {
    let is_new = |key: &KeyEntry| {
        let mut old = before.keys.iter().filter(|old| old.id == key.id);
        old.all(|old| old.status != KeyStatus::Revoked)
    };
    let mut keys = after.keys.iter();
    let any = keys.any(|key| {
        key.status == KeyStatus::Revoked && key.compromised_since.is_none() && is_new(key)
    });
    any.then(|| {
        "no signature of this key counts any more, not even proven older ones; \
         --compromised-since TIME would keep those"
            .to_owned()
    })
}
