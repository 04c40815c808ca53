//! A directory tree, or a single file named by the user.

use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use walkdir::WalkDir;

use super::left_over::left_over;
use super::{Found, Place, Unlisted, small};
use crate::audit::kind::Kind;
use crate::open_file;
use pgseal_verify::archive::source::ByteSource;
use pgseal_verify::format::timestamp::Timestamp;

/// A path of this host. Links to directories are not followed.
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Stores the path without opening it.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }
}

impl Place for Directory {
    fn list(&self, tell: &mut dyn FnMut(Result<Found, Unlisted>)) {
        let path = &self.path;
        if path.is_file() {
            return tell(Ok(found(path, Kind::of(path).unwrap_or(Kind::Bundle))));
        }
        if path.exists() && !path.is_dir() {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
            return tell(Err(Unlisted::unreadable(
                path,
                Kind::of(path).unwrap_or(Kind::Bundle),
                error,
            )));
        }
        for entry in WalkDir::new(path).sort_by_file_name() {
            match entry {
                // The path named by the user may be a link.
                Ok(entry)
                    if entry.file_type().is_dir() || (entry.depth() == 0 && path.is_dir()) => {}
                Ok(entry) => {
                    let path = entry.path();
                    if let Some(kind) = Kind::of(path) {
                        tell(Ok(found(path, kind)));
                    } else if entry.path_is_symlink() && path.is_dir() {
                        let why = "a link to a directory is not followed: name it itself to have it audited";
                        tell(Err(Unlisted::passed_over(path, Kind::Directory, why)));
                    } else if let Some(missing) = left_over(path, is_told) {
                        tell(Err(missing));
                    }
                }
                Err(error) => {
                    let path = error.path().unwrap_or(path).to_owned();
                    let error = error
                        .into_io_error()
                        .unwrap_or_else(|| io::Error::other("a loop of links"));
                    tell(Err(Unlisted::unreadable(&path, Kind::Directory, error)));
                }
            }
        }
    }

    fn open(&self, found: &Found) -> io::Result<Box<dyn ByteSource>> {
        open_file::open(&found.path)
    }

    fn sibling(&self, found: &Found, name: &Path) -> io::Result<Option<Vec<u8>>> {
        match open_file::open(&found.path.with_file_name(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(source) => small(source.as_ref()).map(Some),
        }
    }
}

/// Whether listing reports the path as a file. Directories are not reported, nor are links to
/// directories without a kind.
fn is_told(path: &Path) -> bool {
    let is_nobodys = || Kind::of(path).is_none() && path.is_dir();
    path.symlink_metadata()
        .is_ok_and(|it| !(it.is_dir() || it.is_symlink() && is_nobodys()))
}

fn found(path: &Path, kind: Kind) -> Found {
    let metadata = std::fs::metadata(path).ok();
    let modified = metadata
        .as_ref()
        .and_then(|metadata| metadata.modified().ok());
    let since = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    let modified =
        since.and_then(|since| Timestamp::from_seconds(i64::try_from(since.as_secs()).ok()?));
    Found {
        path: path.to_owned(),
        kind,
        bytes: metadata.map(|metadata| metadata.len()),
        modified,
    }
}
