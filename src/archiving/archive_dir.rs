//! The files of an archive. Links are never followed, so all files read or renamed are inside the
//! archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{AddError, Plan};
use crate::durable::{DirHandle, open_regular};
use crate::tlog::compare::digest_of;
use crate::tlog::{Checkpoint, LockedLog, append};
use crate::trust::{Signer, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::log_entry::ArchivePath;

/// Above this number of new entries, a single `syncfs` replaces an fsync per file.
const FILES_EACH: usize = 32;

/// The directory of an archive; the caller holds the lock of its log.
pub struct ArchiveDir<'a> {
    /// Its path as given.
    pub(super) dir: &'a Path,
    /// Its canonical path.
    pub(super) path: PathBuf,
    handle: DirHandle,
}

impl<'a> ArchiveDir<'a> {
    /// Opens an archive.
    pub fn open(dir: &'a Path) -> Result<Self, AddError> {
        let path = dir.canonicalize().map_err(AddError::io(dir))?;
        let handle = DirHandle::open(&path).map_err(AddError::io(dir))?;
        Ok(Self { dir, path, handle })
    }

    /// True if the name exists in the archive, also as a link.
    pub(super) fn has(&self, name: &str) -> bool {
        self.handle.has(Path::new(name))
    }

    /// Opens a file. In the archive, links are not followed.
    pub(super) fn open_file(&self, path: &Path) -> io::Result<File> {
        match path.strip_prefix(&self.path) {
            Ok(below) => self.handle.file(below),
            Err(_) => open_regular(path),
        }
    }

    /// Digest of the file at a path; `None` if it does not exist.
    pub(super) fn digest(&self, path: &ArchivePath) -> Result<Option<Digest>, AddError> {
        let file = self.handle.file(Path::new(path.as_str()));
        match file.and_then(|file| digest_of(file, &|_| {})) {
            Ok((_, digest)) => Ok(Some(digest)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(AddError::io(&self.dir.join(path.as_str()))(error)),
        }
    }

    /// Renames the files into place, then logs them; returns the new checkpoint, if there is one.
    pub fn add(
        &self,
        plan: &Plan,
        log: LockedLog,
        root: &TrustRoot,
        signer: &dyn Signer,
    ) -> Result<Option<Checkpoint>, AddError> {
        let renamed = self.rename(plan)?;
        if plan.new.is_empty() {
            return Ok(None);
        }
        let size = log.head().size();
        let appended = log.append(&plan.new, root, signer);
        Ok(Some(appended.inspect_err(|_| {
            // Once entries are written, the next add continues with them and needs their files.
            let is_unchanged = append::head(self.dir, root)
                .is_ok_and(|(now, _)| now.size() == size)
                && append::pending(self.dir, size).is_ok_and(|entries| entries.is_empty());
            if is_unchanged {
                self.remove(&renamed);
            }
        })?))
    }

    /// Renames the files into place and returns the paths. When it returns, all new entries' files
    /// are durable, also those that were already in place.
    fn rename<'p>(&self, plan: &'p Plan) -> Result<Vec<&'p ArchivePath>, AddError> {
        let io = AddError::io(self.dir);
        let copies: BTreeMap<&ArchivePath, &PathBuf> =
            plan.renames.iter().map(|(at, path)| (path, at)).collect();
        if plan.new.len() > FILES_EACH {
            let dir = File::open(self.dir).map_err(&io)?;
            rustix::fs::syncfs(dir).map_err(|error| io(error.into()))?;
        } else {
            let new = plan.new.iter().map(|entry| &entry.path);
            for path in new.chain(copies.keys().copied()) {
                let file = match copies.get(path) {
                    Some(at) => File::open(at),
                    None => self.handle.file(Path::new(path.as_str())),
                };
                file.and_then(|file| file.sync_all())
                    .map_err(AddError::io(&self.dir.join(path.as_str())))?;
            }
        }
        let mut renamed = Vec::new();
        for (at, path) in &plan.renames {
            if let Err(error) = self.handle.take(at, Path::new(path.as_str())) {
                self.remove(&renamed);
                return Err(AddError::io(&self.dir.join(path.as_str()))(error));
            }
            renamed.push(path);
        }
        let dirs: BTreeMap<Option<&Path>, &Path> = renamed
            .iter()
            .map(|path| Path::new(path.as_str()))
            .map(|path| (path.parent(), path))
            .collect();
        dirs.into_values()
            .try_for_each(|path| self.handle.sync_dir(path))
            .map_err(io)?;
        Ok(renamed)
    }

    /// Removes files of this command that were not logged. Best effort: the first error matters.
    fn remove(&self, renamed: &[&ArchivePath]) {
        for path in renamed {
            let _ = self.handle.remove(Path::new(path.as_str()));
        }
    }
}
