//! Compares the files of an archive with the entries of its log.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use walkdir::WalkDir;

use super::LogFaultKind::{Broken, Deleted, Rewritten, Unlogged};
use super::damaged::Damaged;
use super::{Faults, LogFault, digest_of};
use crate::durable::{DirHandle, is_link};
use crate::parallel;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::file_name::Named;
use pgseal_verify::format::log_entry::{ArchivePath, LogEntry, LogKind};
use pgseal_verify::plural::count;

/// Evidence of the logged files.
pub struct Logged<'a> {
    pub below: &'a DirHandle,
    /// Undamaged entries up to the checkpoint.
    pub entries: &'a [LogEntry],
    pub behind: &'a [LogEntry],
    pub damaged: Vec<Damaged>,
    pub is_whole: bool,
}

impl Logged<'_> {
    /// Length and digest of a file inside the archive; links are not followed.
    fn digest(&self, path: &Path) -> io::Result<(u64, Digest)> {
        digest_of(self.below.file(path)?, &|_| {})
    }

    /// True if an entry after the checkpoint is about exactly this file.
    fn is_behind(&self, path: &Path) -> bool {
        let mut entries = self
            .behind
            .iter()
            .filter(|entry| Path::new(entry.path.as_str()) == path)
            .peekable();
        entries.peek().is_some()
            && self
                .digest(path)
                .is_ok_and(|file| entries.any(|entry| (entry.size, entry.sha256) == file))
    }

    /// From files without an undamaged entry, selects those that no damaged entry was provably
    /// about. The flag marks files that a damaged entry may have been about.
    fn unlogged<'f>(&self, files: impl Iterator<Item = &'f PathBuf>) -> Vec<(&'f PathBuf, bool)> {
        if self.damaged.is_empty() {
            return files.map(|path| (path, false)).collect();
        }
        let files: Vec<_> = files.map(|path| (path, self.digest(path).ok())).collect();
        let was_of = |entry: &Damaged, path: &Path, file: Option<(u64, Digest)>| {
            file.is_some_and(|(size, digest)| entry.was_of(path, size, digest))
        };
        let (proven, open): (Vec<_>, Vec<_>) = self
            .damaged
            .iter()
            .partition(|entry| files.iter().any(|(path, file)| was_of(entry, path, *file)));
        let unlogged = files
            .iter()
            .filter(|(path, file)| !proven.iter().any(|entry| was_of(entry, path, *file)));
        unlogged
            .map(|(path, file)| {
                let digest = file.map(|(_, digest)| digest);
                (*path, open.iter().any(|entry| entry.names(path, digest)))
            })
            .collect()
    }
}

/// Finds all files of kinds that audits read and archives accept, by their paths below the archive,
/// in any directory.
pub fn walk(dir: &Path, faults: &mut Faults) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    for entry in WalkDir::new(dir).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => {
                let below = entry.path().strip_prefix(dir).unwrap_or(entry.path());
                files.extend(Named::of(entry.path()).map(|_| below.to_owned()));
            }
            Err(error) => {
                let path = error
                    .path()
                    .and_then(|path| path.strip_prefix(dir).ok())
                    .unwrap_or(Path::new(""));
                faults.add(Broken, path, format!("can't be read: {error}"));
            }
        }
    }
    files
}

/// Checks every logged file, and reports every file that is not logged. Calls `seen` with the
/// number of logged files read, and their total. Returns the files that are logged only after the
/// checkpoint.
pub fn check(
    log: &Logged<'_>,
    files: BTreeSet<PathBuf>,
    faults: &mut Faults,
    seen: &(dyn Fn(usize, usize) + Sync),
) -> Vec<PathBuf> {
    let mut logged: BTreeMap<&str, &LogEntry> = BTreeMap::new();
    for entry in log.entries {
        if let Some(first) = logged.insert(entry.path.as_str(), entry) {
            let sentence = format!(
                "logged twice, as {} and as {}",
                first.sha256.short(),
                entry.sha256.short()
            );
            faults.add(Broken, entry.path.as_str(), sentence);
        }
    }
    let logged: Vec<&LogEntry> = logged.into_values().collect();
    let paths: BTreeSet<&Path> = logged
        .iter()
        .map(|entry| Path::new(entry.path.as_str()))
        .collect();
    let others = files.iter().filter(|path| !paths.contains(path.as_path()));
    let (behind, others): (Vec<&PathBuf>, Vec<&PathBuf>) =
        others.partition(|path| log.is_behind(path));
    let others = log.unlogged(others.into_iter());
    let unlogged: Vec<&PathBuf> = others.iter().map(|(path, _)| *path).collect();
    let read = AtomicUsize::new(0);
    let check = |entry: &&LogEntry| {
        let fault = check_file(log, entry);
        seen(read.fetch_add(1, Ordering::Relaxed) + 1, logged.len());
        fault
    };
    let mut found: Vec<(&LogEntry, LogFault)> = parallel::map(&logged, |entry| entry.size, check)
        .into_iter()
        .zip(&logged)
        .filter_map(|(fault, entry)| fault.map(|fault| (*entry, fault)))
        .collect();
    let moved = moved(log, &found, &unlogged);
    for (entry, fault) in &mut found {
        if let Some(now) = moved.get(&entry.sha256).filter(|_| fault.kind == Deleted) {
            fault.sentence.push_str(&format!("; now {}", now.display()));
        }
    }
    faults.0.extend(found.into_iter().map(|(_, fault)| fault));
    for (path, may_be_damaged) in others {
        let sentence = if may_be_damaged {
            DAMAGED.to_owned()
        } else {
            why_not(path, log.is_whole)
        };
        faults.add(Unlogged, path, sentence);
    }
    behind.into_iter().cloned().collect()
}

/// Description for a file that only a damaged entry names.
const DAMAGED: &str = "the log's entry under that name or digest is damaged, so whether this file is the logged one \
                       can't be said: repair the log first";

/// Advice for a file that is not in the log.
fn why_not(path: &Path, is_whole: bool) -> String {
    let is_aside = path
        .iter()
        .any(|part| part.as_encoded_bytes().starts_with(b".pgseal-"));
    let parsed = path.to_str().map(str::parse::<ArchivePath>);
    match parsed {
        _ if !is_whole => "not in the log as far as it can be read: repair the log first".to_owned(),
        _ if is_aside => "not in the log: it lies where files are put aside while they are added. \
             The next `pgseal archive add` removes what a killed one left; remove what stays"
            .to_owned(),
        None => "not in the log, which can't have it, since its name is not UTF-8: rename it, and add it".to_owned(),
        Some(Err(error)) => {
            format!("not in the log, which can't have it: {error}; move it away, or rename it and add it")
        }
        _ if Named::of(path) == Some(Named::Tar) => {
            "not in the log, which takes no tar file, while `audit` reads what is \
             in it: add its files, and keep it elsewhere"
                .to_owned()
        }
        Some(Ok(_)) => "not in the log: `pgseal archive add` takes it in, if it is authentic".to_owned(),
    }
}

/// New paths of lost files, by their digests.
fn moved<'a>(
    log: &Logged<'_>,
    found: &[(&LogEntry, LogFault)],
    unlogged: &[&'a PathBuf],
) -> BTreeMap<Digest, &'a PathBuf> {
    let lost = found.iter().filter(|(_, fault)| fault.kind == Deleted);
    let sizes: BTreeSet<u64> = lost.map(|(entry, _)| entry.size).collect();
    let mut moved = BTreeMap::new();
    for path in unlogged {
        let Ok(file) = log.below.file(path) else {
            continue;
        };
        let may_be = file
            .metadata()
            .is_ok_and(|metadata| sizes.contains(&metadata.len()));
        if let Some((_, digest)) = may_be.then(|| digest_of(file, &|_| {}).ok()).flatten() {
            moved.insert(digest, *path);
        }
    }
    moved
}

fn check_file(log: &Logged<'_>, entry: &LogEntry) -> Option<LogFault> {
    let what = match entry.kind {
        LogKind::Approval => "an approval".to_owned(),
        kind => format!("a {}", kind.as_str()),
    };
    let path = Path::new(entry.path.as_str());
    let (logged_size, logged) = (entry.size, entry.sha256);
    let (kind, sentence) = match log.digest(path) {
        Ok(file) if file == (logged_size, logged) => return None,
        Ok((size, digest)) => {
            let size = count(size, "byte");
            let text = format!(
                "it has {size} and the digest {digest}, logged were {logged_size} and {logged}"
            );
            (Rewritten, format!("not the file that was logged: {text}"))
        }
        // The target of a link is not a file of the archive, even if it is equal.
        Err(error) if is_link(&error) => {
            (Deleted, format!("gone: {error}, and not the file itself"))
        }
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                let size = count(logged_size, "byte");
                (
                    Deleted,
                    format!("gone: {what} of {size} with the digest {logged}"),
                )
            }
            _ => (Rewritten, format!("can't be read: {error}")),
        },
    };
    let path = path.to_owned();
    Some(LogFault {
        kind,
        path,
        sentence,
    })
}
