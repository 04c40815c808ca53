//! Reads the receipts and rehearsal receipts of a release. Files not signed by a key of the role
//! `receipt` are listed but do not count.

use std::io;
use std::path::{Path, PathBuf};

use super::super::error::CliError;
use super::super::exit::Exit;
use super::Args;
use super::gather::stop;
use crate::readiness::{Blocker, Kept, Row};
use crate::record::{receipt, rehearsal};
use crate::trust::{JudgedAt, KeyId, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::json;
use pgseal_verify::format::receipt::Receipt;
use pgseal_verify::format::rehearsal::Rehearsal;
use pgseal_verify::format::statement::{ReleaseId, Subject};
use pgseal_verify::format::timestamp::Timestamp;

/// Receipts and rehearsal receipts found on this host.
pub struct LocalEvidence {
    /// Signed receipts of this release, oldest first.
    pub receipts: Vec<Kept<Receipt>>,
    /// Signed rehearsal receipts of this release, oldest first.
    pub rehearsals: Vec<Kept<Rehearsal>>,
    /// Names of files that do not count, with reasons.
    pub uncounted: Vec<(String, String)>,
    /// Faults of rehearsal receipts given as arguments that do not count.
    pub blockers: Vec<(Row, Blocker)>,
}

/// Reason for not counting an unsigned file, which is neither a fault nor evidence.
const UNSIGNED: &str = "it is not signed, so anybody can have written it";

/// Reads the directory of receipts and the rehearsal receipts given as arguments.
pub fn read(
    args: &Args,
    root: &TrustRoot,
    id: ReleaseId,
    at: Timestamp,
) -> Result<LocalEvidence, CliError> {
    let mut papers = LocalEvidence {
        receipts: Vec::new(),
        rehearsals: Vec::new(),
        uncounted: Vec::new(),
        blockers: Vec::new(),
    };
    let files = files(&args.receipts).map_err(|error| CliError::io(&args.receipts, &error))?;
    // A run is over. The next run depends on a rehearsal, so it is judged as `run` judges it.
    let (when, rested_on) = (JudgedAt::AsOf(at), JudgedAt::At(at));
    for path in files {
        let name = name(&path);
        if name.ends_with(".receipt.json") {
            papers.receipt(&path, root, id, when);
        } else if rehearsal::is_one(&path) {
            match rehearsed(&path, root, id, rested_on) {
                Ok(Some(kept)) => papers.rehearsals.push(kept),
                Ok(None) => {}
                Err(why) => papers.uncounted.push((name, why)),
            }
        }
    }
    for path in &args.rehearsal {
        match rehearsed(path, root, id, rested_on) {
            Ok(Some(kept))
                if papers
                    .rehearsals
                    .iter()
                    .any(|known| known.sha256 == kept.sha256) => {}
            Ok(Some(kept)) => papers.rehearsals.push(kept),
            Ok(None) => papers.refuse(path, "it is of another release"),
            Err(why) => papers.refuse(path, &why),
        }
    }
    papers.receipts.sort_by_key(|kept| kept.document.finished);
    papers.rehearsals.sort_by_key(|kept| kept.document.finished);
    Ok(papers)
}

impl LocalEvidence {
    fn receipt(&mut self, path: &Path, root: &TrustRoot, id: ReleaseId, when: JudgedAt) {
        match receipt::read(path, root, when) {
            Ok(read) if !is_about(&read.statement.subject, id) => {}
            Ok(read) => match read.signed {
                Some((key, _)) => {
                    let sha256 = digest_of(&read.statement);
                    self.receipts.push(kept(
                        name(path),
                        sha256,
                        key,
                        root,
                        read.statement.predicate,
                    ));
                }
                None => self.uncounted.push((name(path), UNSIGNED.to_owned())),
            },
            // Receipts of other releases are skipped. An unreadable one may be about this release.
            Err(error) => {
                let other =
                    receipt::claimed(path).is_ok_and(|statement| !is_about(&statement.subject, id));
                if !other {
                    self.uncounted.push((name(path), error.to_string()));
                }
            }
        }
    }

    /// Records a fault: a file given as argument is meant to count.
    fn refuse(&mut self, path: &Path, why: &str) {
        let error = CliError::new(
            Exit::NotAuthentic,
            format!("the rehearsal receipt {} does not count: {why}", name(path)),
        );
        let error =
            error.hint("name the receipt that `pgseal rehearse` wrote for this very release");
        self.blockers.push((Row::Rehearsal, stop(&error)));
    }
}

/// Reads a rehearsal receipt signed by a key of the role `receipt`; `None` if it is of another
/// release.
fn rehearsed(
    path: &Path,
    root: &TrustRoot,
    id: ReleaseId,
    when: JudgedAt,
) -> Result<Option<Kept<Rehearsal>>, String> {
    let read = rehearsal::read(path, root, when).map_err(|error| error.to_string())?;
    if !is_about(&read.statement.subject, id) {
        return Ok(None);
    }
    let Some((key, _)) = read.signed else {
        return Err(UNSIGNED.to_owned());
    };
    let sha256 = digest_of(&read.statement);
    Ok(Some(kept(
        name(path),
        sha256,
        key,
        root,
        read.statement.predicate,
    )))
}

/// Digest of the bytes that were authenticated: a parsed document has exactly one encoding.
fn digest_of(statement: &impl serde::Serialize) -> Digest {
    Digest::of(&json::to_canonical(statement).unwrap_or_default())
}

fn kept<T>(name: String, sha256: Digest, key: KeyId, root: &TrustRoot, document: T) -> Kept<T> {
    Kept {
        name,
        sha256,
        key: key.digest(),
        owner: root.owner(&key).to_owned(),
        document,
    }
}

fn is_about(subject: &[Subject], id: ReleaseId) -> bool {
    matches!(subject, [one] if one.digest.sha256 == id.digest())
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Files of a directory, sorted by path; none if the directory is missing.
fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
