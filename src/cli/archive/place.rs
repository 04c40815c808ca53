//! The files of an archive in their places. No link is followed: what is read or named there lies there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::super::error::CliError;
use super::add::Work;
use super::unread;
use crate::durable::Below;
use crate::tlog::compare::digest_of;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::log_entry::ArchivePath;

/// Beyond so many files the whole file system is told to write, once, instead of being asked for each of them.
const FILES_EACH: usize = 32;

/// An archive's directory.
pub struct Place<'a> {
    dir: &'a Path,
    below: Below,
    /// Where it is, without links.
    pub archive: PathBuf,
}

impl<'a> Place<'a> {
    /// Whoever opens it has locked its log.
    pub fn open(dir: &'a Path) -> Result<Self, CliError> {
        let io = |error: io::Error| CliError::io(dir, &error);
        let archive = dir.canonicalize().map_err(io)?;
        Ok(Self { dir, below: Below::open(&archive).map_err(io)?, archive })
    }

    /// The digest of the file at a path; `None` where there is none.
    pub fn digest(&self, path: &ArchivePath) -> Result<Option<Digest>, CliError> {
        match self.below.file(Path::new(path.as_str())).and_then(|file| digest_of(file, &|_| {})) {
            Ok((_, digest)) => Ok(Some(digest)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unread(&self.dir.join(path.as_str()), &error)),
        }
    }

    /// Gives the files their names, and tells which; all are on the medium when this returns, also those that were there.
    pub fn put<'w>(&self, work: &'w Work) -> Result<Vec<&'w ArchivePath>, CliError> {
        let io = |error: io::Error| CliError::io(self.dir, &error);
        let aside: BTreeMap<&ArchivePath, &PathBuf> = work.named.iter().map(|(at, path)| (path, at)).collect();
        if work.new.len() > FILES_EACH {
            rustix::fs::syncfs(File::open(self.dir).map_err(io)?).map_err(|error| io(error.into()))?;
        } else {
            for path in work.new.iter().map(|entry| &entry.path).chain(aside.keys().copied()) {
                let file = match aside.get(path) {
                    Some(at) => File::open(at),
                    None => self.below.file(Path::new(path.as_str())),
                };
                file.and_then(|file| file.sync_all()).map_err(|error| unread(&self.dir.join(path.as_str()), &error))?;
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
        let dirs: BTreeMap<Option<&Path>, &Path> =
            named.iter().map(|path| Path::new(path.as_str())).map(|path| (path.parent(), path)).collect();
        dirs.into_values().try_for_each(|path| self.below.sync_dir(path)).map_err(io)?;
        Ok(named)
    }

    /// Files of this command that nobody has logged. Best effort: the error that matters is the first one.
    pub fn take_back(&self, named: &[&ArchivePath]) {
        for path in named {
            let _ = self.below.remove(Path::new(path.as_str()));
        }
    }
}
