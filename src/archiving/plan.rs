//! Plans an addition: compares authenticated files with the log and the archive.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::names::mains_of;
use super::{AddError, AuthenticFile, Authenticator, FileError};
use crate::tlog::LockedLog;
use pgseal_verify::format::log_entry::{ArchivePath, LogEntry};

/// Planned changes to the archive.
#[derive(Default)]
pub struct Plan {
    /// New entries, in the order of the log.
    pub new: Vec<LogEntry>,
    /// Files to rename into place.
    pub(super) renames: Vec<(PathBuf, ArchivePath)>,
    /// Entries already logged, with their files present.
    pub present: Vec<ArchivePath>,
    /// Logged files that were lost and are present again.
    pub restored: Vec<ArchivePath>,
}

impl Plan {
    /// Plans the addition of files, behind those of an interrupted add. The content of a logged
    /// path never changes.
    pub fn new(
        authenticator: &Authenticator<'_>,
        log: &LockedLog,
        files: Vec<AuthenticFile>,
    ) -> Result<Self, AddError> {
        let archive = authenticator.archive;
        let mut all = pending_files(authenticator, &log.pending()?, &files)?;
        all.extend(files);
        let logged = log.logged(&all.iter().map(|file| file.entry.path.clone()).collect())?;
        let mut plan = Self::default();
        let mut seen = BTreeMap::new();
        for AuthenticFile { at, entry } in all {
            let path = &entry.path;
            match seen.insert(path.clone(), entry.sha256) {
                Some(other) if other == entry.sha256 => continue,
                Some(_) => return Err(FileError::Ambiguous.about(path.as_str())),
                None => {}
            }
            let before = logged.get(path);
            if before.is_some_and(|before| before.sha256 != entry.sha256) {
                return Err(FileError::OtherLogged.about(path.as_str()));
            }
            let digest = match at == archive.path.join(path.as_str()) {
                true => Some(entry.sha256),
                false => archive.digest(path)?,
            };
            if digest.is_some_and(|digest| digest != entry.sha256) {
                return Err(FileError::OtherPresent.about(path.as_str()));
            }
            if digest.is_none() {
                plan.renames.push((at, path.clone()));
            }
            match before {
                Some(_) if digest.is_none() => plan.restored.push(entry.path),
                Some(_) => plan.present.push(entry.path),
                None => plan.new.push(entry),
            }
        }
        Ok(plan)
    }
}

/// Files of the entries that an interrupted add left after the checkpoint, in log order. Each is
/// either in its place or among the given files.
fn pending_files(
    authenticator: &Authenticator<'_>,
    pending: &[LogEntry],
    given: &[AuthenticFile],
) -> Result<Vec<AuthenticFile>, AddError> {
    let (mut in_place, mut refused) = (Vec::new(), BTreeMap::new());
    for main in pending.iter().flat_map(mains_of).collect::<BTreeSet<_>>() {
        match authenticator.authenticate_in_place(&main) {
            Ok(files) => in_place.extend(files),
            Err(error) => drop(refused.insert(main, error)),
        }
    }
    let mut found: BTreeMap<&ArchivePath, (&LogEntry, Option<&AuthenticFile>)> = pending
        .iter()
        .map(|entry| (&entry.path, (entry, None)))
        .collect();
    for file in in_place.iter().chain(given) {
        if let Some((entry, found)) = found.get_mut(&file.entry.path)
            && **entry == file.entry
        {
            found.get_or_insert(file);
        }
    }
    let files = pending.iter().map(|entry| {
        let file = found.remove(&entry.path).and_then(|(_, file)| file);
        file.cloned().ok_or_else(|| {
            let mut mains_of = mains_of(entry).into_iter();
            match mains_of.find_map(|main| refused.remove(&main)) {
                Some(error) => AddError::Pending(Box::new(error)),
                None if authenticator.archive.has(entry.path.as_str()) => {
                    FileError::OtherPending.about(entry.path.as_str())
                }
                None => FileError::PendingLost {
                    kind: entry.kind,
                    sha256: entry.sha256,
                }
                .about(entry.path.as_str()),
            }
        })
    });
    files.collect()
}
