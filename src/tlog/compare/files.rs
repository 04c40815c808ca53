//! The files of an archive against the entries of its log.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::super::TILE;
use super::{Faults, LogFault, LogFaultKind, file_digest};
use crate::digest::Digest;
use crate::format::log_entry::{LogEntry, LogKind};
use crate::parallel;
use crate::words::count;

/// What can be said to have been logged.
pub struct Logged<'a> {
    /// The entries that are as they were logged.
    pub entries: &'a [LogEntry],
    /// Entries that are not, as they stand there.
    pub damaged: Vec<Vec<u8>>,
    /// Whether every entry is there.
    pub is_whole: bool,
}

impl Logged<'_> {
    /// Whether a damaged entry may have been this file's: its path or its digest is there still.
    fn is_damaged(&self, dir: &Path, path: &Path) -> bool {
        if self.damaged.is_empty() {
            return false;
        }
        let quoted = serde_json::to_string(&path.to_string_lossy()).unwrap_or_default();
        let digest = file_digest(&dir.join(path)).map(|(_, digest)| digest.to_string()).unwrap_or_default();
        let has = |entry: &[u8], text: &str| !text.is_empty() && memchr::memmem::find(entry, text.as_bytes()).is_some();
        self.damaged.iter().any(|entry| has(entry, &quoted) || has(entry, &digest))
    }
}

/// The files of kinds that archives take, without the log itself, by their paths below the archive.
pub fn walk(dir: &Path, faults: &mut Faults) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let log = dir.join(TILE);
    let walk = WalkDir::new(dir).sort_by_file_name().into_iter().filter_entry(|entry| {
        // What is being written at this moment, and what was when something was killed.
        entry.path() != log && !entry.file_name().as_encoded_bytes().starts_with(b".pgseal-")
    });
    for entry in walk {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => {
                let kind = entry.file_name().to_str().and_then(LogKind::of);
                let below = entry.path().strip_prefix(dir).unwrap_or(entry.path());
                files.extend(kind.is_some().then(|| below.to_owned()));
            }
            Err(error) => {
                let path = error.path().and_then(|path| path.strip_prefix(dir).ok()).unwrap_or(Path::new(""));
                faults.tell(LogFaultKind::Broken, path, format!("can't be read: {error}"));
            }
        }
    }
    files
}

/// Every logged file, and every file that is not logged.
pub fn check(dir: &Path, log: &Logged<'_>, files: BTreeSet<PathBuf>, faults: &mut Faults) {
    let mut logged: BTreeMap<&str, &LogEntry> = BTreeMap::new();
    for entry in log.entries {
        if let Some(first) = logged.insert(entry.path.as_str(), entry) {
            let sentence = format!("logged twice, as {} and as {}", first.sha256.short(), entry.sha256.short());
            faults.tell(LogFaultKind::Broken, entry.path.as_str(), sentence);
        }
    }
    let logged: Vec<&LogEntry> = logged.into_values().collect();
    let paths: BTreeSet<&Path> = logged.iter().map(|entry| Path::new(entry.path.as_str())).collect();
    let unlogged: Vec<&PathBuf> =
        files.iter().filter(|path| !paths.contains(path.as_path()) && !log.is_damaged(dir, path)).collect();
    let mut found: Vec<(&LogEntry, LogFault)> =
        parallel::map(&logged, |entry| entry.size, |entry| check_file(dir, entry))
            .into_iter()
            .zip(&logged)
            .filter_map(|(fault, entry)| fault.map(|fault| (*entry, fault)))
            .collect();
    let moved = moved(dir, &found, &unlogged);
    for (entry, fault) in &mut found {
        if let Some(now) = moved.get(&entry.sha256).filter(|_| fault.kind == LogFaultKind::Deleted) {
            fault.sentence.push_str(&format!("; now {}", now.display()));
        }
    }
    faults.0.extend(found.into_iter().map(|(_, fault)| fault));
    let sentence = if log.is_whole {
        "not in the log: `pgseal archive add` takes it in, if it is authentic"
    } else {
        "not in the log as far as it can be read: repair the log first"
    };
    unlogged.into_iter().for_each(|path| faults.tell(LogFaultKind::Unlogged, path, sentence));
}

/// Where lost files are under another name, by their digests.
fn moved<'a>(dir: &Path, found: &[(&LogEntry, LogFault)], unlogged: &[&'a PathBuf]) -> BTreeMap<Digest, &'a PathBuf> {
    let lost = found.iter().filter(|(_, fault)| fault.kind == LogFaultKind::Deleted);
    let sizes: BTreeSet<u64> = lost.map(|(entry, _)| entry.size).collect();
    let mut moved = BTreeMap::new();
    for path in unlogged {
        let at = dir.join(path);
        let may_be = at.symlink_metadata().is_ok_and(|metadata| metadata.is_file() && sizes.contains(&metadata.len()));
        if let Some((_, digest)) = may_be.then(|| file_digest(&at).ok()).flatten() {
            moved.insert(digest, *path);
        }
    }
    moved
}

fn check_file(dir: &Path, entry: &LogEntry) -> Option<LogFault> {
    let path = dir.join(entry.path.as_str());
    let fault = |kind, sentence: String| Some(LogFault { kind, path: entry.path.as_str().into(), sentence });
    let what = match entry.kind {
        LogKind::Approval => "an approval".to_owned(),
        kind => format!("a {}", kind.as_str()),
    };
    // A link is no file of the archive: what it leads to may be elsewhere.
    let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    match file_digest(&path) {
        Ok(_) if is_link => fault(LogFaultKind::Deleted, "gone: a link is in its place".to_owned()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => fault(
            LogFaultKind::Deleted,
            format!("gone: {what} of {} with the digest {}", count(entry.size, "byte"), entry.sha256),
        ),
        Err(error) => fault(LogFaultKind::Rewritten, format!("can't be read: {error}")),
        Ok((size, digest)) if (size, digest) != (entry.size, entry.sha256) => fault(
            LogFaultKind::Rewritten,
            format!(
                "not the file that was logged: it has {} and the digest {digest}, logged were {} and {}",
                count(size, "byte"),
                entry.size,
                entry.sha256
            ),
        ),
        Ok(_) => None,
    }
}
