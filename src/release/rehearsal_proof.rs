//! Finds the proof of rehearsal that a run requires: the named receipt, or one of the stored
//! receipts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::bundle::AuthenticatedBundle;
use crate::record::rehearsal::{self, Demand, Proved, UnprovedError};
use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::format::timestamp::Timestamp;

/// Reasons to reject a rehearsal.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalProofError {
    #[error("this rehearsal does not count: {source}")]
    Refused {
        path: PathBuf,
        source: UnprovedError,
    },
    /// A receipt cannot be verified and may report a failure of this release.
    #[error("this rehearsal does not count: {source}")]
    Unreadable {
        path: PathBuf,
        source: UnprovedError,
    },
    /// The newest one failed, though none is required.
    #[error("the newest rehearsal of it does not count: {source}")]
    Failed {
        path: PathBuf,
        source: UnprovedError,
    },
    #[error("{}{found}", .demanded_by.text())]
    Missing {
        /// Source of the requirement.
        demanded_by: DemandedBy,
        /// The receipts that were read.
        found: Found,
    },
    #[error("{path}: {source}", path = path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// Source of the requirement for a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemandedBy {
    Release,
    /// The trust root's policy.
    TrustRoot,
    /// The operator, who named a receipt.
    Operator,
}

/// The receipts that were read, none of which is a proof.
#[derive(Debug, thiserror::Error)]
pub enum Found {
    #[error("{path} does not prove it: {source}", path = path.display())]
    One {
        path: PathBuf,
        source: UnprovedError,
    },
    #[error("the newest receipt that speaks for it, {path}, does not prove it: {source}", path = path.display())]
    Newest {
        path: PathBuf,
        source: UnprovedError,
    },
    #[error("{path} holds no receipt of it", path = _0.display())]
    None(PathBuf),
}

impl DemandedBy {
    fn text(self) -> &'static str {
        match self {
            Self::Release => "the release wants it to be rehearsed before it runs, and ",
            Self::TrustRoot => "the trust root wants it to be rehearsed before it runs, and ",
            Self::Operator => "the rehearsal that --rehearsal names does not count: ",
        }
    }
}

/// Selects the newest relevant receipt, among those in the directory and the named one, and
/// validates it as the run's proof. Returns `None` if no rehearsal is required and no receipt is
/// named; but also then a run does not begin if the newest signed one failed.
pub fn proof(
    named: Option<&Path>,
    root: &TrustRoot,
    bundle: &AuthenticatedBundle,
    variables: &BTreeMap<String, String>,
    receipts: &Path,
    now: Timestamp,
) -> Result<Option<Proved>, RehearsalProofError> {
    let (manifest, policy) = (bundle.manifest(), root.policy());
    let release = bundle.release_id();
    let demand = Demand {
        release,
        manifest,
        variables,
        max_age_days: rehearsal::max_age_days(manifest, policy),
        now,
    };
    let read = |path: &Path| {
        let read = rehearsal::read(path, root, JudgedAt::At(now))?;
        read.is_evidence_of(release)?;
        Ok::<_, UnprovedError>(read)
    };
    let mut evidence = Vec::new();
    if let Some(path) = named {
        let refused = |source| RehearsalProofError::Refused {
            path: path.to_owned(),
            source,
        };
        let named = read(path).map_err(refused)?;
        named.prove(&demand).map_err(refused)?;
        evidence.push((path.to_owned(), named));
    }
    let is_required = named.is_some() || manifest.require_rehearsal || policy.require_rehearsal;
    let mut last = None;
    for path in found(receipts)? {
        match read(&path) {
            Ok(read) => evidence.push((path, read)),
            Err(UnprovedError::Release(_)) => {}
            // Without a signature it is evidence neither for the release nor against it.
            Err(error @ UnprovedError::Unsigned) => last = Some((path, error)),
            // It may report a failure of this release.
            Err(source) if is_required && is_about(&path, release) => {
                return Err(RehearsalProofError::Unreadable { path, source });
            }
            Err(error) => last = Some((path, error)),
        }
    }
    let several = evidence.len() > 1;
    let newest = rehearsal::newest(
        evidence,
        |(_, read)| &read.statement.predicate,
        manifest,
        Some(variables),
    );
    let newest = newest.map(|(path, read)| (read.prove(&demand), path));
    let found = match newest {
        // docs/decisions/111
        Some((Err(source @ UnprovedError::Failed(_)), path)) if !is_required => {
            return Err(RehearsalProofError::Failed { path, source });
        }
        _ if !is_required => return Ok(None),
        Some((Ok(proved), _)) => return Ok(Some(proved)),
        Some((Err(source), path)) if several => Found::Newest { path, source },
        Some((Err(source), path)) => Found::One { path, source },
        None => last.map_or_else(
            || Found::None(receipts.to_owned()),
            |(path, source)| Found::One { path, source },
        ),
    };
    let demanded_by = match (manifest.require_rehearsal, policy.require_rehearsal) {
        (true, _) => DemandedBy::Release,
        (_, true) => DemandedBy::TrustRoot,
        _ => DemandedBy::Operator,
    };
    Err(RehearsalProofError::Missing { demanded_by, found })
}

/// Whether the receipt claims to be about this release, or cannot be read.
fn is_about(path: &Path, release: ReleaseId) -> bool {
    let Ok(statement) = rehearsal::claimed(path) else {
        return true;
    };
    statement
        .subject
        .first()
        .is_none_or(|subject| subject.digest.sha256 == release.digest())
}

/// Paths of the receipts, oldest first by the time in their names.
fn found(receipts: &Path) -> Result<Vec<PathBuf>, RehearsalProofError> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let entries = match std::fs::read_dir(receipts) {
        // A run that can write no journal there says so.
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect::<std::io::Result<Vec<_>>>),
    };
    let entries = entries.map_err(|source| RehearsalProofError::Io {
        path: receipts.to_owned(),
        source,
    })?;
    let mut paths: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    paths.retain(|path| rehearsal::is_one(path));
    paths.sort();
    Ok(paths)
}
