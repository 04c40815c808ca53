//! Authentication of a bundle; no other code turns a file into trusted content.

use std::collections::{BTreeMap, BTreeSet};

use super::subjects::{self, SubjectError, stored_name};
use super::untrusted::{Attestations, UntrustedBundle};
use crate::archive::read::{Archive, Member};
use crate::digest::Digest;
use crate::entry_path::EntryPath;
use crate::format::approval::APR_VARIABLE;
use crate::format::json::JsonError;
use crate::format::manifest::{File, Manifest};
use crate::format::statement::{PAYLOAD_TYPE, ReleaseId, Statement};
use crate::format::timestamp::Timestamp;
use crate::format::version::PGSEAL;
use crate::format::wire;
use crate::trust::attestations::{Attestation, AttestationError, ClaimedStatement, SignedApproval};
use crate::trust::evidence::{Evidence, Proofs, TokenError};
use crate::trust::policy::{self, PolicyError};
use crate::trust::root::{ClaimedSignature, SignatureError, name};
use crate::trust::{JudgedAt, KeyId, TrustRoot};
use crate::workers::Workers;

/// A bundle signed by enough keys of the release role, with exactly the signed files, together with
/// the trust root that confirms it.
///
/// Only [`UntrustedBundle::authenticate`] makes one. It allows inspection and rollback; a run needs
/// a [`super::BundleToRun`].
pub struct AuthenticatedBundle<'r> {
    root: &'r TrustRoot,
    archive: Archive,
    statement: Statement,
    release_id: ReleaseId,
    signatories: Vec<Signatory>,
    approvals: Vec<SignedApproval>,
    when: JudgedAt,
    signed: SignedBytes,
    files: BTreeMap<EntryPath, Stored>,
    workers: &'static dyn Workers,
}

/// Every signed document with its signatures, as verified.
pub(super) struct SignedBytes {
    pub(super) release: Vec<u8>,
    pub(super) signatures: Vec<ClaimedSignature>,
    pub(super) added: Attestations,
}

/// A file of the release as stored in the bundle.
pub(super) struct Stored {
    pub(super) member: Member,
    pub(super) stored_sha256: Digest,
    pub(super) file: File,
}

/// The signer of a counted signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatory {
    /// Id of the signer's key.
    pub key: KeyId,
    /// Owner of the key, according to the trust root.
    pub owner: String,
    /// Evidence of the signature's age.
    pub evidence: Evidence,
}

/// Error in authenticating a bundle.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum AuthenticateError {
    /// The bundle has no signature.
    #[error("the bundle is not signed")]
    Unsigned,
    /// An invalid signature, or too few that count.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// An invalid approval or notarisation.
    #[error(transparent)]
    Added(#[from] AttestationError),
    /// An invalid time stamp.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The signed statement has an unknown format.
    #[error("statement.json is not a statement of a known format: {0}")]
    Statement(JsonError),
    /// The signed statement requires a newer pgseal.
    #[error("the release needs pgseal {needed} or later, this is {PGSEAL}")]
    NewerProgram {
        /// The oldest version that can read it.
        needed: String,
    },
    /// The files differ from the signed ones.
    #[error(transparent)]
    Files(#[from] SubjectError),
}

/// Result of the signature checks.
struct Signed {
    release_id: ReleaseId,
    counted: BTreeSet<KeyId>,
    approvals: Vec<SignedApproval>,
    proofs: Proofs,
}

impl UntrustedBundle {
    /// Verifies every signature, statement and time stamp of the bundle, and counts the release's
    /// signatures. Reads no content of the release.
    pub fn check_signatures(
        &self,
        root: &TrustRoot,
        when: JudgedAt,
    ) -> Result<(), AuthenticateError> {
        self.signed(root, when).map(drop)
    }

    fn signed(&self, root: &TrustRoot, when: JudgedAt) -> Result<Signed, AuthenticateError> {
        if self.claimed_signatures().is_empty() {
            return Err(AuthenticateError::Unsigned);
        }
        let release_id = self.claimed_release_id();
        let (mut approvals, mut notarisations) = (Vec::new(), Vec::new());
        for claimed in &self.claimed_attestations().statements {
            match root
                .attestation(claimed, release_id)
                .map_err(|error| self.reason(root, error))?
            {
                Attestation::Approval(approval) => approvals.push(*approval),
                Attestation::Notarisation(notarisation) => notarisations.push(notarisation),
            }
        }
        let proofs = Proofs::gather(
            root,
            &self.all_signatures(),
            &notarisations,
            &self.claimed_attestations().tokens,
        )?;
        let (role, body) = (name("release"), self.claimed_statement());
        let counted = root.authenticate_with(
            &role,
            PAYLOAD_TYPE,
            body,
            self.claimed_signatures(),
            when,
            &proofs,
        )?;
        Ok(Signed {
            release_id,
            counted,
            approvals,
            proofs,
        })
    }

    /// Chooses the error to report. If the release was changed after signing, statements about it
    /// no longer match; then its own signatures are the cause, not the approvals.
    fn reason(&self, root: &TrustRoot, error: AttestationError) -> AuthenticateError {
        match root.signatures_hold(
            PAYLOAD_TYPE,
            self.claimed_statement(),
            self.claimed_signatures(),
        ) {
            Err(broken) => broken.into(),
            Ok(()) => error.into(),
        }
    }

    /// Verifies all signatures, then reads the statement, then hashes every file. Keys are judged
    /// by `when`; the library reads no clock. The root's expiry and its blocked releases are judged
    /// by [`AuthenticatedBundle::check_policy`].
    pub fn authenticate(
        self,
        root: &TrustRoot,
        when: JudgedAt,
    ) -> Result<AuthenticatedBundle<'_>, AuthenticateError> {
        let Signed {
            release_id,
            counted,
            approvals,
            proofs,
        } = self.signed(root, when)?;
        let body = self.claimed_statement();
        let statement: Statement = wire::read(body).map_err(|error| unreadable(body, error))?;
        let needed = &statement.predicate.minimum_pgseal;
        if newer(needed, PGSEAL) {
            return Err(AuthenticateError::NewerProgram {
                needed: needed.clone(),
            });
        }
        let workers = self.workers();
        let (archive, release, signatures, added) = self.into_parts();
        subjects::check(&archive, &statement, workers)?;
        let signatory = |signature: &ClaimedSignature| Signatory {
            key: signature.0,
            owner: root.owner(&signature.0).to_owned(),
            evidence: proofs.of(signature, statement.predicate.created),
        };
        let bundle = AuthenticatedBundle {
            root,
            release_id,
            signatories: signatures
                .iter()
                .filter(|(key, _)| counted.contains(key))
                .map(signatory)
                .collect(),
            approvals: Vec::new(),
            when,
            files: index(&archive, &statement),
            signed: SignedBytes {
                release,
                signatures,
                added,
            },
            archive,
            workers,
            statement,
        };
        approvals.into_iter().try_fold(bundle, |bundle, approval| {
            Ok(bundle.and(approval.with(&proofs))?)
        })
    }
}

impl<'r> AuthenticatedBundle<'r> {
    /// The trust root that authenticated the bundle.
    pub fn root(&self) -> &'r TrustRoot {
        self.root
    }

    /// Threads for hashing and decompression.
    pub(super) fn workers(&self) -> &'static dyn Workers {
        self.workers
    }

    /// The archive's members.
    pub(super) fn archive(&self) -> &Archive {
        &self.archive
    }

    /// The signed documents.
    pub(super) fn signed(&self) -> &SignedBytes {
        &self.signed
    }

    /// The files of the release.
    pub(super) fn files(&self) -> &BTreeMap<EntryPath, Stored> {
        &self.files
    }

    /// Id of the release in approvals, ledger and receipts.
    pub fn release_id(&self) -> ReleaseId {
        self.release_id
    }

    /// The release's signed description.
    pub fn manifest(&self) -> &Manifest {
        &self.statement.predicate
    }

    /// Signers of counted signatures, by ascending key id.
    pub fn signatories(&self) -> &[Signatory] {
        &self.signatories
    }

    /// The latest statement of each approver's key at the time of judgement. The policy decides
    /// whether it counts.
    pub fn approvals(&self) -> &[SignedApproval] {
        &self.approvals
    }

    /// Whether a run needs the code of a ratified proposal.
    pub fn takes_apr(&self) -> bool {
        self.manifest()
            .variables
            .keys()
            .any(|name| name.as_str() == APR_VARIABLE)
    }

    /// Adds an approval or withdrawal from outside the bundle. Whether it counts is decided by
    /// [`BundleToRun::authorize_run`](crate::BundleToRun::authorize_run).
    /// ```
    /// use pgseal_verify::{Attestations, AuthenticatedBundle, InMemory};
    ///
    /// /// A bundle with the approvals of a file.
    /// fn with_file<'r>(
    ///     bundle: AuthenticatedBundle<'r>,
    ///     file: Vec<u8>,
    /// ) -> Result<AuthenticatedBundle<'r>, Box<dyn std::error::Error>> {
    ///     let added = Attestations::parse(Box::new(InMemory(file.into())))?;
    ///     let mut all = added.statements.iter();
    ///     Ok(all.try_fold(bundle, |bundle, claimed| bundle.with_approval(claimed))?)
    /// }
    /// ```
    pub fn with_approval(self, claimed: &ClaimedStatement) -> Result<Self, AttestationError> {
        match self.root.attestation(claimed, self.release_id)? {
            Attestation::Approval(approval) => self.and(*approval),
            Attestation::Notarisation(_) => Ok(self),
        }
    }

    /// Keeps the later of two statements by one key; in the same second, the withdrawal.
    fn and(mut self, approval: SignedApproval) -> Result<Self, AttestationError> {
        approval.shows(self.manifest())?;
        let said = |at: Timestamp| !matches!(self.when, JudgedAt::AsOf(time) if time < at);
        // A thief may hold a revoked key. A statement proven to be older than the compromise still
        // counts, so it takes precedence over later ones.
        let word = |signed: &SignedApproval| {
            let approval = signed.approval();
            let counts = signed
                .key_counts(self.root, &approval.role, self.when)
                .is_ok();
            (counts, said(approval.at), approval.at, approval.decision)
        };
        match self
            .approvals
            .iter_mut()
            .find(|known| known.key() == approval.key())
        {
            Some(known) if word(known) >= word(&approval) => {}
            Some(known) => *known = approval,
            None => self.approvals.push(approval),
        }
        Ok(self)
    }

    /// Checks the rules of the trust root other than its keys, at the time of authentication: its
    /// expiry, blocked releases and lowest sequences. Authentication alone does not, because an
    /// auditor reads blocked and outdated releases too.
    ///
    /// # Errors
    ///
    /// The rule that the release breaks; never [`PolicyError::Approvals`].
    pub fn check_policy(&self) -> Result<(), PolicyError> {
        let release = &self.manifest().release;
        policy::check_policy(self.root, release, self.release_id, self.when)
    }

    /// Number of files compared.
    pub fn file_count(&self) -> usize {
        self.statement.subject.len()
    }
}

fn index(archive: &Archive, statement: &Statement) -> BTreeMap<EntryPath, Stored> {
    let members: BTreeMap<&str, &Member> = archive
        .members()
        .iter()
        .map(|m| (m.path.as_str(), m))
        .collect();
    let digests: BTreeMap<&str, Digest> = statement
        .subject
        .iter()
        .map(|subject| (subject.name.as_str(), subject.digest.sha256))
        .collect();
    let stored = |file: &File| {
        let name = stored_name(file);
        let member = (*members.get(name.as_str())?).clone();
        let stored = Stored {
            member,
            stored_sha256: *digests.get(name.as_str())?,
            file: file.clone(),
        };
        Some((file.path.clone(), stored))
    };
    statement
        .predicate
        .files
        .iter()
        .filter_map(stored)
        .collect()
}

/// Reports an unreadable statement. One of a later format names the version that can read it; its
/// signature is valid, so this is trusted.
fn unreadable(statement: &[u8], error: JsonError) -> AuthenticateError {
    let value: Option<serde_json::Value> = serde_json::from_slice(statement).ok();
    let needed = value
        .as_ref()
        .and_then(|value| value.pointer("/predicate/minimum_pgseal")?.as_str());
    match needed {
        Some(needed) if newer(needed, PGSEAL) => AuthenticateError::NewerProgram {
            needed: needed.to_owned(),
        },
        _ => AuthenticateError::Statement(error),
    }
}

fn newer(a: &str, b: &str) -> bool {
    let parts = |version: &str| {
        version
            .split('.')
            .map(|part| part.parse().unwrap_or(0))
            .collect::<Vec<u64>>()
    };
    parts(a) > parts(b)
}
