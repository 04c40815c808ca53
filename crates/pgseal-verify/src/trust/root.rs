//! The trust root: a document whose rules hold and whose own signatures meet its root threshold.

use std::collections::BTreeSet;

use super::evidence::Proofs;
use super::judge::{self, When};
use super::key_id::KeyId;
use super::note::SignedNote;
use crate::digest::Digest;
use crate::format::name::Name;
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::{self, KeyEntry, Policy, TrustDocument};

pub use super::draft_root::{ClaimedSignature, DraftRoot, SignatureError, TrustError, name};

/// A trust document that holds and that enough of its root keys have signed. Only [`DraftRoot::signed`] makes one.
pub struct TrustRoot(DraftRoot);

impl DraftRoot {
    /// With signatures that meet its root threshold. It is judged by its own keys alone here; that it follows the
    /// version before it is rotation's part.
    pub fn signed(self, signatures: &[ClaimedSignature]) -> Result<TrustRoot, SignatureError> {
        self.root_signatures(signatures)?;
        Ok(TrustRoot(self))
    }
}

impl TrustRoot {
    /// Loads a document: every rule of its own holds, and its root threshold is met by valid signatures over it.
    pub fn load(document: &[u8], signatures: &[ClaimedSignature]) -> Result<Self, TrustError> {
        Ok(DraftRoot::parse(document.to_vec())?.signed(signatures)?)
    }

    /// Checks every signature over a document and counts those of a role: the distinct keys that meet its threshold.
    /// A signature that is unknown or invalid is an error even where the others suffice.
    pub fn authenticate(
        &self,
        role: &Name,
        payload_type: &str,
        body: &[u8],
        signatures: &[ClaimedSignature],
        when: When,
    ) -> Result<BTreeSet<KeyId>, SignatureError> {
        self.authenticate_with(role, payload_type, body, signatures, when, &Proofs::default())
    }

    /// The same, with what is proven about the age of the signatures.
    pub fn authenticate_with(
        &self,
        role: &Name,
        payload_type: &str,
        body: &[u8],
        signatures: &[ClaimedSignature],
        when: When,
        proofs: &Proofs,
    ) -> Result<BTreeSet<KeyId>, SignatureError> {
        self.0.count(role, payload_type, body, signatures, when, proofs)
    }

    /// Whether each signature is one of a listed key, and holds; not whether the key counts.
    pub fn signatures_hold(
        &self,
        payload_type: &str,
        body: &[u8],
        signatures: &[ClaimedSignature],
    ) -> Result<(), SignatureError> {
        signatures.iter().try_for_each(|signature| self.0.holds(payload_type, body, signature).map(drop))
    }

    /// The distinct root keys of this version that agree to the next one, when they meet this version's root threshold.
    pub fn agrees(&self, next: &DraftRoot, signatures: &[ClaimedSignature]) -> Result<BTreeSet<KeyId>, SignatureError> {
        // Keys that only the next version knows sign it too; here only this version's are asked.
        let known: Vec<ClaimedSignature> =
            signatures.iter().filter(|(id, _)| self.entry(id).is_some()).copied().collect();
        self.authenticate(&name("root"), trust_document::PAYLOAD_TYPE, next.bytes(), &known, When::TrustRoot)
    }

    /// The distinct keys of a role that signed a note under a name, when they meet the role's threshold.
    pub fn note_signers(
        &self,
        role: &Name,
        signer: &str,
        note: &SignedNote,
    ) -> Result<BTreeSet<KeyId>, SignatureError> {
        self.0.count_note(role, signer, note)
    }

    /// The same without the signatures.
    pub fn draft(&self) -> &DraftRoot {
        &self.0
    }

    /// The document.
    pub fn document(&self) -> &TrustDocument {
        self.0.document()
    }

    /// The digest of the document's bytes: what version + 1 names.
    pub fn digest(&self) -> Digest {
        self.0.digest()
    }

    /// What a run needs besides signatures.
    pub fn policy(&self) -> &Policy {
        &self.0.document().policy
    }

    /// Whose key it is, for people.
    pub fn owner(&self, id: &KeyId) -> &str {
        self.entry(id).map_or("unknown", |entry| &entry.owner)
    }

    /// What the document says of a key.
    pub fn entry(&self, id: &KeyId) -> Option<&KeyEntry> {
        self.0.key(id).map(|(_, entry)| entry)
    }

    /// Whether a signature that a key makes at a time counts for a role; if not, why, for people.
    pub fn counts(&self, id: &KeyId, role: &Name, when: When) -> Result<(), String> {
        self.counts_since(id, role, when, None)
    }

    /// The same of a signature that is proven to exist since a time.
    pub fn counts_since(&self, id: &KeyId, role: &Name, when: When, proven: Option<Timestamp>) -> Result<(), String> {
        match self.entry(id) {
            Some(entry) => judge::counts(entry, role, when, proven).map_err(|reason| reason.to_string()),
            None => Err("is not in the trust root".to_owned()),
        }
    }

    /// The one role of a key; `None` for a key that the root doesn't list.
    pub fn role_of(&self, id: &KeyId) -> Option<&Name> {
        self.entry(id).map(|entry| &entry.role)
    }
}
