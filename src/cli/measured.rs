//! Measurements from a rehearsal of the same release.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{CliError, Kind, Output, Paint, display_path, escape};
use crate::bundle::AuthenticatedBundle;
use crate::lint::modes::Mode;
use crate::record::rehearsal::{self, ReadRehearsal};
use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::rehearsal::{LockRecord, Rehearsal, RehearsalOutcome};

/// A rehearsal of the release.
pub struct Rehearsed {
    file: PathBuf,
    rehearsal: Rehearsal,
    /// Owner of the signing key; `None` if the receipt is unsigned.
    signer: Option<String>,
}

/// Finds the rehearsal given as argument, or the relevant signed one in a directory, as a run
/// selects it; without a signed one the latest.
pub fn find(
    named: Option<&Path>,
    receipts: &Path,
    (root, bundle): (&TrustRoot, &AuthenticatedBundle),
    values: &BTreeMap<String, String>,
    when: JudgedAt,
    out: Output,
) -> Result<Option<Rehearsed>, CliError> {
    let found = all(named, receipts, (root, bundle), when, out)?;
    let (signed, unsigned): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|one| one.signer.is_some());
    let counts = rehearsal::newest(
        signed,
        |one| &one.rehearsal,
        bundle.manifest(),
        Some(values),
    );
    let finished = |rehearsed: &Rehearsed| rehearsed.rehearsal.finished.seconds();
    Ok(counts.or_else(|| unsigned.into_iter().max_by_key(finished)))
}

/// Finds the signed rehearsal given as argument, or the relevant signed one in a directory, as a
/// run selects it. `values` are those of the variables, if all that a run requires are known.
pub fn find_signed(
    named: Option<&Path>,
    receipts: &Path,
    (root, bundle): (&TrustRoot, &AuthenticatedBundle),
    values: Option<&BTreeMap<String, String>>,
    when: JudgedAt,
    out: Output,
) -> Result<Option<Rehearsed>, CliError> {
    let mut found = all(named, receipts, (root, bundle), when, out)?;
    found.retain(|rehearsed| rehearsed.signer.is_some());
    if let (Some(file), true) = (named, found.is_empty()) {
        return Err(CliError::new(Kind::NotAuthentic, UNSIGNED)
            .about(file)
            .hint("`pgseal rehearse FILE --db ADMIN_URL --from DATABASE --receipt-key KEY` writes a signed one"));
    }
    Ok(rehearsal::newest(
        found,
        |one| &one.rehearsal,
        bundle.manifest(),
        values,
    ))
}

const UNSIGNED: &str = "the rehearsal receipt is not signed, so it proves nothing";

fn all(
    named: Option<&Path>,
    receipts: &Path,
    (root, bundle): (&TrustRoot, &AuthenticatedBundle),
    when: JudgedAt,
    out: Output,
) -> Result<Vec<Rehearsed>, CliError> {
    if let Some(file) = named {
        let read = read(file, root, bundle, when);
        return match read.map_err(|why| CliError::new(Kind::NotAuthentic, why).about(file))? {
            Some(rehearsed) => Ok(vec![rehearsed]),
            None => Err(CliError::usage("it is of another release")
                .about(file)
                .hint("`pgseal rehearse FILE --db ADMIN_URL --from DATABASE` makes one of this release")),
        };
    }
    // A missing directory has none.
    let entries = std::fs::read_dir(receipts).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path());
    let mut found: Vec<Rehearsed> = Vec::new();
    for file in files.filter(|path| rehearsal::is_one(path)) {
        match read(&file, root, bundle, when) {
            Ok(rehearsed) => found.extend(rehearsed),
            Err(why) => {
                let (file, why) = (display_path(&file), escape(&why));
                out.note(format!("{file}: not looked at: {why}"));
            }
        }
    }
    Ok(found)
}

fn read(
    file: &Path,
    root: &TrustRoot,
    bundle: &AuthenticatedBundle,
    when: JudgedAt,
) -> Result<Option<Rehearsed>, String> {
    let ReadRehearsal { statement, signed } =
        rehearsal::read(file, root, when).map_err(|error| error.to_string())?;
    let subject = statement.subject.first();
    let id = subject.map(|subject| subject.digest.sha256);
    if id != Some(bundle.release_id().digest()) {
        return Ok(None);
    }
    let signer = signed.map(|(key, _)| root.owner(&key).to_owned());
    Ok(Some(Rehearsed {
        file: file.to_owned(),
        rehearsal: statement.predicate,
        signer,
    }))
}

impl Rehearsed {
    /// The receipt's content.
    pub fn rehearsal(&self) -> &Rehearsal {
        &self.rehearsal
    }

    /// True if it used other values of the variables; those of a run may not be known yet.
    pub fn differs(&self, manifest: &Manifest, values: Option<&BTreeMap<String, String>>) -> bool {
        values.is_some_and(|run| !manifest.is_rehearsed(run, &self.rehearsal.variables))
    }

    /// Owner of the signing key, if the receipt is signed.
    pub fn signer(&self) -> Option<&str> {
        self.signer.as_deref()
    }

    /// All locked relations.
    pub fn relations(&self) -> impl Iterator<Item = &str> {
        let locks = self.rehearsal.locks.iter();
        locks.map(|lock| lock.relation.as_str())
    }

    /// Locks of a tier that can make other sessions wait, longest first. `phase` has the tiers that
    /// commit together with it; `tables` maps indexes to their tables. An index is left out if its
    /// table is locked at least as strongly, since nothing waits for the index then.
    pub fn locks(
        &self,
        tier: &str,
        phase: &[String],
        tables: &BTreeMap<String, String>,
    ) -> Vec<&LockRecord> {
        let all = &self.rehearsal.locks;
        let with_its_table = |lock: &LockRecord| {
            let Some(table) = tables.get(&lock.relation) else {
                return false;
            };
            all.iter().any(|other| {
                other.relation == *table
                    && phase.contains(&other.tier)
                    && Mode::named(&other.mode) >= Mode::named(&lock.mode)
            })
        };
        let is_told = |lock: &&LockRecord| {
            lock.tier == tier && Mode::named(&lock.mode).is_some() && !with_its_table(lock)
        };
        let mut locks: Vec<&LockRecord> = all.iter().filter(is_told).collect();
        locks.sort_by_key(|lock| std::cmp::Reverse(lock.milliseconds));
        locks
    }

    /// Duration of a tier; `None` if its run broke off, so that neither time nor locks are known.
    pub fn milliseconds(&self, tier: &str) -> Option<u64> {
        let mut tiers = self.rehearsal.tiers.iter();
        let record = tiers.find(|record| record.name == tier)?;
        Some(record.milliseconds)
    }

    /// Prints one line for people. `values` are those of the variables of the run.
    pub fn show(&self, manifest: &Manifest, values: &BTreeMap<String, String>, out: Output) {
        let (paint, outcome) = match self.rehearsal.outcome {
            RehearsalOutcome::Proved => (Paint::Good, "rehearsed"),
            RehearsalOutcome::Limited => (Paint::Bad, "rehearsed without comparing all rows"),
            RehearsalOutcome::Failed => (Paint::Bad, "a rehearsal failed"),
            RehearsalOutcome::Incomplete => (Paint::Bad, "a rehearsal did not come to its end"),
        };
        let outcome = out.paint(paint, outcome);
        let signer = match &self.signer {
            Some(owner) => format!("signed by {}", escape(owner)),
            None => "not signed, so it proves nothing".to_owned(),
        };
        let other = match self.differs(manifest, Some(values)) {
            true => " with other values of the variables, so it proves nothing for these",
            false => "",
        };
        let (finished, file) = (self.rehearsal.finished, display_path(&self.file));
        out.line(format!("{outcome}{other} on {finished}, {signer}: {file}"));
    }

    /// The object for `--json`.
    pub fn document(&self, manifest: &Manifest, values: &BTreeMap<String, String>) -> Value {
        json!({
            "file": self.file.to_string_lossy(),
            "rehearsal_id": self.rehearsal.rehearsal_id,
            "finished": self.rehearsal.finished,
            "outcome": self.rehearsal.outcome,
            "signed_by": self.signer,
            "has_other_values": self.differs(manifest, Some(values)),
            "locks": self.rehearsal.locks,
        })
    }
}
