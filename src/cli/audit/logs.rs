//! The logs of the archives that are audited: which files are gone or rewritten, and whether each log is still the one that
//! was signed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::audit::finding::told;
use crate::audit::{Fault, FaultKind};
use crate::cli::archive::consistency;
use crate::cli::error::CliError;
use crate::tlog::{self, CHECKPOINT, Checkpoint, LogFaultKind, TILE};
use crate::trust::TrustRoot;

/// What the logs below the paths say, and what checkpoints say that were kept elsewhere, by the paths of files.
pub fn faults(paths: &[PathBuf], kept: &[PathBuf], root: &TrustRoot) -> Result<Vec<(String, Fault)>, CliError> {
    let mut kept = kept
        .iter()
        .map(|path| Ok((path.as_path(), consistency::kept(path)?)))
        .collect::<Result<Vec<(&Path, Checkpoint)>, CliError>>()?;
    let mut faults = Vec::new();
    for dir in paths.iter().flat_map(|path| logged(path)).collect::<BTreeSet<PathBuf>>() {
        let origin = Checkpoint::read(&dir.join(CHECKPOINT)).map(|checkpoint| checkpoint.origin().to_owned());
        let is_of = |checkpoint: &Checkpoint| origin.as_ref().is_ok_and(|origin| origin == checkpoint.origin());
        let (own, others): (Vec<_>, Vec<_>) = kept.into_iter().partition(|(_, checkpoint)| is_of(checkpoint));
        kept = others;
        let own: Vec<Checkpoint> = own.into_iter().map(|(_, checkpoint)| checkpoint).collect();
        match tlog::compare(&dir, root, &own) {
            Ok(compared) => faults.extend(compared.faults.into_iter().map(|fault| {
                // An archive that was named as `.` has its files told as `./NAME`, as everywhere.
                (told(&dir.join(fault.path)), Fault::new(kind(fault.kind), fault.sentence))
            })),
            Err(error) => {
                let fault = Fault::new(FaultKind::LogBroken, format!("the log can't be read: {error}"));
                faults.push((told(&dir.join(CHECKPOINT)), fault));
            }
        }
    }
    faults.extend(kept.into_iter().map(|(path, checkpoint)| {
        let sentence = format!("no log of {} is below the given paths: it was taken away", checkpoint.origin());
        (told(path), Fault::new(FaultKind::LogDeleted, sentence))
    }));
    Ok(faults)
}

/// The directories below a path that have a log. What can't be walked is told by the sweep.
fn logged(path: &Path) -> Vec<PathBuf> {
    let walk = WalkDir::new(path).into_iter().filter_entry(|entry| entry.file_name() != TILE);
    let directories = walk.flatten().filter(|entry| entry.file_type().is_dir());
    directories.map(walkdir::DirEntry::into_path).filter(|dir| tlog::has_log(dir)).collect()
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
