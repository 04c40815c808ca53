//! Rotation of the trust root, step by step: each step leads to exactly the next version, which
//! names the digest of the previous one, with the agreement of the root keys of both. It works in
//! memory and writes nothing.

use super::key_id::KeyId;
use super::root::{ClaimedSignature, DraftRoot, SignatureError, TrustRoot};
use crate::digest::Digest;
use crate::format::name::Name;
use crate::format::timestamp::Timestamp;

/// A candidate for a later version, with the signatures supplied for it.
pub struct Candidate {
    /// The document.
    pub draft: DraftRoot,
    /// The signatures, not verified.
    pub signatures: Vec<ClaimedSignature>,
}

/// A version that follows the one before it. Only [`walk`] makes one.
pub struct Step {
    root: TrustRoot,
    signatures: Vec<ClaimedSignature>,
}

impl Step {
    /// The trust root of this version.
    pub fn root(&self) -> &TrustRoot {
        &self.root
    }

    /// The signatures, each by a key of this version or of the previous one.
    pub fn signatures(&self) -> &[ClaimedSignature] {
        &self.signatures
    }
}

/// Reason why versions do not follow the installed one.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum RotationError {
    /// No candidates were supplied.
    #[error("there is no trust document")]
    Nothing,
    /// A key with a new role. The role of a key is permanent, since a signature made in one role
    /// must not count in another.
    #[error("key {key} has the role {before}, and would have the role {found}")]
    Role {
        /// Id of the key.
        key: Digest,
        /// Role in the previous version.
        before: Name,
        /// Role in the new version.
        found: Name,
    },
    /// The installed version again.
    #[error("version {version} is installed already ({digest})")]
    Installed {
        /// Number of the version.
        version: u32,
        /// Digest of the document.
        digest: Digest,
    },
    /// An older version.
    #[error("rollback: version {installed} is installed, and version {found} is older")]
    Rollback {
        /// Number of the installed version.
        installed: u32,
        /// Number of the newest supplied version.
        found: u32,
    },
    /// Two different documents of one version.
    #[error("fork: there are two different documents of version {version}: {one} and {other}")]
    Fork {
        /// Number of the version.
        version: u32,
        /// Digest of the first; of the installed one, if it is among them.
        one: Digest,
        /// Digest of the second.
        other: Digest,
    },
    /// A missing version in the chain.
    #[error("skip: version {expected} comes next, and version {found} was brought")]
    Skip {
        /// Number of the next version.
        expected: u32,
        /// Number of the supplied version.
        found: u32,
    },
    /// A version that names another document than the previous one.
    #[error("fork: version {version} follows a version {} with the digest {found}, and the one here has {expected}", version - 1)]
    Previous {
        /// Number of the version.
        version: u32,
        /// Digest of the previous version.
        expected: Digest,
        /// Digest that the version names.
        found: Digest,
    },
    /// A version issued before the previous one, or one that lacks the time of issue that the
    /// previous one has.
    #[error("version {version} was issued {}, before the version it follows ({before})", said(*found))]
    Issued {
        /// Number of the version.
        version: u32,
        /// Time of issue of the previous version.
        before: Timestamp,
        /// Time of issue of this version.
        found: Option<Timestamp>,
    },
    /// A signature by a key that neither version lists.
    #[error(
        "version {version} has a signature by key {key}, which neither it nor the version before it knows"
    )]
    Stranger {
        /// Number of the version.
        version: u32,
        /// Id of the key.
        key: KeyId,
    },
    /// A version without the agreement of the previous version's root keys.
    #[error("version {version} is not agreed to by version {}: {source}", version - 1)]
    Agreement {
        /// Number of the version.
        version: u32,
        /// Fault of the signatures.
        source: SignatureError,
    },
    /// A version that its own root keys have not signed.
    #[error("version {version} is not signed by its own root keys: {source}")]
    Own {
        /// Number of the version.
        version: u32,
        /// Fault of the signatures.
        source: SignatureError,
    },
}

/// Checks every step from the installed version on. Versions up to the installed one are allowed
/// only at the beginning of a chain that leads through it.
/// ```
/// use pgseal_verify::{Candidate, RotationError, TrustRoot, walk};
///
/// /// Number of the newest version that a chain of signed documents leads to.
/// fn newest(installed: &TrustRoot, chain: Vec<Candidate>) -> Result<u32, RotationError> {
///     let steps = walk(installed, chain)?;
///     Ok(steps.last().map_or(installed, |step| step.root()).document().version)
/// }
/// ```
pub fn walk(installed: &TrustRoot, candidates: Vec<Candidate>) -> Result<Vec<Step>, RotationError> {
    let chain = sorted(candidates)?;
    let at = installed.document().version;
    let last = chain.last().ok_or(RotationError::Nothing)?;
    let found = last.draft.document().version;
    if found < at {
        return Err(RotationError::Rollback {
            installed: at,
            found,
        });
    }
    if let Some(same) = chain
        .iter()
        .find(|candidate| candidate.draft.document().version == at)
    {
        let (one, other) = (installed.digest(), same.draft.digest());
        if one != other {
            return Err(RotationError::Fork {
                version: at,
                one,
                other,
            });
        }
        if found == at {
            return Err(RotationError::Installed {
                version: at,
                digest: one,
            });
        }
    }
    for pair in chain.windows(2) {
        follows(&pair[0].draft, &pair[1].draft)?;
    }
    let mut steps: Vec<Step> = Vec::new();
    for candidate in chain
        .into_iter()
        .filter(|candidate| candidate.draft.document().version > at)
    {
        let before = steps.last().map_or(installed, Step::root);
        let next = step(before, candidate)?;
        steps.push(next);
    }
    Ok(steps)
}

/// Checks that a document may directly follow another one, apart from its signatures.
pub fn follows(before: &DraftRoot, next: &DraftRoot) -> Result<(), RotationError> {
    let (expected, found) = (
        before.document().version.saturating_add(1),
        next.document().version,
    );
    if expected != found {
        return Err(RotationError::Skip { expected, found });
    }
    let expected = before.digest();
    // Version 1 names no digest, but is never a next version, so it is refused earlier.
    let named = next.document().prev_sha256.unwrap_or(Digest::of(b""));
    if named != expected {
        return Err(RotationError::Previous {
            version: found,
            expected,
            found: named,
        });
    }
    for key in &before.document().keys {
        let now = next
            .document()
            .keys
            .iter()
            .find(|now| now.id == key.id && now.role != key.role);
        if let Some(now) = now {
            let (before, found) = (key.role.clone(), now.role.clone());
            return Err(RotationError::Role {
                key: key.id,
                before,
                found,
            });
        }
    }
    match (before.document().issued, next.document().issued) {
        (Some(before), issued) if issued.is_none_or(|issued| issued < before) => {
            Err(RotationError::Issued {
                version: found,
                before,
                found: issued,
            })
        }
        _ => Ok(()),
    }
}

fn step(before: &TrustRoot, candidate: Candidate) -> Result<Step, RotationError> {
    let Candidate { draft, signatures } = candidate;
    follows(before.draft(), &draft)?;
    let version = draft.document().version;
    let stranger =
        |(id, _): &&ClaimedSignature| draft.key(id).is_none() && before.draft().key(id).is_none();
    if let Some((key, _)) = signatures.iter().find(stranger) {
        return Err(RotationError::Stranger { version, key: *key });
    }
    before
        .agrees(&draft, &signatures)
        .map_err(|source| RotationError::Agreement { version, source })?;
    let listed: Vec<ClaimedSignature> = signatures
        .iter()
        .filter(|(id, _)| draft.key(id).is_some())
        .copied()
        .collect();
    let root = draft
        .signed(&listed)
        .map_err(|source| RotationError::Own { version, source })?;
    Ok(Step { root, signatures })
}

/// Sorts candidates by version and merges copies of one document with all their signatures, since
/// people sign in different places.
fn sorted(mut candidates: Vec<Candidate>) -> Result<Vec<Candidate>, RotationError> {
    candidates.sort_by_key(|candidate| candidate.draft.document().version);
    let mut chain: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let version = candidate.draft.document().version;
        let Some(last) = chain
            .last_mut()
            .filter(|last| last.draft.document().version == version)
        else {
            chain.push(candidate);
            continue;
        };
        let (one, other) = (last.draft.digest(), candidate.draft.digest());
        if one != other {
            return Err(RotationError::Fork {
                version,
                one,
                other,
            });
        }
        last.signatures.extend(candidate.signatures);
        last.signatures.sort();
        last.signatures.dedup();
    }
    Ok(chain)
}

fn said(issued: Option<Timestamp>) -> String {
    issued.map_or("at no time that it names".to_owned(), |issued| {
        format!("on {issued}")
    })
}
