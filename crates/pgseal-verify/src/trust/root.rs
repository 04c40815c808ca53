//! The trust root: a valid document with enough signatures by its own root keys.

use std::collections::BTreeSet;

use super::evidence::Proofs;
use super::judge::{self, JudgedAt};
use super::key_id::KeyId;
use super::note::SignedNote;
use crate::digest::Digest;
use crate::format::name::Name;
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::{self, KeyEntry, Policy, TrustDocument};

pub use super::draft_root::{ClaimedSignature, DraftRoot, SignatureError, TrustError, name};

/// A valid trust document, signed by enough of its root keys. Only [`DraftRoot::signed`] makes one.
pub struct TrustRoot(DraftRoot);

impl DraftRoot {
    /// Accepts signatures that meet the document's root threshold. Only the document's own keys are
    /// considered; rotation checks the version before it.
    pub fn signed(self, signatures: &[ClaimedSignature]) -> Result<TrustRoot, SignatureError> {
        self.root_signatures(signatures)?;
        Ok(TrustRoot(self))
    }
}

impl TrustRoot {
    /// Loads a document: its own rules hold, and valid signatures meet its root threshold.
    /// ```
    /// use pgseal_verify::{KeyId, SignatureError, TrustError, TrustRoot};
    /// # let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    /// # let key_id = "51a7bd6143faa75659dc6389c82824d0dc2800bf22b60cfaa005eab0341088d8";
    /// # let document = std::fs::read(format!("{vectors}/trust.json"))?;
    /// # let signature: [u8; 64] = std::fs::read(format!("{vectors}/trust.json.sigs/1.{key_id}.sig"))?[..].try_into()?;
    ///
    /// let signed_by = KeyId::claimed(key_id.parse()?);
    /// let root = TrustRoot::load(&document, &[(signed_by, signature)])?;
    /// assert_eq!(root.document().version, 1);
    /// // Without its signatures a document is not a trust root.
    /// let error = TrustRoot::load(&document, &[]).err();
    /// assert!(matches!(error, Some(TrustError::Signature(SignatureError::Threshold { .. }))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(document: &[u8], signatures: &[ClaimedSignature]) -> Result<Self, TrustError> {
        Ok(DraftRoot::parse(document.to_vec())?.signed(signatures)?)
    }

    /// Verifies every signature over a document, and returns the distinct keys of a role that meet
    /// its threshold. An unknown or invalid signature is an error, even if the others suffice.
    pub fn authenticate(
        &self,
        role: &Name,
        payload_type: &str,
        body: &[u8],
        signatures: &[ClaimedSignature],
        when: JudgedAt,
    ) -> Result<BTreeSet<KeyId>, SignatureError> {
        self.authenticate_with(
            role,
            payload_type,
            body,
            signatures,
            when,
            &Proofs::default(),
        )
    }

    /// Like [`Self::authenticate`], with proofs of the signatures' age.
    pub fn authenticate_with(
        &self,
        role: &Name,
        payload_type: &str,
        body: &[u8],
        signatures: &[ClaimedSignature],
        when: JudgedAt,
        proofs: &Proofs,
    ) -> Result<BTreeSet<KeyId>, SignatureError> {
        self.0
            .count(role, payload_type, body, signatures, when, proofs)
    }

    /// Checks that each signature is valid and by a listed key; not whether the key counts.
    pub fn signatures_hold(
        &self,
        payload_type: &str,
        body: &[u8],
        signatures: &[ClaimedSignature],
    ) -> Result<(), SignatureError> {
        signatures
            .iter()
            .try_for_each(|signature| self.0.holds(payload_type, body, signature).map(drop))
    }

    /// The distinct root keys of this version that signed the next one, if they meet this version's
    /// root threshold.
    pub fn agrees(
        &self,
        next: &DraftRoot,
        signatures: &[ClaimedSignature],
    ) -> Result<BTreeSet<KeyId>, SignatureError> {
        // Keys that only the next version lists sign it too; only this version's keys count here.
        let known: Vec<ClaimedSignature> = signatures
            .iter()
            .filter(|(id, _)| self.entry(id).is_some())
            .copied()
            .collect();
        self.authenticate(
            &name("root"),
            trust_document::PAYLOAD_TYPE,
            next.bytes(),
            &known,
            JudgedAt::TrustRoot,
        )
    }

    /// The distinct keys of a role that signed a note under a name, if they meet the role's
    /// threshold.
    pub fn note_signers(
        &self,
        role: &Name,
        signer: &str,
        note: &SignedNote,
    ) -> Result<BTreeSet<KeyId>, SignatureError> {
        self.0.count_note(role, signer, note)
    }

    /// The document and its keys, without the signatures.
    pub fn draft(&self) -> &DraftRoot {
        &self.0
    }

    /// The parsed document.
    pub fn document(&self) -> &TrustDocument {
        self.0.document()
    }

    /// The digest of the document's bytes, which the next version names.
    pub fn digest(&self) -> Digest {
        self.0.digest()
    }

    /// Requirements for a run, other than signatures.
    pub fn policy(&self) -> &Policy {
        &self.0.document().policy
    }

    /// Owner of a key, for people.
    pub fn owner(&self, id: &KeyId) -> &str {
        self.entry(id).map_or("unknown", |entry| &entry.owner)
    }

    /// The document's entry for a key.
    pub fn entry(&self, id: &KeyId) -> Option<&KeyEntry> {
        self.0.key(id).map(|(_, entry)| entry)
    }

    /// Checks whether a key's signature made at a time counts for a role; the error is the reason,
    /// for people.
    pub fn counts(&self, id: &KeyId, role: &Name, when: JudgedAt) -> Result<(), String> {
        self.counts_since(id, role, when, None)
    }

    /// Like [`Self::counts`], for a signature with a proven time of existence.
    pub fn counts_since(
        &self,
        id: &KeyId,
        role: &Name,
        when: JudgedAt,
        proven: Option<Timestamp>,
    ) -> Result<(), String> {
        match self.entry(id) {
            Some(entry) => {
                judge::counts(entry, role, when, proven).map_err(|reason| reason.to_string())
            }
            None => Err("is not in the trust root".to_owned()),
        }
    }

    /// The only role of a key; `None` if the trust root does not list the key.
    pub fn role_of(&self, id: &KeyId) -> Option<&Name> {
        self.entry(id).map(|entry| &entry.role)
    }
}
