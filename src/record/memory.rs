//! The newest time in this host's journals. A clock behind it was set back.

use std::io;
use std::path::{Path, PathBuf};

use super::journal;
use crate::trust::policy::is_behind;
use pgseal_verify::format::timestamp::Timestamp;

/// Reasons to distrust the clock.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    #[error("this host's clock ({now}) is behind {seen}, the newest time in {journal}", journal = journal.display())]
    ClockBehind {
        now: Timestamp,
        seen: Timestamp,
        journal: PathBuf,
    },
    #[error("{} is damaged, so the newest time that this host has seen is not known", .0.display())]
    Damaged(PathBuf),
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Compares the clock with the newest time in the journals of a directory. A missing directory has no
/// journals, nor does a file in its place, where no run can write. An unreadable journal is an error: it
/// may hide any time.
pub fn check_clock(receipts: &Path, now: Timestamp) -> Result<(), MemoryError> {
    // docs/decisions/030
    let io = |source| MemoryError::Io {
        path: receipts.to_owned(),
        source,
    };
    let mut newest: Option<(Timestamp, PathBuf)> = None;
    let journals = match journal::all_in(receipts) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Vec::new(),
        journals => journals.map_err(io)?,
    };
    for journal in journals {
        let unread = |source| MemoryError::Io {
            path: journal.clone(),
            source,
        };
        let lines = match journal::read(&journal) {
            // Another run of this host began none: its empty journal is gone since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            read => read.map_err(unread)?,
        };
        let lines = lines.ok_or_else(|| MemoryError::Damaged(journal.clone()))?;
        let last = lines.iter().map(|line| line.at).max();
        if let Some(at) = last.filter(|at| newest.as_ref().is_none_or(|(known, _)| at > known)) {
            newest = Some((at, journal));
        }
    }
    match newest {
        Some((seen, journal)) if is_behind(now, seen) => {
            Err(MemoryError::ClockBehind { now, seen, journal })
        }
        _ => Ok(()),
    }
}
