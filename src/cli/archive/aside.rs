//! Where files are copied to before they are believed: a directory in the archive, so that they only need a name afterwards.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::durable::{Scratch, by_descriptor};

/// What the names of such directories begin with.
const PREFIX: &str = ".pgseal-add-";

/// A directory of this process, which nobody else may look into.
pub struct Aside {
    scratch: Scratch,
    /// Where it is, also where somebody gives its name to another directory.
    at: PathBuf,
    _pinned: File,
}

impl Aside {
    /// Makes one in an archive that this process has locked.
    pub fn new(archive: &Path) -> io::Result<Self> {
        let scratch = Scratch::new(archive, PREFIX)?;
        let flags = i32::try_from((OFlags::DIRECTORY | OFlags::NOFOLLOW).bits()).map_err(io::Error::other)?;
        let pinned = File::options().read(true).custom_flags(flags).open(scratch.path())?;
        let metadata = pinned.metadata()?;
        if metadata.uid() != geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "somebody else put a directory in the way"));
        }
        let by_descriptor = by_descriptor(&pinned);
        let at = if by_descriptor.is_dir() { by_descriptor } else { scratch.path().to_owned() };
        Ok(Self { scratch, at, _pinned: pinned })
    }

    /// A directory in it.
    pub fn place(&self) -> io::Result<TempDir> {
        tempfile::tempdir_in(&self.at)
    }

    /// Removes those that killed ones of the same user left. What is not surely one of them stays, whatever its name.
    pub fn sweep(&self) {
        self.scratch.sweep();
    }
}
