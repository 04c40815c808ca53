//! The files of an archive. Links are never followed, so all files read or named are inside the
//! archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::super::error::CliError;
use super::add::Work;
use super::unread;
use crate::durable::DirHandle;
use crate::tlog::compare::digest_of;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::log_entry::ArchivePath;

/// Above this number of new entries, a single `syncfs` replaces an fsync per file.
const FILES_EACH: usize = 32;

/// The directory of an archive.
pub struct Place<'a> {
    dir: &'a Path,
    below: DirHandle,
    pub archive: PathBuf,
}

impl<'a> Place<'a> {
    /// Opens an archive; the caller holds the lock of its log.
    pub fn open(dir: &'a Path) -> Result<Self, CliError> {
        let io = |error: io::Error| CliError::io(dir, &error);
        let archive = dir.canonicalize().map_err(io)?;
        Ok(Self {
            dir,
            below: DirHandle::open(&archive).map_err(io)?,
            archive,
        })
    }

    /// Digest of the file at a path; `None` if it does not exist.
    pub fn digest(&self, path: &ArchivePath) -> Result<Option<Digest>, CliError> {
        match self
            .below
            .file(Path::new(path.as_str()))
            .and_then(|file| digest_of(file, &|_| {}))
        {
            Ok((_, digest)) => Ok(Some(digest)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unread(&self.dir.join(path.as_str()), &error)),
        }
    }

    /// Renames the files into place and returns the paths. When it returns, all new entries' files
    /// are durable, also those that were already in place.
    pub fn put<'w>(&self, work: &'w Work) -> Result<Vec<&'w ArchivePath>, CliError> {
        let io = |error: io::Error| CliError::io(self.dir, &error);
        let aside: BTreeMap<&ArchivePath, &PathBuf> =
            work.named.iter().map(|(at, path)| (path, at)).collect();
        if work.new.len() > FILES_EACH {
            rustix::fs::syncfs(File::open(self.dir).map_err(io)?)
                .map_err(|error| io(error.into()))?;
        } else {
            for path in work
                .new
                .iter()
                .map(|entry| &entry.path)
                .chain(aside.keys().copied())
            {
                let file = match aside.get(path) {
                    Some(at) => File::open(at),
                    None => self.below.file(Path::new(path.as_str())),
                };
                file.and_then(|file| file.sync_all())
                    .map_err(|error| unread(&self.dir.join(path.as_str()), &error))?;
            }
        }
        let mut named = Vec::new();
        for (at, path) in &work.named {
            if let Err(error) = self.below.take(at, Path::new(path.as_str())) {
                self.take_back(&named);
                return Err(unread(&self.dir.join(path.as_str()), &error));
            }
            named.push(path);
        }
        let dirs: BTreeMap<Option<&Path>, &Path> = named
            .iter()
            .map(|path| Path::new(path.as_str()))
            .map(|path| (path.parent(), path))
            .collect();
        dirs.into_values()
            .try_for_each(|path| self.below.sync_dir(path))
            .map_err(io)?;
        Ok(named)
    }

    /// Removes files of this command that were not logged. Best effort: the first error matters.
    pub fn take_back(&self, named: &[&ArchivePath]) {
        for path in named {
            let _ = self.below.remove(Path::new(path.as_str()));
        }
    }
}
