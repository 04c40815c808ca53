//! Drift: differences between a database's definitions now and those at the end of the newest
//! signed run or rollback that kept them.

use std::cell::RefCell;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::failure::{Context as _, Failure};
use super::preflight::PreflightError;
use super::run_context::RunContext;
use crate::database::{Connect, Session};
use crate::fingerprint::{self, Difference, FingerprintError};
use crate::record::definitions::{self, When};
use crate::record::ledger::{self, Entry};
use crate::record::receipt::{self, ReceiptError};
use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::fingerprint::{Fingerprint, Scope};
use pgseal_verify::format::receipt::{ObservedTarget, Receipt};
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::plural::count;

/// The state of the definitions that a signed receipt proves.
pub struct Proven {
    /// The receipt's file.
    pub path: PathBuf,
    pub receipt: Receipt,
    /// Id of the receipt's release.
    pub release_id: Digest,
    pub definitions: Fingerprint,
}

/// Reasons for having nothing to compare with.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    #[error("no signed receipt of a run or rollback{of} with a fingerprint on database {database} in {dir}", dir = .dir.display(), of = if *.is_of_release { " of this release" } else { "" })]
    NoReceipt {
        dir: PathBuf,
        database: String,
        /// Whether receipts of other releases were left out.
        is_of_release: bool,
    },
    #[error("{path}: the definitions after it are missing or not those of its digest", path = .0.display())]
    NoDefinitions(PathBuf),
    #[error("{path}: {source}", path = .path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Fingerprint(#[from] FingerprintError),
}

/// Finds the newest signed receipt of this database with a fingerprint of its end, of one release or
/// of any. Receipts that are not authentic are `skipped`.
pub fn newest(
    receipts: &Path,
    root: &TrustRoot,
    target: &ObservedTarget,
    release: Option<ReleaseId>,
    now: Timestamp,
    skipped: &dyn Fn(&ReceiptError, &Path),
) -> Result<Proven, DriftError> {
    let files = definitions::receipts_in(receipts).map_err(|source| DriftError::Io {
        path: receipts.to_owned(),
        source,
    })?;
    let of_database = files.into_iter().filter_map(|path| {
        // A key that has expired since then signed a true receipt.
        let read = receipt::read(&path, root, JudgedAt::AsOf(now));
        let read = read.map_err(|error| skipped(&error, &path)).ok()?;
        read.signed.as_ref()?;
        if let Some(release) = release {
            read.is_evidence_of(release).ok()?;
        }
        let id = read.statement.subject.first()?.digest.sha256;
        let receipt = read.statement.predicate;
        let after = receipt.schema.as_ref()?.after?;
        is_of(&receipt.target, target).then_some((path, receipt, id, after))
    });
    let newest =
        of_database.max_by_key(|(_, receipt, ..)| (receipt.finished, transaction(receipt)));
    let Some((path, receipt, release_id, after)) = newest else {
        return Err(DriftError::NoReceipt {
            dir: receipts.to_owned(),
            database: target.database.clone(),
            is_of_release: release.is_some(),
        });
    };
    match definitions::of_receipt(&path, When::After, after) {
        Some(definitions) => Ok(Proven {
            path,
            receipt,
            release_id,
            definitions,
        }),
        None => Err(DriftError::NoDefinitions(path)),
    }
}

/// The transaction's number, which orders receipts of one second: a server counts upwards.
fn transaction(receipt: &Receipt) -> Option<u64> {
    receipt.transaction_id.as_ref()?.parse().ok()
}

/// Whether a receipt is about this database. A role may not be allowed to read the system
/// identifier; then the name decides.
fn is_of(of: &ObservedTarget, target: &ObservedTarget) -> bool {
    let systems = of
        .system_identifier
        .as_ref()
        .zip(target.system_identifier.as_ref());
    of.database == target.database && systems.is_none_or(|(one, other)| one == other)
}

/// Reads the definitions now, and compares.
pub fn since(
    proven: &Proven,
    connect: &dyn Connect,
    now: Timestamp,
) -> Result<(Fingerprint, Vec<Difference>), DriftError> {
    let found = fingerprint::take(connect, &Scope::Schema, NonZeroUsize::MIN, now, &|_| ())?;
    let differences = fingerprint::differences(&proven.definitions, &found);
    Ok((found, differences))
}

/// Drift on the database of a release that demands that there is none.
#[derive(Debug)]
pub struct Drifted {
    /// The newest signed receipt of the database.
    pub since: PathBuf,
    pub differences: Vec<String>,
    /// Receipts beside it that are not authentic.
    pub skipped: Vec<PathBuf>,
    /// The newer run or rollback in the ledger, which kept no signed definitions.
    pub newer: Option<String>,
}

/// Formats as what changed since which receipt, with the first three differences.
impl fmt::Display for Drifted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first: Vec<&str> = self
            .differences
            .iter()
            .take(3)
            .map(String::as_str)
            .collect();
        let (since, first) = (self.since.display(), first.join("; "));
        write!(
            f,
            "the release demands that the definitions are those of the newest signed receipt, {since}, and they are not: {first}"
        )?;
        if self.differences.len() > 3 {
            write!(f, "; and {} more", self.differences.len() - 3)?;
        }
        if let Some(newer) = &self.newer {
            write!(f, "; since then the {newer} kept no signed definitions")?;
        }
        match self.skipped.len() {
            0 => Ok(()),
            skipped => write!(
                f,
                " (skipped: {}, not authentic)",
                count(skipped, "receipt")
            ),
        }
    }
}

/// Fails before a run if its release demands that nothing drifted, and definitions changed since the
/// newest signed receipt of the database, whose ledger ends with `last`. One on which nothing ran has
/// nothing to compare with.
pub(super) fn check(
    order: &RunContext<'_>,
    target: &ObservedTarget,
    last: Option<&Entry>,
) -> Result<(), PreflightError> {
    let now = (order.clock)();
    let take = || {
        fingerprint::take(
            order.connect,
            &Scope::Schema,
            NonZeroUsize::MIN,
            now,
            &|_| (),
        )
    };
    match compare(order, target, last, take) {
        Ok(None) => Ok(()),
        Ok(Some(drifted)) => Err(PreflightError::Drift(drifted)),
        Err(error) => Err(PreflightError::NotCompared(error)),
    }
}

/// Like [`check`], in the run's first transaction: other sessions may have changed definitions since
/// the preflight checks.
pub(super) fn check_inside(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    target: &ObservedTarget,
) -> Result<(), Failure> {
    if !order.manifest().require_no_drift {
        return Ok(());
    }
    let entries = ledger::entries(session).context("cannot read the ledger")?;
    let take = || fingerprint::take_on(session, &Scope::Schema, (order.clock)());
    match compare(order, target, entries.last(), take) {
        Ok(None) => Ok(()),
        Ok(Some(drifted)) => Err(Failure::plain(drifted)),
        Err(error) => Err(Failure::plain(error)),
    }
}

fn compare(
    order: &RunContext<'_>,
    target: &ObservedTarget,
    last: Option<&Entry>,
    take: impl FnOnce() -> Result<Fingerprint, FingerprintError>,
) -> Result<Option<Drifted>, DriftError> {
    let Some(last) = last else {
        return Ok(None);
    };
    if !order.manifest().require_no_drift || order.clone.is_some() {
        return Ok(None);
    }
    let receipts = order.receipts.unwrap_or(Path::new(""));
    let skipped = RefCell::new(Vec::new());
    let skip = |_: &ReceiptError, path: &Path| skipped.borrow_mut().push(path.to_owned());
    let proven = newest(receipts, order.root(), target, None, (order.clock)(), &skip)?;
    let differences = fingerprint::differences(&proven.definitions, &take()?);
    let ran = &proven.receipt;
    let is_last = *ran.resumes.as_ref().unwrap_or(&ran.run_id) == last.run_id;
    let newer = (!is_last).then(|| {
        let (action, release, version, at) = (&last.action, &last.release, &last.version, &last.at);
        format!("{action} of {release} {version} at {at}")
    });
    Ok((!differences.is_empty()).then(|| Drifted {
        since: proven.path,
        differences: differences.iter().map(ToString::to_string).collect(),
        skipped: skipped.take(),
        newer,
    }))
}
