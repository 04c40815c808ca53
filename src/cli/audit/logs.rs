//! The logs of the archives that are audited: which files are gone or rewritten, and whether each log is still the one that
//! was signed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::earlier::is_below;
use crate::audit::file::log;
use crate::audit::finding::told;
use crate::audit::{Fault, FaultKind, Finding, Judge, Kind, across};
use crate::cli::archive::{Comparing, consistency};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::tlog::{self, CHECKPOINT, Checkpoint, Comparison, LogFaultKind, TILE};

/// Asks the logs below the paths, and checkpoints of them that were kept elsewhere, and tells it of the files. A log that an
/// earlier audit knew there, and that is not there any more, is gone.
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
    let (mut faults, mut asked) = (Vec::new(), BTreeSet::new());
    let mut without_log: Vec<&(&Path, Checkpoint)> = kept.iter().collect();
    for dir in paths.iter().flat_map(|path| logged(path)).collect::<BTreeSet<PathBuf>>() {
        let origin = Checkpoint::read(&dir.join(CHECKPOINT)).map(|checkpoint| checkpoint.origin().to_owned());
        let is_of = |checkpoint: &Checkpoint| origin.as_ref().is_ok_and(|origin| origin == checkpoint.origin());
        // Of several copies of an archive nobody knows which one the checkpoint was kept of: it is compared with each.
        let own: Vec<Checkpoint> =
            kept.iter().map(|(_, checkpoint)| checkpoint).filter(|checkpoint| is_of(checkpoint)).cloned().collect();
        without_log.retain(|(_, checkpoint)| !is_of(checkpoint));
        let path = told(&dir.join(CHECKPOINT));
        let comparing = Comparing::new(&dir, out);
        let compared = tlog::compare(&dir, judge.root, &own, &|progress| comparing.seen(progress));
        drop(comparing);
        match compared {
            Ok(Comparison { checkpoint, entries, faults: found }) => {
                if let Some(checkpoint) = checkpoint {
                    let facts = log::facts(judge, &checkpoint, entries.len(), own.len());
                    across::add(findings, &path, Kind::Log, Some(facts), judge);
                    asked.insert(path);
                }
                faults.extend(found.into_iter().map(|fault| {
                    // An archive that was named as `.` has its files told as `./NAME`, as everywhere.
                    (told(&dir.join(fault.path)), Fault::new(kind(fault.kind), fault.sentence))
                }));
            }
            Err(error) => {
                let fault = Fault::new(FaultKind::LogBroken, format!("the log can't be read: {error}"));
                faults.push((path, fault));
            }
        }
    }
    faults.extend(without_log.into_iter().map(|(path, checkpoint)| {
        let sentence = format!(
            "no log of {} is in a directory below the given paths: it was taken away, or is elsewhere",
            checkpoint.origin()
        );
        (told(path), Fault::new(FaultKind::LogDeleted, sentence))
    }));
    let listed: Vec<String> = paths.iter().map(|path| told(path)).collect();
    for finding in findings.iter_mut().filter(|finding| finding.kind == Kind::Log && finding.facts.is_some()) {
        if !asked.contains(&finding.path) && listed.iter().any(|place| is_below(&finding.path, place)) {
            finding.faults.push(Fault::new(FaultKind::Gone, "the archive had a log when it was audited earlier"));
        }
    }
    across::join(findings, faults, judge);
    Ok(())
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
