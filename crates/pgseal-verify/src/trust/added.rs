//! Statements that people add to a signed release: approvals, their withdrawals, and what notaries saw.

use serde::Deserialize;

use super::evidence::{Evidence, Proofs};
use super::judge::{self, When};
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

/// A statement as a file gives it: the claimed key, the bytes, the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedStatement {
    /// Whose it is said to be.
    pub key: KeyId,
    /// The statement, unread.
    pub body: Vec<u8>,
    /// 64 bytes.
    pub signature: [u8; 64],
}

/// A statement whose signature holds, about the release that was asked for.
#[derive(Clone, Debug)]
pub enum AddedStatement {
    /// By a person.
    Approval(Box<SignedApproval>),
    /// By a notary.
    Notarisation(SignedNotarisation),
}

/// An approval or withdrawal whose signature holds. Whether it counts is the policy's part: [`super::policy::counts`].
#[derive(Clone, Debug)]
pub struct SignedApproval {
    key: KeyId,
    owner: String,
    approval: Approval,
    evidence: Evidence,
    signature: [u8; 64],
}

/// A notarisation whose signature holds.
#[derive(Clone, Debug)]
pub struct SignedNotarisation {
    /// The key.
    pub key: KeyId,
    /// What was seen.
    pub statement: Notarisation,
}

/// Why an added statement can't stay in a bundle.
#[derive(Debug, thiserror::Error)]
pub enum AddedError {
    /// Signed by a stranger, or not at all.
    #[error("in approvals/: {0}")]
    Signature(#[from] SignatureError),
    /// Signed, and not a statement that this program can read.
    #[error("the statement by key {key} in approvals/ is not one of a known format: {source}")]
    Statement {
        /// The key.
        key: KeyId,
        /// Why.
        source: JsonError,
    },
    /// A notary's list that is not in strictly ascending order, and so may name a key twice.
    #[error("the notarisation by key {0} in approvals/ doesn't list keys in ascending order")]
    Order(KeyId),
    /// Genuine, and about nothing, or about several releases at once.
    #[error("the statement by key {0} in approvals/ is not about one release")]
    NoRelease(KeyId),
    /// Genuine, and about something else.
    #[error("the statement by key {key} in approvals/ is about another release ({found})")]
    OtherRelease {
        /// The key.
        key: KeyId,
        /// The release that it is about.
        found: Digest,
    },
    /// Genuine, and the approver was shown something else than this release's name, sequence or target.
    #[error("the approval by key {0} names another release or target than the one that it is bound to")]
    OtherTarget(KeyId),
}

/// All that is read before the statement's kind is known; the kind's own type then reads strictly.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "predicateType")]
    predicate_type: String,
    subject: Vec<Subject>,
}

impl ClaimedStatement {
    /// Whether it says that it is about this release, for who has no trust root to check the signature by.
    pub fn claims_to_be_about(&self, release: ReleaseId) -> Result<(), AddedError> {
        let found = about(self.key, &self.kind()?.subject)?;
        if found == release.digest() { Ok(()) } else { Err(AddedError::OtherRelease { key: self.key, found }) }
    }

    fn kind(&self) -> Result<Kind, AddedError> {
        let unreadable = |source| AddedError::Statement { key: self.key, source };
        json::check_depth(&self.body).map_err(unreadable)?;
        serde_json::from_slice(&self.body).map_err(|error| unreadable(error.into()))
    }
}

impl TrustRoot {
    /// Checks the signature of a statement, and that it is about this release.
    pub fn added(&self, claimed: &ClaimedStatement, release: ReleaseId) -> Result<AddedStatement, AddedError> {
        let (found, statement) = self.added_to_any(claimed)?;
        if found == release.digest() {
            return Ok(statement);
        }
        Err(AddedError::OtherRelease { key: claimed.key, found })
    }

    /// Checks the signature of a statement, and reads it only after that. Gives the id of the release that it is about.
    pub fn added_to_any(&self, claimed: &ClaimedStatement) -> Result<(Digest, AddedStatement), AddedError> {
        let signature: ClaimedSignature = (claimed.key, claimed.signature);
        self.draft().holds(PAYLOAD_TYPE, &claimed.body, &signature)?;
        let key = claimed.key;
        let unreadable = |source| AddedError::Statement { key, source };
        if claimed.kind()?.predicate_type == "urn:pgseal:notarisation:v1" {
            let read: NotarisationStatement = wire::read(&claimed.body).map_err(unreadable)?;
            if !read.predicate.signatures.is_sorted_by(|a, b| a.key_id < b.key_id) {
                return Err(AddedError::Order(key));
            }
            let notarisation = SignedNotarisation { key, statement: read.predicate };
            return Ok((about(key, &read.subject)?, AddedStatement::Notarisation(notarisation)));
        }
        let read: ApprovalStatement = wire::read(&claimed.body).map_err(unreadable)?;
        let release = about(key, &read.subject)?;
        let shown = &read.predicate.release;
        if read.subject.iter().any(|subject| subject.name != title(&shown.name, &shown.version)) {
            return Err(AddedError::OtherTarget(key));
        }
        let evidence = Evidence::Claimed(Some(read.predicate.at));
        let owner = self.owner(&key).to_owned();
        let (approval, signature) = (read.predicate, claimed.signature);
        let signed = SignedApproval { key, owner, approval, evidence, signature };
        Ok((release, AddedStatement::Approval(Box::new(signed))))
    }
}

fn about(key: KeyId, subject: &[Subject]) -> Result<Digest, AddedError> {
    match subject {
        [one] => Ok(one.digest.sha256),
        _ => Err(AddedError::NoRelease(key)),
    }
}

impl SignedApproval {
    /// The key that signed.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The owner of the key, as the trust root says.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The signed document.
    pub fn approval(&self) -> &Approval {
        &self.approval
    }

    /// The evidence of the signature's age.
    pub fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// Whether the approver was shown this release.
    pub fn shows(&self, manifest: &Manifest) -> Result<(), AddedError> {
        if self.approval.release == manifest.release && self.approval.target == manifest.target {
            return Ok(());
        }
        Err(AddedError::OtherTarget(self.key))
    }

    /// With what notaries and time stamps prove about its signature.
    pub fn with(mut self, proofs: &Proofs) -> Self {
        self.evidence = proofs.of(&(self.key, self.signature), Some(self.approval.at));
        self
    }

    /// Whether its key may speak for its role at that time; if not, why.
    pub fn key_counts(&self, root: &TrustRoot, role: &Name, when: When) -> Result<(), String> {
        let proven = if matches!(self.evidence, Evidence::Claimed(_)) { None } else { self.evidence.time() };
        match root.entry(&self.key) {
            Some(entry) => judge::counts(entry, role, when, proven).map_err(|reason| reason.to_string()),
            None => Err("is not in the trust root".to_owned()),
        }
    }
}

impl SignedNotarisation {
    /// Whether what the notary says about that moment counts.
    pub(super) fn counts_at(&self, root: &TrustRoot, at: Timestamp) -> bool {
        let entry = root.entry(&self.key);
        entry.is_some_and(|entry| judge::counts(entry, &name("notary"), When::At(at), None).is_ok())
    }
}
