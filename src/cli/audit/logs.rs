//! The logs of the archives that are audited: which files are gone or rewritten, and whether each log is still the one that
//! was signed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::audit::file::log;
use crate::audit::finding::told;
use crate::audit::{Fault, FaultKind, Finding, Judge, Kind, across};
use crate::cli::archive::{Comparing, consistency};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::tlog::proof::root;
use crate::tlog::read;
use crate::tlog::stored::Stored;
use crate::tlog::{self, CHECKPOINT, Checkpoint, Comparison, LogFault, LogFaultKind, TILE};

/// Asks the logs below the paths, and checkpoints of them that were kept elsewhere, and tells it of the files.
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
    for dir in paths.iter().flat_map(|path| logged(path)).collect::<BTreeSet<PathBuf>>() {
        // Of several copies of an archive nobody knows which one the checkpoint was kept of: it is compared with each.
        let own: Vec<_> = kept.iter().filter(|(_, checkpoint)| is_of(&dir, checkpoint)).cloned().collect();
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
    across::join(findings, faults, judge);
    across::join_notes(findings, notes, judge);
    Ok(())
}

/// Whether a checkpoint that was kept is of the log in a directory: by its name, or where no checkpoint there says that, by
/// its tiles.
fn is_of(dir: &Path, kept: &Checkpoint) -> bool {
    match read::checkpoint(&dir.join(CHECKPOINT)) {
        Ok(checkpoint) => checkpoint.origin() == kept.origin(),
        Err(_) => {
            kept.size() > 0 && root(&Stored::new(dir, kept.size()), kept.size()).is_ok_and(|root| root == kept.root())
        }
    }
}

/// What logs say, by the paths of what it is about.
#[derive(Default)]
struct ToldOf {
    faults: Vec<(String, Fault)>,
    notes: Vec<(String, Fault)>,
}

impl ToldOf {
    /// Asks one log, and the checkpoints of it.
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
        // An archive that was named as `.` has its files told as `./NAME`, as everywhere.
        let below = |path: &Path| told(&dir.join(path));
        match compared {
            Ok(Comparison { checkpoint, entries, behind, faults }) => {
                if let Some(checkpoint) = checkpoint {
                    let facts = log::facts(judge, &checkpoint, entries.len(), kept.len());
                    across::add(findings, &path, Kind::Log, Some(facts), judge);
                }
                let fault = |fault: LogFault| (below(&fault.path), Fault::new(kind(fault.kind), fault.sentence));
                self.faults.extend(faults.into_iter().map(fault));
                let note = || Fault::new(FaultKind::LogUnfinished, "logged behind the log's checkpoint only");
                self.notes.extend(behind.iter().map(|path| (below(path), note())));
            }
            Err(error) => {
                let fault = Fault::new(FaultKind::LogBroken, format!("the log can't be read: {error}"));
                self.faults.push((path, fault));
            }
        }
    }
}

/// The tar files with logs in them, which may be the one that is missed.
fn unasked(findings: &[Finding]) -> String {
    let has_log = |finding: &&Finding| {
        finding.kind == Kind::Tar && finding.notes.iter().any(|note| note.kind == FaultKind::PassedOver)
    };
    let tars: Vec<&str> = findings.iter().filter(has_log).map(|finding| finding.path.as_str()).collect();
    if tars.is_empty() { String::new() } else { format!("; not asked is what log is in {}", tars.join(", ")) }
}

/// The directories below a path that have a log. What can't be walked is told by the sweep.
fn logged(path: &Path) -> Vec<PathBuf> {
    // The tiles of a log are no archive; any other directory may have their name.
    let is_tiles = |entry: &DirEntry| {
        entry.depth() > 0 && entry.file_name() == TILE && entry.path().parent().is_some_and(tlog::has_log)
    };
    let walk = WalkDir::new(path).into_iter().filter_entry(|entry| !is_tiles(entry));
    // The path that was named may be a link.
    let directories = walk.flatten().filter(|entry| entry.file_type().is_dir() || entry.depth() == 0);
    directories.map(DirEntry::into_path).filter(|dir| tlog::has_log(dir)).collect()
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
