//! Creates trust documents: the first version, and drafts of the version after a signed one.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::change::changes;
use super::public_key::PublicKey;
use super::root::{DraftRoot, TrustError, TrustRoot, name};
use super::timestamp::TimestampAuthority;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::database_pattern::DatabasePattern;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::release_source::RepositoryPattern;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::{
    AuthorityEntry, GateRole, KeyEntry, KeyStatus, Policy, Role, TrustDocument,
};
use pgseal_verify::format::window::{Freeze, Window};

/// A key to add, with its role and owner.
pub struct NewKey {
    pub role: Name,
    pub key: PublicKey,
    /// Owner of the key, for people.
    pub owner: String,
    /// Start of the key's window; earlier signatures don't count.
    pub not_before: Option<Timestamp>,
    /// End of the key's window; later signatures don't count.
    pub not_after: Option<Timestamp>,
}

#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    #[error("key {id} is in the trust root already (role {role}, {owner})")]
    KnownKey {
        id: Digest,
        role: Name,
        owner: String,
    },
    /// An age limit for rehearsals that the trust root does not require.
    #[error("no run needs a rehearsal by this trust root, so none can be too old")]
    NoRehearsal,
    #[error("the trust root has no key {0:?}")]
    NoKey(String),
    #[error("{text:?} is not one key but several: {}", ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    ManyKeys { text: String, ids: Vec<Digest> },
    #[error("key {0} is revoked, which is more than retired")]
    Revoked(Digest),
    #[error("key {id} counts until {until} only: retiring it until {asked} would lengthen that")]
    Longer {
        id: Digest,
        until: Timestamp,
        asked: Timestamp,
    },
    #[error("time stamping authority {0} is in the trust root already")]
    KnownAuthority(Digest),
    #[error("the trust root has no time stamping authority {text:?}; it has {known}")]
    NoAuthority { text: String, known: String },
    #[error("there is no role {0}")]
    NoRole(Name),
    #[error("release {0} is not blocked")]
    NotBlocked(Digest),
    /// The clock is behind the previous version's date; one of the two is wrong.
    #[error("this host's clock says {now}, and version {version} was issued on {issued}")]
    Clock {
        now: Timestamp,
        version: u32,
        issued: Timestamp,
    },
    #[error("nothing would change")]
    NoChange,
    #[error("there is no version after {0}")]
    LastVersion(u32),
    #[error("the next version would not hold: {0}")]
    Rule(#[from] TrustError),
}

impl DraftError {
    /// Builds [`Self::NoAuthority`] with a list of the known authorities.
    pub fn no_authority(document: &TrustDocument, text: &str) -> Self {
        let one = |entry: &AuthorityEntry| format!("{} ({})", entry.owner, entry.id.short());
        let known: Vec<String> = document.timestamp_authorities.iter().map(one).collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        Self::NoAuthority {
            text: text.to_owned(),
            known,
        }
    }
}

/// Builds version 1. It is validated when it is loaded.
pub fn first(
    keys: Vec<NewKey>,
    thresholds: BTreeMap<Name, u8>,
    policy: Policy,
    issued: Option<Timestamp>,
    expires: Timestamp,
) -> TrustDocument {
    let roles = thresholds
        .into_iter()
        .map(|(role, threshold)| (role, Role { threshold }))
        .collect();
    let mut keys: Vec<KeyEntry> = keys.into_iter().map(entry).collect();
    keys.sort_by_key(|key| key.id);
    TrustDocument {
        version: 1,
        prev_sha256: None,
        issued,
        expires,
        keys,
        roles,
        policy,
        timestamp_authorities: Vec::new(),
    }
}

/// Ids of keys that match an id, its first eight or more digits, or an owner.
pub fn keys_named(document: &TrustDocument, text: &str) -> Vec<Digest> {
    let is = |key: &&KeyEntry| {
        key.owner == text || (text.len() >= 8 && key.id.to_string().starts_with(text))
    };
    document.keys.iter().filter(is).map(|key| key.id).collect()
}

/// A draft of the version after a signed one.
pub struct NextVersion<'r> {
    before: &'r TrustRoot,
    document: TrustDocument,
}

impl<'r> NextVersion<'r> {
    /// Copies the signed version and gives it the next number.
    pub fn after(
        before: &'r TrustRoot,
        now: Timestamp,
        expires: Option<Timestamp>,
    ) -> Result<Self, DraftError> {
        let mut document = before.document().clone();
        let version = document.version;
        if let Some(issued) = document.issued.filter(|issued| now < *issued) {
            return Err(DraftError::Clock {
                now,
                version,
                issued,
            });
        }
        document.version = version
            .checked_add(1)
            .ok_or(DraftError::LastVersion(version))?;
        document.prev_sha256 = Some(before.digest());
        document.issued = Some(now);
        document.expires = expires.unwrap_or(document.expires);
        Ok(Self { before, document })
    }

    pub fn document(&self) -> &TrustDocument {
        &self.document
    }

    /// Adds a key. A new role gets the threshold 1.
    pub fn add(&mut self, key: NewKey) -> Result<(), DraftError> {
        let new = entry(key);
        if let Some(known) = self.document.keys.iter().find(|key| key.id == new.id) {
            return Err(DraftError::KnownKey {
                id: known.id,
                role: known.role.clone(),
                owner: known.owner.clone(),
            });
        }
        self.document
            .roles
            .entry(new.role.clone())
            .or_insert(Role { threshold: 1 });
        self.document.keys.push(new);
        self.document.keys.sort_by_key(|key| key.id);
        Ok(())
    }

    /// Retires a key: its signatures count up to `until` and no longer.
    pub fn retire(&mut self, id: Digest, until: Timestamp) -> Result<(), DraftError> {
        let key = self.key(id)?;
        retire(id, &mut key.status, &mut key.not_after, until)
    }

    pub fn add_authority(
        &mut self,
        authority: &TimestampAuthority,
        owner: String,
        not_after: Option<Timestamp>,
    ) -> Result<(), DraftError> {
        let (id, certificate) = (authority.id(), authority.to_base64());
        let list = &mut self.document.timestamp_authorities;
        if list.iter().any(|known| known.id == id) {
            return Err(DraftError::KnownAuthority(id));
        }
        list.push(AuthorityEntry {
            id,
            certificate,
            owner,
            not_after,
            status: KeyStatus::Active,
        });
        list.sort_by_key(|entry| entry.id);
        Ok(())
    }

    /// Retires an authority: its time stamps count up to `until`.
    pub fn retire_authority(&mut self, id: Digest, until: Timestamp) -> Result<(), DraftError> {
        let entry = self.authority(id)?;
        retire(id, &mut entry.status, &mut entry.not_after, until)
    }

    /// Revokes an authority. None of its time stamps count, because a thief of its key can write
    /// any time.
    pub fn revoke_authority(&mut self, id: Digest) -> Result<(), DraftError> {
        self.authority(id)?.status = KeyStatus::Revoked;
        Ok(())
    }

    /// Revokes a key. Only signatures proven to be older than `compromised_since` still count.
    pub fn revoke(
        &mut self,
        id: Digest,
        compromised_since: Option<Timestamp>,
    ) -> Result<(), DraftError> {
        let key = self.key(id)?;
        key.status = KeyStatus::Revoked;
        key.compromised_since = compromised_since.or(key.compromised_since);
        Ok(())
    }

    pub fn role_of(&mut self, id: Digest) -> Result<Name, DraftError> {
        self.key(id).map(|key| key.role.clone())
    }

    /// Sets the number of distinct keys of a role that must sign.
    pub fn set_threshold(&mut self, role: &Name, threshold: u8) -> Result<(), DraftError> {
        let definition = self.document.roles.get_mut(role);
        let missing = || DraftError::NoRole(role.clone());
        definition.ok_or_else(missing)?.threshold = threshold;
        Ok(())
    }

    /// Sets the number of approvals of a role that a run needs. 0 removes the requirement; `None`
    /// takes the role's threshold.
    pub fn require(&mut self, role: &Name, count: Option<u8>) -> Result<(), DraftError> {
        let count = approvals(&self.document.roles, role, count)?;
        let needed = &mut self.document.policy.approvals;
        match count {
            0 => drop(needed.remove(role)),
            count => drop(needed.insert(role.clone(), count)),
        }
        Ok(())
    }

    /// Sets the databases on which releases may run; an empty list allows any.
    pub fn set_targets(&mut self, targets: Vec<DatabasePattern>) {
        self.document.policy.targets = targets;
    }

    /// Sets the databases on which a release must run first.
    pub fn set_require_run_on(&mut self, databases: Vec<DatabasePattern>) {
        self.document.policy.require_run_on = databases;
    }

    /// Sets the repositories of which releases may run; an empty list allows any.
    pub fn set_source_repositories(&mut self, repositories: Vec<RepositoryPattern>) {
        self.document.policy.source_repositories = repositories;
    }

    /// Sets the times at which runs may begin; an empty list allows any.
    pub fn set_windows(&mut self, windows: Vec<Window>) {
        self.document.policy.windows = windows;
    }

    /// Sets the times at which no run may begin.
    pub fn set_freezes(&mut self, freezes: Vec<Freeze>) {
        self.document.policy.freezes = freezes;
    }

    pub fn set_require_rehearsal(&mut self, required: bool) {
        self.document.policy.require_rehearsal = required;
        if !required {
            self.document.policy.rehearsal_max_age_days = None;
        }
    }

    /// Sets the maximum age of the rehearsal in days; `None` allows any age.
    pub fn set_rehearsal_max_age(&mut self, days: Option<NonZeroU32>) -> Result<(), DraftError> {
        if days.is_some() && !self.document.policy.require_rehearsal {
            return Err(DraftError::NoRehearsal);
        }
        self.document.policy.rehearsal_max_age_days = days;
        Ok(())
    }

    /// Sets whether a run needs a key that signs its receipt, which has the role `receipt`.
    pub fn set_require_signed_receipts(&mut self, required: bool) -> Result<(), DraftError> {
        let receipt = name("receipt");
        if required && !self.document.roles.contains_key(&receipt) {
            return Err(DraftError::NoRole(receipt));
        }
        self.document.policy.require_signed_receipts = required;
        Ok(())
    }

    /// Sets the permitted rights of the role for gates and probes.
    pub fn set_gate_role(&mut self, role: GateRole) {
        self.document.policy.gate_role = role;
    }

    /// Sets the lowest sequence of a release that may run; 0 allows any.
    pub fn set_minimum_sequence(&mut self, release: Name, sequence: u32) {
        let minimum = &mut self.document.policy.minimum_sequence;
        match sequence {
            0 => drop(minimum.remove(&release)),
            sequence => drop(minimum.insert(release, sequence)),
        }
    }

    pub fn block(&mut self, release: Digest) {
        let blocked = &mut self.document.policy.blocked_releases;
        if !blocked.contains(&release) {
            blocked.push(release);
        }
    }

    pub fn unblock(&mut self, release: Digest) -> Result<(), DraftError> {
        let blocked = &mut self.document.policy.blocked_releases;
        let at = blocked.iter().position(|id| *id == release);
        blocked.remove(at.ok_or(DraftError::NotBlocked(release))?);
        Ok(())
    }

    /// Returns the draft if it changes anything and its rules hold.
    pub fn finish(self) -> Result<DraftRoot, DraftError> {
        if changes(self.before.document(), &self.document).is_empty() {
            return Err(DraftError::NoChange);
        }
        Ok(DraftRoot::of(&self.document)?)
    }

    fn authority(&mut self, id: Digest) -> Result<&mut AuthorityEntry, DraftError> {
        let mut entries = self.document.timestamp_authorities.iter();
        let at = entries.position(|entry| entry.id == id);
        let at = at.ok_or_else(|| DraftError::no_authority(&self.document, &id.to_string()))?;
        Ok(&mut self.document.timestamp_authorities[at])
    }

    fn key(&mut self, id: Digest) -> Result<&mut KeyEntry, DraftError> {
        let found = self.document.keys.iter_mut().find(|key| key.id == id);
        found.ok_or_else(|| DraftError::NoKey(id.to_string()))
    }
}

fn retire(
    id: Digest,
    status: &mut KeyStatus,
    not_after: &mut Option<Timestamp>,
    until: Timestamp,
) -> Result<(), DraftError> {
    if *status == KeyStatus::Revoked {
        return Err(DraftError::Revoked(id));
    }
    if let Some(end) = not_after.filter(|end| *end < until) {
        return Err(DraftError::Longer {
            id,
            until: end,
            asked: until,
        });
    }
    (*status, *not_after) = (KeyStatus::Retired, Some(until));
    Ok(())
}

/// The number of approvals required of a role: `count`, or else the role's threshold.
pub fn approvals(
    roles: &BTreeMap<Name, Role>,
    role: &Name,
    count: Option<u8>,
) -> Result<u8, DraftError> {
    let threshold = roles.get(role).map(|role| role.threshold);
    // A requirement can be removed even if its role no longer exists.
    let known = threshold
        .or(count.filter(|count| *count == 0))
        .ok_or_else(|| DraftError::NoRole(role.clone()))?;
    Ok(count.unwrap_or(known))
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
