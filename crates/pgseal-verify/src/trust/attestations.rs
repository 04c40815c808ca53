//! Statements added to a signed release: approvals, withdrawals and notarisations.

use serde::Deserialize;

use super::evidence::{Evidence, Proofs};
use super::judge::{self, JudgedAt};
use super::key_id::KeyId;
use super::root::{ClaimedSignature, SignatureError, TrustRoot, name};
use crate::digest::Digest;
use crate::format::approval::{Approval, ApprovalStatement};
use crate::format::json::{self, JsonError};
use crate::format::manifest::Manifest;
use crate::format::name::Name;
use crate::format::notarisation::{Notarisation, NotarisationStatement};
use crate::format::statement::{PAYLOAD_TYPE, ReleaseId, Subject, title};
use crate::format::timestamp::Timestamp;
use crate::format::wire;

/// A statement as read from a file: the claimed key, the bytes, the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedStatement {
    /// Claimed key of the signer.
    pub key: KeyId,
    /// The statement's bytes, not parsed.
    pub body: Vec<u8>,
    /// The raw signature.
    pub signature: [u8; 64],
}

/// A statement with a valid signature, about the requested release.
#[derive(Clone, Debug)]
pub enum Attestation {
    /// By an approver.
    Approval(Box<SignedApproval>),
    /// By a notary.
    Notarisation(SignedNotarisation),
}

/// An approval or withdrawal with a valid signature. The policy decides whether it
/// counts.
#[derive(Clone, Debug)]
pub struct SignedApproval {
    key: KeyId,
    owner: String,
    approval: Approval,
    evidence: Evidence,
    signature: [u8; 64],
    sha256: Digest,
}

/// A notarisation with a valid signature.
#[derive(Clone, Debug)]
pub struct SignedNotarisation {
    /// Key of the notary.
    pub key: KeyId,
    /// The signatures that the notary saw.
    pub statement: Notarisation,
}

/// Error in a statement added to a bundle.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum AttestationError {
    /// Unknown signer, or an invalid signature.
    #[error("in approvals/: {0}")]
    Signature(#[from] SignatureError),
    /// A valid signature over a statement of unknown format.
    #[error("the statement by key {key} in approvals/ is not one of a known format: {source}")]
    Statement {
        /// Key of the signer.
        key: KeyId,
        /// Error of the parser.
        source: JsonError,
    },
    /// The list of a notary is not in strictly ascending order, so it may name a key twice.
    #[error("the notarisation by key {0} in approvals/ doesn't list keys in ascending order")]
    Order(KeyId),
    /// A valid signature, but the statement is about no release, or about several.
    #[error("the statement by key {0} in approvals/ is not about one release")]
    NoRelease(KeyId),
    /// A valid signature, but the statement is about another release.
    #[error("the statement by key {key} in approvals/ is about another release ({found})")]
    OtherRelease {
        /// Key of the signer.
        key: KeyId,
        /// Id of that release.
        found: Digest,
    },
    /// A valid signature, but the approval shows another name, sequence or target than this
    /// release's.
    #[error(
        "the approval by key {0} names another release or target than the one that it is bound to"
    )]
    OtherTarget(KeyId),
}

/// The fields needed to find a statement's kind; the type of that kind then parses strictly.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "predicateType")]
    predicate_type: String,
    subject: Vec<Subject>,
}

impl ClaimedStatement {
    /// Checks that the statement claims to be about this release, for callers without a trust root
    /// to verify the signature.
    pub fn claims_to_be_about(&self, release: ReleaseId) -> Result<(), AttestationError> {
        let found = about(self.key, &self.kind()?.subject)?;
        if found == release.digest() {
            Ok(())
        } else {
            Err(AttestationError::OtherRelease {
                key: self.key,
                found,
            })
        }
    }

    fn kind(&self) -> Result<Kind, AttestationError> {
        let unreadable = |source| AttestationError::Statement {
            key: self.key,
            source,
        };
        json::check_depth(&self.body).map_err(unreadable)?;
        serde_json::from_slice(&self.body).map_err(|error| unreadable(error.into()))
    }
}

impl TrustRoot {
    /// Verifies a statement's signature, and checks that it is about this release.
    pub fn attestation(
        &self,
        claimed: &ClaimedStatement,
        release: ReleaseId,
    ) -> Result<Attestation, AttestationError> {
        let (found, statement) = self.added_to_any(claimed)?;
        if found == release.digest() {
            return Ok(statement);
        }
        Err(AttestationError::OtherRelease {
            key: claimed.key,
            found,
        })
    }

    /// Verifies a statement's signature before parsing it. Returns the id of its release.
    pub fn added_to_any(
        &self,
        claimed: &ClaimedStatement,
    ) -> Result<(Digest, Attestation), AttestationError> {
        let signature: ClaimedSignature = (claimed.key, claimed.signature);
        self.draft()
            .holds(PAYLOAD_TYPE, &claimed.body, &signature)?;
        let key = claimed.key;
        let unreadable = |source| AttestationError::Statement { key, source };
        if claimed.kind()?.predicate_type == "urn:pgseal:notarisation:v1" {
            let read: NotarisationStatement = wire::read(&claimed.body).map_err(unreadable)?;
            if !read
                .predicate
                .signatures
                .is_sorted_by(|a, b| a.key_id < b.key_id)
            {
                return Err(AttestationError::Order(key));
            }
            let notarisation = SignedNotarisation {
                key,
                statement: read.predicate,
            };
            return Ok((
                about(key, &read.subject)?,
                Attestation::Notarisation(notarisation),
            ));
        }
        let read: ApprovalStatement = wire::read(&claimed.body).map_err(unreadable)?;
        let release = about(key, &read.subject)?;
        let shown = &read.predicate.release;
        if read
            .subject
            .iter()
            .any(|subject| subject.name != title(&shown.name, &shown.version))
        {
            return Err(AttestationError::OtherTarget(key));
        }
        let evidence = Evidence::Claimed(Some(read.predicate.at));
        let owner = self.owner(&key).to_owned();
        let (approval, signature) = (read.predicate, claimed.signature);
        let signed = SignedApproval {
            key,
            owner,
            approval,
            evidence,
            signature,
            sha256: Digest::of(&claimed.body),
        };
        Ok((release, Attestation::Approval(Box::new(signed))))
    }
}

fn about(key: KeyId, subject: &[Subject]) -> Result<Digest, AttestationError> {
    match subject {
        [one] => Ok(one.digest.sha256),
        _ => Err(AttestationError::NoRelease(key)),
    }
}

impl SignedApproval {
    /// Key of the signer.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// Owner of the key, according to the trust root.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The signed document.
    pub fn approval(&self) -> &Approval {
        &self.approval
    }

    /// Digest of the signed statement. With the key it identifies the approval.
    pub fn sha256(&self) -> Digest {
        self.sha256
    }

    /// Evidence of the signature's age.
    pub fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// Checks that the approval shows this release's name, sequence and target.
    pub fn shows(&self, manifest: &Manifest) -> Result<(), AttestationError> {
        if self.approval.release == manifest.release && self.approval.target == manifest.target {
            return Ok(());
        }
        Err(AttestationError::OtherTarget(self.key))
    }

    /// Replaces the evidence with the proofs for this signature, if any.
    pub fn with(mut self, proofs: &Proofs) -> Self {
        self.evidence = proofs.of(&(self.key, self.signature), Some(self.approval.at));
        self
    }

    /// Checks whether the key counts for its role at a time; the error is the reason.
    pub fn key_counts(&self, root: &TrustRoot, role: &Name, when: JudgedAt) -> Result<(), String> {
        let proven = if matches!(self.evidence, Evidence::Claimed(_)) {
            None
        } else {
            self.evidence.time()
        };
        root.counts_since(&self.key, role, when, proven)
    }
}

impl SignedNotarisation {
    /// Whether the notary's observation at that time counts.
    pub(super) fn counts_at(&self, root: &TrustRoot, at: Timestamp) -> bool {
        let entry = root.entry(&self.key);
        entry.is_some_and(|entry| {
            judge::counts(entry, &name("notary"), JudgedAt::At(at), None).is_ok()
        })
    }
}
