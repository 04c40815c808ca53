//! A valid trust document and its keys. All signature checks and threshold comparisons of a trust
//! root are in this file.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Proofs;
use super::judge::{self, JudgedAt, NotCounted};
use super::key_id::KeyId;
use super::note::{self, SignedNote};
use super::public_key::{PublicKey, PublicKeyError};
use super::timestamp::{TimestampAuthority, TimestampError};
use crate::digest::Digest;
use crate::format::json::{self, JsonError};
use crate::format::name::Name;
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::{self, AuthorityEntry, KeyEntry, KeyStatus, TrustDocument};
use crate::format::wire::{self, V1};

/// A signature as read from a file: the claimed key and 64 bytes.
pub type ClaimedSignature = (KeyId, [u8; 64]);

/// A number of distinct keys, and the threshold for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Distinct keys that count.
    pub counted: usize,
    /// Distinct keys required.
    pub threshold: u8,
}

impl Tally {
    /// Whether the threshold is met; the only comparison with a threshold.
    pub fn is_met(self) -> bool {
        self.counted >= usize::from(self.threshold)
    }
}

/// A trust document whose own rules hold; its signatures are not considered.
pub struct DraftRoot {
    document: TrustDocument,
    bytes: Vec<u8>,
    keys: BTreeMap<KeyId, (PublicKey, KeyEntry)>,
    authorities: Vec<(TimestampAuthority, AuthorityEntry)>,
}

/// Error in a trust document.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum TrustError {
    /// Not a trust document, or not in its canonical form.
    #[error("not a trust document: {0}")]
    Document(#[from] JsonError),
    /// An entry without a usable key.
    #[error("key {id}: {source}")]
    Key {
        /// The entry's id.
        id: Digest,
        /// Error in the key.
        source: PublicKeyError,
    },
    /// An id that is not the digest of its key.
    #[error("key {claimed} is really {computed}: the id must be the digest of the key")]
    WrongId {
        /// The entry's id.
        claimed: Digest,
        /// The digest of the key.
        computed: KeyId,
    },
    /// Keys are not in strictly ascending order of their ids, which rules out duplicates.
    #[error("key {0} is there twice, or out of order")]
    KeyOrder(Digest),
    /// A key's role is not defined.
    #[error("key {id} has the role {role:?}, which is not defined")]
    UnknownRole {
        /// Id of the key.
        id: Digest,
        /// The undefined role.
        role: Name,
    },
    /// A threshold that is 0 or exceeds the number of usable keys.
    #[error("role {role:?} has threshold {threshold} and {keys} keys that are not revoked")]
    Threshold {
        /// Name of the role.
        role: Name,
        /// Its threshold.
        threshold: u8,
        /// Number of its usable keys.
        keys: usize,
    },
    /// A missing role that every trust root needs.
    #[error("there is no role {0:?}")]
    MissingRole(&'static str),
    /// The policy requires more approvals than the role's keys can give.
    #[error("the policy needs {count} approvals of {role:?}, which has {keys} keys")]
    Policy {
        /// Name of the role.
        role: Name,
        /// Number of required approvals.
        count: u8,
        /// Number of its usable keys.
        keys: usize,
    },
    /// The policy requires approvals of a role with another task; that role's signatures are not
    /// approvals.
    #[error(
        "the policy needs approvals of {0:?}: they are given by roles of their own, not by root, release, receipt, notary or log"
    )]
    ApprovalRole(Name),
    /// The document expires before or when it is issued.
    #[error("it expires on {expires}, which is not after it was issued on {issued}")]
    Issued {
        /// Date of the draft.
        issued: Timestamp,
        /// Date of expiry.
        expires: Timestamp,
    },
    /// Version 1 must lack `prev_sha256`, and every later version must have it; versions begin at
    /// 1.
    #[error(
        "version {0} does not fit its prev_sha256: version 1 has none, every later one names the one before"
    )]
    Version(u32),
    /// A window that ends before it begins, or a compromise of a key that is not revoked.
    #[error("key {0}: its window ends before it begins, or it is compromised and not revoked")]
    Window(Digest),
    /// An unusable certificate of a time stamping authority.
    #[error("time stamping authority {id}: {source}")]
    Authority {
        /// The entry's id.
        id: Digest,
        /// Error in the certificate.
        source: TimestampError,
    },
    /// Authorities are not in strictly ascending order of their ids, or an id is not the
    /// certificate's digest.
    #[error(
        "time stamping authority {0} is there twice, out of order, or its id is not the digest of its certificate"
    )]
    AuthorityOrder(Digest),
    /// Too few valid signatures by its own root keys.
    #[error("the trust root is not signed as it says: {0}")]
    Signature(#[from] SignatureError),
}

/// Error in a document's signatures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum SignatureError {
    /// A signature by a key that the trust root does not list. It can't be verified, so it must not
    /// stay.
    #[error("signature by key {0}, which the trust root does not know")]
    UnknownKey(KeyId),
    /// A signature that is invalid for this document and key.
    #[error("the signature by key {0} is not valid")]
    Invalid(KeyId),
    /// Too few distinct keys with signatures that count.
    #[error("{counted} of {threshold} signatures of role {role:?}{}", others(.why))]
    Threshold {
        /// Name of the role.
        role: Name,
        /// Number of distinct keys that counted.
        counted: usize,
        /// Number of distinct keys required.
        threshold: u8,
        /// Keys with valid signatures that don't count, their owners, and the reasons.
        why: Vec<(KeyId, String, NotCounted)>,
    },
}

impl DraftRoot {
    /// Parses a document and checks its own rules.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, TrustError> {
        let V1(document): V1<TrustDocument> = wire::read(&bytes)?;
        let (keys, authorities) = (check_keys(&document)?, check_authorities(&document)?);
        let draft = Self {
            keys,
            authorities,
            bytes,
            document,
        };
        draft.check_roles()?;
        Ok(draft)
    }

    /// Checks a document that is not serialized yet.
    pub fn of(document: &TrustDocument) -> Result<Self, TrustError> {
        Self::parse(json::to_canonical(&V1(document))?)
    }

    /// The document's own root keys that signed it, if they meet its root threshold.
    pub fn root_signatures(
        &self,
        signatures: &[ClaimedSignature],
    ) -> Result<BTreeSet<KeyId>, SignatureError> {
        self.count(
            &name("root"),
            trust_document::PAYLOAD_TYPE,
            &self.bytes,
            signatures,
            JudgedAt::TrustRoot,
            &Proofs::default(),
        )
    }

    /// Number of distinct root keys that must sign this version and the next.
    pub fn root_threshold(&self) -> u8 {
        self.document
            .roles
            .get(&name("root"))
            .map_or(1, |role| role.threshold)
    }

    /// The parsed document.
    pub fn document(&self) -> &TrustDocument {
        &self.document
    }

    /// Its canonical bytes, which are signed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of its bytes, which the next version names.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Finds a key by its id.
    pub fn key(&self, id: &KeyId) -> Option<(&PublicKey, &KeyEntry)> {
        self.keys.get(id).map(|(key, entry)| (key, entry))
    }

    /// Counts the distinct keys of a role. Every signature must be valid.
    pub(super) fn count(
        &self,
        role: &Name,
        payload_type: &str,
        body: &[u8],
        signatures: &[ClaimedSignature],
        when: JudgedAt,
        proofs: &Proofs,
    ) -> Result<BTreeSet<KeyId>, SignatureError> {
        let (mut counted, mut why) = (BTreeSet::new(), Vec::new());
        for signature in signatures {
            let (id, entry) = (signature.0, self.holds(payload_type, body, signature)?);
            match judge::counts(entry, role, when, proofs.proven(signature)) {
                Ok(()) => drop(counted.insert(id)),
                Err(reason) => why.push((id, entry.owner.clone(), reason)),
            }
        }
        self.met(role, counted, why)
    }

    /// Returns the distinct keys of a role if they meet its threshold; `why` explains those that
    /// did not count.
    pub fn met(
        &self,
        role: &Name,
        counted: BTreeSet<KeyId>,
        why: Vec<(KeyId, String, NotCounted)>,
    ) -> Result<BTreeSet<KeyId>, SignatureError> {
        let threshold = self
            .document
            .roles
            .get(role)
            .map_or(1, |role| role.threshold);
        let tally = Tally {
            counted: counted.len(),
            threshold,
        };
        if tally.is_met() {
            return Ok(counted);
        }
        Err(SignatureError::Threshold {
            role: role.clone(),
            counted: tally.counted,
            threshold,
            why,
        })
    }

    /// Verifies a signature by a listed key. Document signatures are verified only here. Does not
    /// decide whether the key counts.
    pub(super) fn holds(
        &self,
        payload_type: &str,
        body: &[u8],
        (id, signature): &ClaimedSignature,
    ) -> Result<&KeyEntry, SignatureError> {
        let (key, entry) = self.keys.get(id).ok_or(SignatureError::UnknownKey(*id))?;
        if key.signed(payload_type, body, signature) {
            Ok(entry)
        } else {
            Err(SignatureError::Invalid(*id))
        }
    }

    /// Like [`Self::count`], for a note (C2SP signed-note). Keys go by a name of their own in it,
    /// and signatures under other names are ignored, as its specification requires. Windows don't
    /// bind, since a note has no time; revocation does.
    pub(super) fn count_note(
        &self,
        role: &Name,
        signer: &str,
        note: &SignedNote,
    ) -> Result<BTreeSet<KeyId>, SignatureError> {
        let (mut counted, mut why) = (BTreeSet::new(), Vec::new());
        for line in note.signatures().iter().filter(|line| line.name == signer) {
            for (id, (key, entry)) in &self.keys {
                if note::key_hash(signer, key) != line.key_hash {
                    continue;
                }
                if !line
                    .ed25519()
                    .is_some_and(|signature| key.verifies(note.text().as_bytes(), signature))
                {
                    return Err(SignatureError::Invalid(*id));
                }
                match judge::counts(entry, role, JudgedAt::Undo, None) {
                    Ok(()) => drop(counted.insert(*id)),
                    Err(reason) => why.push((*id, entry.owner.clone(), reason)),
                }
            }
        }
        self.met(role, counted, why)
    }

    /// Every listed key.
    pub fn keys(&self) -> impl Iterator<Item = (&PublicKey, &KeyEntry)> {
        self.keys.values().map(|(key, entry)| (key, entry))
    }

    /// Every listed time stamping authority.
    pub fn authorities(&self) -> impl Iterator<Item = (&TimestampAuthority, &AuthorityEntry)> {
        self.authorities
            .iter()
            .map(|(authority, entry)| (authority, entry))
    }

    fn usable_keys(&self, role: &Name) -> usize {
        let of_role = self.document.keys.iter().filter(|key| key.role == *role);
        // A retired key's old signatures still count, but it signs no new version of the trust
        // root.
        let usable = |key: &&KeyEntry| match key.status {
            KeyStatus::Active => true,
            KeyStatus::Retired => role.as_str() != "root",
            KeyStatus::Revoked => false,
        };
        of_role.filter(usable).count()
    }

    fn check_roles(&self) -> Result<(), TrustError> {
        for needed in ["root", "release"] {
            if !self.document.roles.contains_key(&name(needed)) {
                return Err(TrustError::MissingRole(needed));
            }
        }
        for (role, definition) in &self.document.roles {
            let (threshold, keys) = (definition.threshold, self.usable_keys(role));
            if threshold == 0 || usize::from(threshold) > keys {
                return Err(TrustError::Threshold {
                    role: role.clone(),
                    threshold,
                    keys,
                });
            }
        }
        for (role, count) in &self.document.policy.approvals {
            if trust_document::ROLES_WITH_A_TASK.contains(&role.as_str()) {
                return Err(TrustError::ApprovalRole(role.clone()));
            }
            let keys = self.usable_keys(role);
            if *count == 0 || usize::from(*count) > keys {
                return Err(TrustError::Policy {
                    role: role.clone(),
                    count: *count,
                    keys,
                });
            }
        }
        if let Some(issued) = self
            .document
            .issued
            .filter(|issued| *issued >= self.document.expires)
        {
            return Err(TrustError::Issued {
                issued,
                expires: self.document.expires,
            });
        }
        let first = self.document.version == 1;
        if self.document.version == 0 || first != self.document.prev_sha256.is_none() {
            return Err(TrustError::Version(self.document.version));
        }
        Ok(())
    }
}

fn others(why: &[(KeyId, String, NotCounted)]) -> String {
    let one = |(id, owner, reason): &(KeyId, String, NotCounted)| {
        format!("; key {} ({owner:?}) {reason}", id.digest().short())
    };
    why.iter().map(one).collect()
}

/// Parses the name of a role known to the program.
pub fn name(role: &'static str) -> Name {
    role.parse().expect("a literal of the grammar")
}

fn check_keys(
    document: &TrustDocument,
) -> Result<BTreeMap<KeyId, (PublicKey, KeyEntry)>, TrustError> {
    let mut keys = BTreeMap::new();
    for entry in &document.keys {
        let key = PublicKey::from_base64(&entry.public_key);
        let key = key.map_err(|source| TrustError::Key {
            id: entry.id,
            source,
        })?;
        if key.id().digest() != entry.id {
            return Err(TrustError::WrongId {
                claimed: entry.id,
                computed: key.id(),
            });
        }
        if keys
            .last_key_value()
            .is_some_and(|(last, _)| *last >= key.id())
        {
            return Err(TrustError::KeyOrder(entry.id));
        }
        if !document.roles.contains_key(&entry.role) {
            return Err(TrustError::UnknownRole {
                id: entry.id,
                role: entry.role.clone(),
            });
        }
        let backwards = entry
            .not_before
            .zip(entry.not_after)
            .is_some_and(|(from, to)| from > to);
        if backwards || (entry.compromised_since.is_some() && entry.status != KeyStatus::Revoked) {
            return Err(TrustError::Window(entry.id));
        }
        keys.insert(key.id(), (key, entry.clone()));
    }
    Ok(keys)
}

fn check_authorities(
    document: &TrustDocument,
) -> Result<Vec<(TimestampAuthority, AuthorityEntry)>, TrustError> {
    let mut authorities: Vec<(TimestampAuthority, AuthorityEntry)> = Vec::new();
    for entry in &document.timestamp_authorities {
        let authority = TimestampAuthority::from_base64(&entry.certificate);
        let authority = authority.map_err(|source| TrustError::Authority {
            id: entry.id,
            source,
        })?;
        if authority.id() != entry.id
            || authorities
                .last()
                .is_some_and(|(_, last)| last.id >= entry.id)
        {
            return Err(TrustError::AuthorityOrder(entry.id));
        }
        authorities.push((authority, entry.clone()));
    }
    Ok(authorities)
}
