//! A directory that is written beside its place and renamed into it, so that a partial one is never left behind.

use std::fs::Permissions;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::{CliError, Kind, Output, display_path};
use crate::durable::Scratch;

/// Name prefix of the temporary directory.
const ASIDE: &str = ".pgseal-unpack-";

/// Mode bits of the group, including set-group-ID.
const GROUP: u32 = 0o2070;

/// A directory in the making.
pub struct NewDir {
    place: PathBuf,
    scratch: Scratch,
}

impl NewDir {
    /// Begins a directory, which must not exist, or be empty. Leftovers of killed processes are removed.
    pub fn begin(place: &Path, out: Output) -> std::result::Result<Self, CliError> {
        let entries = place.read_dir();
        if entries.is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(CliError::not_empty(place));
        }
        if place.file_name().is_none() {
            return Err(not_replaced(place));
        }
        Ok(Self {
            place: place.to_owned(),
            scratch: aside(place, out).map_err(|error| CliError::io(place, &error))?,
        })
    }

    /// Where its files are written.
    pub fn path(&self) -> PathBuf {
        self.scratch.path().join("release")
    }

    /// Writes files by their relative paths, and finishes.
    pub fn fill<'a>(
        self,
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> std::result::Result<(), CliError> {
        for (file, bytes) in files {
            let path = self.path().join(file);
            let parent = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            parent
                .and_then(|()| std::fs::write(&path, bytes))
                .map_err(|error| CliError::io(&self.place.join(file), &error))?;
        }
        self.finish()
    }

    /// Renames it into its place.
    pub fn finish(self) -> std::result::Result<(), CliError> {
        let io = |error: Error| CliError::io(&self.place, &error);
        take_after(&self.path(), &self.place).map_err(io)?;
        std::fs::rename(self.path(), &self.place).map_err(|error| match error.kind() {
            ErrorKind::ResourceBusy => not_replaced(&self.place),
            _ => io(error),
        })
    }
}

/// Error for a path that `rename` cannot replace, such as a mount point or `..`.
fn not_replaced(dir: &Path) -> CliError {
    let dir = display_path(dir);
    let message = format!("{dir} can't be replaced by the release's directory");
    CliError::new(Kind::FileExists, message).hint("name a new directory")
}

/// Copies mode, group and owner of the empty directory being replaced, as far as this user may. If
/// the group cannot be set, the group's permissions are dropped.
fn take_after(dir: &Path, place: &Path) -> Result<()> {
    let Ok(there) = place.symlink_metadata() else {
        return Ok(());
    };
    if !there.is_dir() {
        return Ok(());
    }
    // Best effort: only root may change the owner freely.
    let _ = chown(dir, None, Some(there.gid()));
    let _ = chown(dir, Some(there.uid()), None);
    let has_group = dir.metadata()?.gid() == there.gid();
    let mode = if has_group {
        there.mode()
    } else {
        there.mode() & !GROUP
    };
    std::fs::set_permissions(dir, Permissions::from_mode(mode & 0o7777))
}

/// Creates a temporary sibling directory, and removes leftovers of killed processes.
fn aside(dir: &Path, out: Output) -> Result<Scratch> {
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(".".as_ref());
    if !parent.is_dir() {
        return Err(Error::new(
            ErrorKind::NotFound,
            "its directory does not exist",
        ));
    }
    let aside = Scratch::new(parent, ASIDE)?;
    for left in aside.sweep() {
        let left = display_path(&left);
        out.note(format!("removed {left}, which a killed process left"));
    }
    Ok(aside)
}
