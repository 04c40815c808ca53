//! Checks the logs of the audited archives: deleted and rewritten files, and whether each log is
//! still the signed one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::audit::file::log;
use crate::audit::finding::told;
use crate::audit::{Fault, FaultKind, Finding, Judge, Kind, cross_checks};
use crate::cli::archive::{Comparing, consistency};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::tlog::proof::root;
use crate::tlog::read;
use crate::tlog::stored::Stored;
use crate::tlog::{self, CHECKPOINT, Checkpoint, Comparison, LogFault, LogFaultKind, TILE};

/// Checks the logs below the paths against their archives and the saved checkpoints, and adds the
/// results to the findings of the files.
pub fn ask(
    findings: &mut Vec<Finding>,
    paths: &[PathBuf],
    kept: &[PathBuf],
    judge: &Judge<'_>,
    out: Output,
) -> Result<(), CliError> {
    let kept = kept
        .iter()
        .map(|path| Ok((path.as_path(), consistency::kept(path)?)))
        .collect::<Result<Vec<(&Path, Checkpoint)>, CliError>>()?;
    let (mut told_of, mut without_log) = (ToldOf::default(), kept.clone());
    for dir in paths
        .iter()
        .flat_map(|path| logged(path))
        .collect::<BTreeSet<PathBuf>>()
    {
        // The checkpoint may have been saved from any of several copies of an archive, so it is
        // compared with each.
        let own: Vec<_> = kept
            .iter()
            .filter(|(_, checkpoint)| is_of(&dir, checkpoint))
            .cloned()
            .collect();
        without_log.retain(|one| !own.contains(one));
        told_of.log(findings, &dir, own, judge, out);
    }
    let ToldOf { mut faults, notes } = told_of;
    let unasked = unasked(findings);
    faults.extend(without_log.into_iter().map(|(path, checkpoint)| {
        let sentence = format!(
            "no log of {} is in a directory below the given paths: it was taken away, or is elsewhere{unasked}",
            checkpoint.origin()
        );
        (told(path), Fault::new(FaultKind::LogDeleted, sentence))
    }));
    cross_checks::join(findings, faults, judge);
    cross_checks::join_notes(findings, notes, judge);
    Ok(())
}

/// True if a saved checkpoint belongs to the log in a directory: by origin, or by the tiles if the
/// directory has no readable checkpoint.
fn is_of(dir: &Path, kept: &Checkpoint) -> bool {
    match read::checkpoint(&dir.join(CHECKPOINT)) {
        Ok(checkpoint) => checkpoint.origin() == kept.origin(),
        Err(_) => {
            kept.size() > 0
                && root(&Stored::new(dir, kept.size()), kept.size())
                    .is_ok_and(|root| root == kept.root())
        }
    }
}

/// Faults and notes from logs, with the paths of their files.
#[derive(Default)]
struct ToldOf {
    faults: Vec<(String, Fault)>,
    notes: Vec<(String, Fault)>,
}

impl ToldOf {
    /// Checks one log against its saved checkpoints.
    fn log(
        &mut self,
        findings: &mut Vec<Finding>,
        dir: &Path,
        kept: Vec<(&Path, Checkpoint)>,
        judge: &Judge<'_>,
        out: Output,
    ) {
        let kept: Vec<Checkpoint> = kept.into_iter().map(|(_, checkpoint)| checkpoint).collect();
        let path = told(&dir.join(CHECKPOINT));
        let comparing = Comparing::new(dir, out);
        let compared = tlog::compare(dir, judge.root, &kept, &|progress| comparing.seen(progress));
        drop(comparing);
        // For an archive given as `.`, files are reported as `./NAME`, as everywhere else.
        let below = |path: &Path| told(&dir.join(path));
        match compared {
            Ok(Comparison {
                checkpoint,
                entries,
                behind,
                faults,
            }) => {
                if let Some(checkpoint) = checkpoint {
                    let facts = log::facts(judge, &checkpoint, entries.len(), kept.len());
                    cross_checks::add(findings, &path, Kind::Log, Some(facts), judge);
                }
                let fault = |fault: LogFault| {
                    (
                        below(&fault.path),
                        Fault::new(kind(fault.kind), fault.sentence),
                    )
                };
                self.faults.extend(faults.into_iter().map(fault));
                let note = || {
                    Fault::new(
                        FaultKind::LogUnfinished,
                        "logged behind the log's checkpoint only",
                    )
                };
                self.notes
                    .extend(behind.iter().map(|path| (below(path), note())));
            }
            Err(error) => {
                let fault = Fault::new(
                    FaultKind::LogBroken,
                    format!("the log can't be read: {error}"),
                );
                self.faults.push((path, fault));
            }
        }
    }
}

/// Names the tar files that contain logs; the missing log may be in one of them.
fn unasked(findings: &[Finding]) -> String {
    let has_log = |finding: &&Finding| {
        finding.kind == Kind::Tar
            && finding
                .notes
                .iter()
                .any(|note| note.kind == FaultKind::PassedOver)
    };
    let tars: Vec<&str> = findings
        .iter()
        .filter(has_log)
        .map(|finding| finding.path.as_str())
        .collect();
    if tars.is_empty() {
        String::new()
    } else {
        format!("; not asked is what log is in {}", tars.join(", "))
    }
}

/// Directories below a path that have a log. The sweep reports directories that can't be walked.
fn logged(path: &Path) -> Vec<PathBuf> {
    // The tiles of a log are no archive. Any other directory may have the same name.
    let is_tiles = |entry: &DirEntry| {
        entry.depth() > 0
            && entry.file_name() == TILE
            && entry.path().parent().is_some_and(tlog::has_log)
    };
    let walk = WalkDir::new(path)
        .into_iter()
        .filter_entry(|entry| !is_tiles(entry));
    // The path given as argument may be a link.
    let directories = walk
        .flatten()
        .filter(|entry| entry.file_type().is_dir() || entry.depth() == 0);
    directories
        .map(DirEntry::into_path)
        .filter(|dir| tlog::has_log(dir))
        .collect()
}

fn kind(kind: LogFaultKind) -> FaultKind {
    match kind {
        LogFaultKind::Deleted => FaultKind::LogDeleted,
        LogFaultKind::Rewritten => FaultKind::LogRewritten,
        LogFaultKind::Unlogged => FaultKind::LogUnlogged,
        LogFaultKind::Broken => FaultKind::LogBroken,
        LogFaultKind::Unsigned => FaultKind::LogUnsigned,
        LogFaultKind::Unfinished => FaultKind::LogUnfinished,
        LogFaultKind::Shrunk => FaultKind::LogShrunk,
        LogFaultKind::Fork => FaultKind::LogFork,
    }
}
