//! Makes trust documents: the first one, and the next one with a key more.

use std::collections::BTreeMap;

use super::public_key::PublicKey;
use super::root::TrustRoot;
use crate::format::name::Name;
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::{KeyEntry, KeyStatus, Policy, Role, TrustDocument};
use crate::format::version::Format1;

/// A key to put in: its role, the key, and whose it is.
pub struct NewKey {
    /// The one role it gets.
    pub role: Name,
    /// The key.
    pub key: PublicKey,
    /// Whose it is, for people.
    pub owner: String,
    /// Its signatures count from this moment on.
    pub not_before: Option<Timestamp>,
    /// Its signatures count up to this moment.
    pub not_after: Option<Timestamp>,
}

/// Version 1. Whether it holds is seen when it is loaded.
pub fn first(keys: Vec<NewKey>, thresholds: BTreeMap<Name, u8>, policy: Policy, expires: Timestamp) -> TrustDocument {
    let roles = thresholds.into_iter().map(|(role, threshold)| (role, Role { threshold })).collect();
    let mut keys: Vec<KeyEntry> = keys.into_iter().map(entry).collect();
    keys.sort_by_key(|key| key.id);
    TrustDocument {
        format: Format1,
        version: 1,
        prev_sha256: None,
        issued: None,
        expires,
        keys,
        roles,
        policy,
        timestamp_authorities: Vec::new(),
    }
}

/// The next version with one key more; a role that is new gets the threshold 1.
pub fn with_key(root: &TrustRoot, key: NewKey, expires: Option<Timestamp>) -> TrustDocument {
    let mut next = root.document().clone();
    next.version += 1;
    next.prev_sha256 = Some(root.digest());
    next.expires = expires.unwrap_or(next.expires);
    next.roles.entry(key.role.clone()).or_insert(Role { threshold: 1 });
    next.keys.push(entry(key));
    next.keys.sort_by_key(|key| key.id);
    next
}

fn entry(new: NewKey) -> KeyEntry {
    KeyEntry {
        id: new.key.id().digest(),
        public_key: new.key.to_base64(),
        owner: new.owner,
        role: new.role,
        not_before: new.not_before,
        not_after: new.not_after,
        status: KeyStatus::Active,
        compromised_since: None,
    }
}
