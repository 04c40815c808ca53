//! Where files are copied to before they are believed: a directory in the archive, so that they only need a name afterwards.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::durable::by_descriptor;

/// What the names of such directories begin with; six letters and digits follow.
const PREFIX: &str = ".pgseal-add-";
/// The file in them that says what they are.
const MARK: &str = "put-aside-by-pgseal-archive-add";

/// A directory of this process, which nobody else may look into.
pub struct Aside {
    dir: TempDir,
    /// Where it is, also where somebody gives its name to another directory.
    at: PathBuf,
    _pinned: File,
}

impl Aside {
    /// Makes one in an archive that this process has locked.
    pub fn new(archive: &Path) -> io::Result<Self> {
        let permissions = Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix(PREFIX).permissions(permissions).tempdir_in(archive)?;
        let flags = i32::try_from((OFlags::DIRECTORY | OFlags::NOFOLLOW).bits()).map_err(io::Error::other)?;
        let pinned = File::options().read(true).custom_flags(flags).open(dir.path())?;
        let metadata = pinned.metadata()?;
        if metadata.uid() != geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "somebody else put a directory in the way"));
        }
        let by_descriptor = by_descriptor(&pinned);
        let at = if by_descriptor.is_dir() { by_descriptor } else { dir.path().to_owned() };
        File::create_new(at.join(MARK))?;
        Ok(Self { dir, at, _pinned: pinned })
    }

    /// A directory in it.
    pub fn place(&self) -> io::Result<TempDir> {
        tempfile::tempdir_in(&self.at)
    }

    /// Removes those that killed ones of the same user left. Whoever calls it has the log's lock, so nobody uses them. What is
    /// not surely one of them stays, whatever its name.
    pub fn sweep(&self, archive: &Path) -> io::Result<()> {
        for left in std::fs::read_dir(archive)?.flatten() {
            let path = left.path();
            if path != self.dir.path() && is_one(&path) {
                std::fs::remove_dir_all(&path)?;
            }
        }
        Ok(())
    }
}

fn is_one(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(PREFIX));
    let is_named = name.is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let is_ours =
        || path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == geteuid().as_raw());
    // One that was killed before it had its mark is empty.
    let is_marked =
        || path.join(MARK).is_file() || std::fs::read_dir(path).is_ok_and(|mut names| names.next().is_none());
    is_named && is_ours() && is_marked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_left_by_a_killed_add_goes() {
        let archive = tempfile::tempdir().expect("temp dir");
        let ours = Aside::new(archive.path()).expect("a directory");
        let make = |name: &str, file: Option<&str>| {
            let dir = archive.path().join(name);
            std::fs::create_dir(&dir).expect("a directory");
            file.into_iter().for_each(|file| std::fs::write(dir.join(file), "x").expect("written"));
            dir
        };
        let (killed, young) = (make(".pgseal-add-aB3dE6", Some(MARK)), make(".pgseal-add-aB3dE7", None));
        let stay = [
            make(".pgseal-mine", Some("dear")),
            make(".pgseal-add-mine", Some(MARK)),
            make(".pgseal-add-aB3dE8", Some("dear")),
        ];
        let link = archive.path().join(".pgseal-add-aB3dE9");
        std::os::unix::fs::symlink(&killed, &link).expect("a link");
        ours.sweep(archive.path()).expect("swept");
        assert!(!killed.exists() && !young.exists());
        assert!(stay.iter().all(|dir| dir.exists()) && link.is_symlink() && ours.dir.path().exists());
    }
}
