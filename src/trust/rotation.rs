//! From one version of the trust root to a later one, step by step: exactly the next version, naming the digest of the
//! one before, agreed to by the root keys of both. All of it in memory; nothing is written here.

use super::key_id::KeyId;
use super::root::{ClaimedSignature, DraftRoot, SignatureError, TrustRoot};
use crate::digest::Digest;
use crate::format::name::Name;
use crate::format::timestamp::Timestamp;

/// A version that somebody brings, with the signatures that came with it.
pub struct Candidate {
    /// The document.
    pub draft: DraftRoot,
    /// Its signatures, unchecked.
    pub signatures: Vec<ClaimedSignature>,
}

/// A version that follows the one before it. Only [`walk`] makes one.
pub struct Step {
    root: TrustRoot,
    signatures: Vec<ClaimedSignature>,
}

impl Step {
    /// The version.
    pub fn root(&self) -> &TrustRoot {
        &self.root
    }

    /// Its signatures, each by a key of it or of the version before it.
    pub fn signatures(&self) -> &[ClaimedSignature] {
        &self.signatures
    }
}

/// Why versions don't follow the installed one.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// Nothing was brought.
    #[error("there is no trust document")]
    Nothing,
    /// A key has one role for ever: what it signed in one is not to count in another.
    #[error("key {key} has the role {before}, and would have the role {found}")]
    Role {
        /// The key.
        key: Digest,
        /// Its role.
        before: Name,
        /// The other one.
        found: Name,
    },
    /// The installed version again.
    #[error("version {version} is installed already ({digest})")]
    Installed {
        /// The version.
        version: u32,
        /// Its digest.
        digest: Digest,
    },
    /// An older version.
    #[error("rollback: version {installed} is installed, and version {found} is older")]
    Rollback {
        /// The installed version.
        installed: u32,
        /// What was brought.
        found: u32,
    },
    /// Two documents with one version.
    #[error("fork: there are two different documents of version {version}: {one} and {other}")]
    Fork {
        /// The version.
        version: u32,
        /// The first; the installed one, where it is one of them.
        one: Digest,
        /// The second.
        other: Digest,
    },
    /// A version is missing in between.
    #[error("skip: version {expected} comes next, and version {found} was brought")]
    Skip {
        /// The one that must follow.
        expected: u32,
        /// The one that is there.
        found: u32,
    },
    /// It follows another document than the one that is before it.
    #[error("fork: version {version} follows a version {} with the digest {found}, and the one here has {expected}", version - 1)]
    Previous {
        /// The version.
        version: u32,
        /// The digest of the one before.
        expected: Digest,
        /// What it names.
        found: Digest,
    },
    /// It claims to be made before the one it follows.
    #[error("version {version} was issued {}, before the version it follows ({before})", said(*found))]
    Issued {
        /// The version.
        version: u32,
        /// When the one before was.
        before: Timestamp,
        /// When it says it was.
        found: Option<Timestamp>,
    },
    /// A signature by a key that neither version lists.
    #[error("version {version} has a signature by key {key}, which neither it nor the version before it knows")]
    Stranger {
        /// The version.
        version: u32,
        /// The key.
        key: KeyId,
    },
    /// The root keys of the version before don't agree.
    #[error("version {version} is not agreed to by version {}: {source}", version - 1)]
    Agreement {
        /// The version.
        version: u32,
        /// Why.
        source: SignatureError,
    },
    /// Its own root keys have not signed it.
    #[error("version {version} is not signed by its own root keys: {source}")]
    Own {
        /// The version.
        version: u32,
        /// Why.
        source: SignatureError,
    },
}

/// Checks every step from the installed version on. Versions up to the installed one may be there only as the beginning
/// of a chain that leads through it.
pub fn walk(installed: &TrustRoot, candidates: Vec<Candidate>) -> Result<Vec<Step>, RotationError> {
    let chain = sorted(candidates)?;
    let at = installed.document().version;
    let last = chain.last().ok_or(RotationError::Nothing)?;
    let found = last.draft.document().version;
    if found < at {
        return Err(RotationError::Rollback { installed: at, found });
    }
    if let Some(same) = chain.iter().find(|candidate| candidate.draft.document().version == at) {
        let (one, other) = (installed.digest(), same.draft.digest());
        if one != other {
            return Err(RotationError::Fork { version: at, one, other });
        }
        if found == at {
            return Err(RotationError::Installed { version: at, digest: one });
        }
    }
    for pair in chain.windows(2) {
        follows(&pair[0].draft, &pair[1].draft)?;
    }
    let mut steps: Vec<Step> = Vec::new();
    for candidate in chain.into_iter().filter(|candidate| candidate.draft.document().version > at) {
        let before = steps.last().map_or(installed, Step::root);
        let next = step(before, candidate)?;
        steps.push(next);
    }
    Ok(steps)
}

/// Whether a document may stand right after another one, whoever signed it.
pub fn follows(before: &DraftRoot, next: &DraftRoot) -> Result<(), RotationError> {
    let (expected, found) = (before.document().version.saturating_add(1), next.document().version);
    if expected != found {
        return Err(RotationError::Skip { expected, found });
    }
    let expected = before.digest();
    // A version 1 names none; it is no later version, so it does not get here.
    let named = next.document().prev_sha256.unwrap_or(Digest::of(b""));
    if named != expected {
        return Err(RotationError::Previous { version: found, expected, found: named });
    }
    for key in &before.document().keys {
        let now = next.document().keys.iter().find(|now| now.id == key.id && now.role != key.role);
        if let Some(now) = now {
            let (before, found) = (key.role.clone(), now.role.clone());
            return Err(RotationError::Role { key: key.id, before, found });
        }
    }
    match (before.document().issued, next.document().issued) {
        (Some(before), issued) if issued.is_none_or(|issued| issued < before) => {
            Err(RotationError::Issued { version: found, before, found: issued })
        }
        _ => Ok(()),
    }
}

fn step(before: &TrustRoot, candidate: Candidate) -> Result<Step, RotationError> {
    let Candidate { draft, signatures } = candidate;
    follows(before.draft(), &draft)?;
    let version = draft.document().version;
    let stranger = |(id, _): &&ClaimedSignature| draft.key(id).is_none() && before.draft().key(id).is_none();
    if let Some((key, _)) = signatures.iter().find(stranger) {
        return Err(RotationError::Stranger { version, key: *key });
    }
    before.agrees(&draft, &signatures).map_err(|source| RotationError::Agreement { version, source })?;
    let listed: Vec<ClaimedSignature> = signatures.iter().filter(|(id, _)| draft.key(id).is_some()).copied().collect();
    let root = draft.signed(&listed).map_err(|source| RotationError::Own { version, source })?;
    Ok(Step { root, signatures })
}

/// By ascending version, each once. Copies of one document bring their signatures together: people sign in different places.
fn sorted(mut candidates: Vec<Candidate>) -> Result<Vec<Candidate>, RotationError> {
    candidates.sort_by_key(|candidate| candidate.draft.document().version);
    let mut chain: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let version = candidate.draft.document().version;
        let Some(last) = chain.last_mut().filter(|last| last.draft.document().version == version) else {
            chain.push(candidate);
            continue;
        };
        let (one, other) = (last.draft.digest(), candidate.draft.digest());
        if one != other {
            return Err(RotationError::Fork { version, one, other });
        }
        last.signatures.extend(candidate.signatures);
        last.signatures.sort();
        last.signatures.dedup();
    }
    Ok(chain)
}

fn said(issued: Option<Timestamp>) -> String {
    issued.map_or("at no time that it names".to_owned(), |issued| format!("on {issued}"))
}
