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
        document
            .keys
            .iter()
            .filter(|key| key.role == *role)
            .cloned()
            .collect()
    };
    let (list, needs) = (keys(after), needed(after, role));
    let changed = keys(before) != list || needed(before, role) != needs;
    let active = list
        .iter()
        .filter(|key| key.status == KeyStatus::Active)
        .count();
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
    let for_ever =
        |key: &&KeyEntry| key.status == KeyStatus::Revoked && key.compromised_since.is_none();
    let known = |key: &KeyEntry| {
        before
            .keys
            .iter()
            .any(|old| old.id == key.id && old.status == KeyStatus::Revoked)
    };
    after
        .keys
        .iter()
        .filter(for_ever)
        .any(|key| !known(key))
        .then(|| {
            "no signature of this key counts any more, not even proven older ones; \
         --compromised-since TIME would keep those"
                .to_owned()
        })
}
