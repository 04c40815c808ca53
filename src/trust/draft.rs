//! Makes trust documents: the first one, and drafts of the version after one that is signed.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::change::changes;
use super::public_key::PublicKey;
use super::root::{DraftRoot, TrustError, TrustRoot};
use super::timestamp::TimestampAuthority;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::{
    AuthorityEntry, GateRole, KeyEntry, KeyStatus, Policy, Role, TrustDocument,
};

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

/// Why there is no draft.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The key is there already.
    #[error("key {id} is in the trust root already (role {role}, {owner})")]
    KnownKey {
        /// The key.
        id: Digest,
        /// Its role.
        role: Name,
        /// Whose it is.
        owner: String,
    },
    /// An age limit of what nobody needs.
    #[error("no run needs a rehearsal by this trust root, so none can be too old")]
    NoRehearsal,
    /// No key by this id or owner.
    #[error("the trust root has no key {0:?}")]
    NoKey(String),
    /// More than one key by this id or owner.
    #[error("{text:?} is not one key but several: {}", ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    ManyKeys {
        /// What was asked for.
        text: String,
        /// The keys.
        ids: Vec<Digest>,
    },
    /// A revoked key stays revoked.
    #[error("key {0} is revoked, which is more than retired")]
    Revoked(Digest),
    /// Retiring never lengthens a window.
    #[error("key {id} counts until {until} only: retiring it until {asked} would lengthen that")]
    Longer {
        /// The key.
        id: Digest,
        /// The end that it has.
        until: Timestamp,
        /// The end that was asked for.
        asked: Timestamp,
    },
    /// The authority is there already.
    #[error("time stamping authority {0} is in the trust root already")]
    KnownAuthority(Digest),
    /// No authority by this id or owner.
    #[error("the trust root has no time stamping authority {text:?}; it has {known}")]
    NoAuthority {
        /// What was asked for.
        text: String,
        /// Those that there are, for people.
        known: String,
    },
    /// A role that nobody has.
    #[error("there is no role {0}")]
    NoRole(Name),
    /// A release that is not blocked.
    #[error("release {0} is not blocked")]
    NotBlocked(Digest),
    /// The clock is wrong, or the version before lied.
    #[error("this host's clock says {now}, and version {version} was issued on {issued}")]
    Clock {
        /// The clock.
        now: Timestamp,
        /// The version before.
        version: u32,
        /// When it was issued.
        issued: Timestamp,
    },
    /// The next version would say the same.
    #[error("nothing would change")]
    NoChange,
    /// 4294967295 is the last version.
    #[error("there is no version after {0}")]
    LastVersion(u32),
    /// A rule of trust documents.
    #[error("the next version would not hold: {0}")]
    Rule(#[from] TrustError),
}

impl DraftError {
    /// No authority is named so; the ones that there are.
    pub fn no_authority(document: &TrustDocument, text: &str) -> Self {
        let one = |entry: &AuthorityEntry| format!("{} ({})", entry.owner, entry.id.short());
        let known: Vec<String> = document.timestamp_authorities.iter().map(one).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Self::NoAuthority { text: text.to_owned(), known }
    }
}

/// Version 1. Whether it holds is seen when it is loaded.
pub fn first(
    keys: Vec<NewKey>,
    thresholds: BTreeMap<Name, u8>,
    policy: Policy,
    issued: Option<Timestamp>,
    expires: Timestamp,
) -> TrustDocument {
    let roles = thresholds.into_iter().map(|(role, threshold)| (role, Role { threshold })).collect();
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

/// The keys that a text may mean: an id, the first eight or more digits of one, or an owner.
pub fn keys_named(document: &TrustDocument, text: &str) -> Vec<Digest> {
    let is = |key: &&KeyEntry| key.owner == text || (text.len() >= 8 && key.id.to_string().starts_with(text));
    document.keys.iter().filter(is).map(|key| key.id).collect()
}

/// The version after one that is signed, in the making.
pub struct NextVersion<'r> {
    before: &'r TrustRoot,
    document: TrustDocument,
}

impl<'r> NextVersion<'r> {
    /// The same again, with the next number.
    pub fn after(before: &'r TrustRoot, now: Timestamp, expires: Option<Timestamp>) -> Result<Self, DraftError> {
        let mut document = before.document().clone();
        let version = document.version;
        if let Some(issued) = document.issued.filter(|issued| now < *issued) {
            return Err(DraftError::Clock { now, version, issued });
        }
        document.version = version.checked_add(1).ok_or(DraftError::LastVersion(version))?;
        document.prev_sha256 = Some(before.digest());
        document.issued = Some(now);
        document.expires = expires.unwrap_or(document.expires);
        Ok(Self { before, document })
    }

    /// The document as it is so far.
    pub fn document(&self) -> &TrustDocument {
        &self.document
    }

    /// One key more; a role that is new gets the threshold 1.
    pub fn add(&mut self, key: NewKey) -> Result<(), DraftError> {
        let new = entry(key);
        if let Some(known) = self.document.keys.iter().find(|key| key.id == new.id) {
            let (role, owner) = (known.role.clone(), known.owner.clone());
            return Err(DraftError::KnownKey { id: known.id, role, owner });
        }
        self.document.roles.entry(new.role.clone()).or_insert(Role { threshold: 1 });
        self.document.keys.push(new);
        self.document.keys.sort_by_key(|key| key.id);
        Ok(())
    }

    /// A key makes no new signatures that count; those up to `until` do.
    pub fn retire(&mut self, id: Digest, until: Timestamp) -> Result<(), DraftError> {
        let key = self.key(id)?;
        if key.status == KeyStatus::Revoked {
            return Err(DraftError::Revoked(id));
        }
        if let Some(end) = key.not_after.filter(|end| *end < until) {
            return Err(DraftError::Longer { id, until: end, asked: until });
        }
        key.status = KeyStatus::Retired;
        key.not_after = Some(until);
        Ok(())
    }

    /// One time stamping authority more.
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
        list.push(AuthorityEntry { id, certificate, owner, not_after, status: KeyStatus::Active });
        list.sort_by_key(|entry| entry.id);
        Ok(())
    }

    /// An authority's time stamps count up to `until`.
    pub fn retire_authority(&mut self, id: Digest, until: Timestamp) -> Result<(), DraftError> {
        let entry = self.authority(id)?;
        if entry.status == KeyStatus::Revoked {
            return Err(DraftError::Revoked(id));
        }
        if let Some(end) = entry.not_after.filter(|end| *end < until) {
            return Err(DraftError::Longer { id, until: end, asked: until });
        }
        entry.status = KeyStatus::Retired;
        entry.not_after = Some(until);
        Ok(())
    }

    /// No time stamp of an authority counts: whoever has its key can write any time.
    pub fn revoke_authority(&mut self, id: Digest) -> Result<(), DraftError> {
        self.authority(id)?.status = KeyStatus::Revoked;
        Ok(())
    }

    /// No signature of a key counts any more, but those that are proven to be older than `compromised_since`.
    pub fn revoke(&mut self, id: Digest, compromised_since: Option<Timestamp>) -> Result<(), DraftError> {
        let key = self.key(id)?;
        key.status = KeyStatus::Revoked;
        key.compromised_since = compromised_since.or(key.compromised_since);
        Ok(())
    }

    /// The role of a key.
    pub fn role_of(&mut self, id: Digest) -> Result<Name, DraftError> {
        self.key(id).map(|key| key.role.clone())
    }

    /// How many distinct keys of a role must sign.
    pub fn set_threshold(&mut self, role: &Name, threshold: u8) -> Result<(), DraftError> {
        let definition = self.document.roles.get_mut(role).ok_or_else(|| DraftError::NoRole(role.clone()))?;
        definition.threshold = threshold;
        Ok(())
    }

    /// How many approvals of a role a run needs: 0 for none, nothing given for as many as its threshold.
    pub fn require(&mut self, role: &Name, count: Option<u8>) -> Result<(), DraftError> {
        let count = approvals(&self.document.roles, role, count)?;
        match count {
            0 => drop(self.document.policy.approvals.remove(role)),
            count => drop(self.document.policy.approvals.insert(role.clone(), count)),
        }
        Ok(())
    }

    /// The databases on which releases may run; none: any.
    pub fn set_targets(&mut self, targets: Vec<String>) {
        self.document.policy.targets = targets;
    }

    /// Whether every run needs the receipt of a rehearsal.
    pub fn set_require_rehearsal(&mut self, required: bool) {
        self.document.policy.require_rehearsal = required;
        if !required {
            self.document.policy.rehearsal_max_age_days = None;
        }
    }

    /// How many days old the rehearsal may be; `None` for any age.
    pub fn set_rehearsal_max_age(&mut self, days: Option<NonZeroU32>) -> Result<(), DraftError> {
        if days.is_some() && !self.document.policy.require_rehearsal {
            return Err(DraftError::NoRehearsal);
        }
        self.document.policy.rehearsal_max_age_days = days;
        Ok(())
    }

    /// The rights of the role that gates and probes are asked as.
    pub fn set_gate_role(&mut self, role: GateRole) {
        self.document.policy.gate_role = role;
    }

    /// The lowest sequence of a release that may run; 0 for any.
    pub fn set_minimum_sequence(&mut self, release: Name, sequence: u32) {
        match sequence {
            0 => drop(self.document.policy.minimum_sequence.remove(&release)),
            sequence => drop(self.document.policy.minimum_sequence.insert(release, sequence)),
        }
    }

    /// A release that never runs.
    pub fn block(&mut self, release: Digest) {
        let blocked = &mut self.document.policy.blocked_releases;
        if !blocked.contains(&release) {
            blocked.push(release);
        }
    }

    /// A release that may run again.
    pub fn unblock(&mut self, release: Digest) -> Result<(), DraftError> {
        let blocked = &mut self.document.policy.blocked_releases;
        let at = blocked.iter().position(|id| *id == release).ok_or(DraftError::NotBlocked(release))?;
        blocked.remove(at);
        Ok(())
    }

    /// The draft, if it changes anything and holds.
    pub fn finish(self) -> Result<DraftRoot, DraftError> {
        if changes(self.before.document(), &self.document).is_empty() {
            return Err(DraftError::NoChange);
        }
        Ok(DraftRoot::of(&self.document)?)
    }

    fn authority(&mut self, id: Digest) -> Result<&mut AuthorityEntry, DraftError> {
        let at = self.document.timestamp_authorities.iter().position(|entry| entry.id == id);
        let at = at.ok_or_else(|| DraftError::no_authority(&self.document, &id.to_string()))?;
        Ok(&mut self.document.timestamp_authorities[at])
    }

    fn key(&mut self, id: Digest) -> Result<&mut KeyEntry, DraftError> {
        let found = self.document.keys.iter_mut().find(|key| key.id == id);
        found.ok_or_else(|| DraftError::NoKey(id.to_string()))
    }
}

/// The approvals that a role must give: what was asked for, or its threshold.
pub fn approvals(roles: &BTreeMap<Name, Role>, role: &Name, count: Option<u8>) -> Result<u8, DraftError> {
    let threshold = roles.get(role).map(|role| role.threshold);
    // A requirement is taken away also where its role is gone.
    let known = threshold.or(count.filter(|count| *count == 0)).ok_or_else(|| DraftError::NoRole(role.clone()))?;
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
