//! A private temporary directory. One left behind by a killed process is removed a day later, by the next run of the same
//! user.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::geteuid;
use tempfile::{Builder, TempDir};

/// Letters and digits behind the prefix in the name of a directory.
const RANDOM: usize = 6;

/// Minimum age of a directory to remove where other processes may be making one, which have not locked it yet.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A directory of this process, removed with its content when dropped. The lock on it shows that the process is alive.
pub struct Scratch {
    dir: TempDir,
    prefix: &'static str,
    _lock: File,
}

impl Scratch {
    /// Makes a directory closed to other users, where the file system has modes. Directories of one purpose share a prefix.
    pub fn new(parent: &Path, prefix: &'static str) -> io::Result<Self> {
        let dir = Builder::new()
            .prefix(prefix)
            .rand_bytes(RANDOM)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let lock = File::open(dir.path())?;
        // A file system without locks gives no lock to a sweep either.
        let _ = lock.try_lock();
        Ok(Self {
            dir,
            prefix,
            _lock: lock,
        })
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Removes and lists the sibling directories of this prefix and at least this age that killed processes of this user
    /// left.
    pub fn sweep(&self, age: Duration) -> Vec<PathBuf> {
        let entries = self.path().parent().map(Path::read_dir);
        let paths = entries.into_iter().flatten().flatten().flatten();
        paths
            .map(|entry| entry.path())
            .filter(|path| {
                self.is_left(path, age).unwrap_or(false) && fs::remove_dir_all(path).is_ok()
            })
            .collect()
    }

    /// Whether a path is a directory, not a link, of this user alone, of this age, and without a living process.
    fn is_left(&self, path: &Path, age: Duration) -> io::Result<bool> {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let random = name.strip_prefix(self.prefix.as_bytes());
        if !random.is_some_and(|it| it.len() == RANDOM && it.iter().all(u8::is_ascii_alphanumeric))
        {
            return Ok(false);
        }
        let metadata = path.symlink_metadata()?;
        let is_ours = metadata.is_dir()
            && metadata.uid() == geteuid().as_raw()
            && metadata.mode() & 0o077 == 0;
        let is_old = metadata
            .modified()?
            .elapsed()
            .is_ok_and(|passed| passed >= age);
        Ok(is_ours && is_old && File::open(path)?.try_lock().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    const PREFIX: &str = ".pgseal-test-";

    fn make_old(dir: &Path) {
        let old = SystemTime::now() - 2 * DAY;
        let dir = File::open(dir).expect("a directory");
        dir.set_modified(old).expect("our own");
    }

    /// A directory as a killed process leaves it.
    fn left(parent: &Path, name: &str, mode: u32) -> PathBuf {
        let dir = parent.join(format!("{PREFIX}{name}"));
        fs::create_dir_all(dir.join("release")).expect("directories");
        fs::write(dir.join("release/one.sql"), "select 1;").expect("a file");
        fs::set_permissions(&dir, Permissions::from_mode(mode)).expect("our own");
        make_old(&dir);
        dir
    }

    #[test]
    fn only_old_directories_without_a_holder_are_swept() {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let parent = temporary.path();
        let make = || Scratch::new(parent, PREFIX).expect("a directory");
        let (ours, alive, young) = (make(), make(), parent.join(format!("{PREFIX}yOuNg0")));
        make_old(alive.path());
        fs::create_dir(&young).expect("a directory");
        fs::set_permissions(&young, Permissions::from_mode(0o700)).expect("our own");
        let killed = left(parent, "kIlLeD", 0o700);
        let others = [
            left(parent, "opened", 0o750),
            left(parent, "longer0", 0o700),
            left(parent, "own_00", 0o700),
        ];
        // Links stay, and the target of a link in a removed directory.
        let link = parent.join(format!("{PREFIX}link00"));
        std::os::unix::fs::symlink(&others[1], &link).expect("a link");
        std::os::unix::fs::symlink(&others[1], killed.join("link")).expect("a link");
        make_old(&killed);
        assert_eq!(ours.sweep(DAY), std::slice::from_ref(&killed));
        assert!(!killed.exists() && link.is_symlink() && young.is_dir());
        assert!(
            others
                .iter()
                .all(|dir| dir.join("release/one.sql").is_file())
        );
        let names = [ours.path().to_owned(), alive.path().to_owned()];
        assert!(names.iter().all(|name| name.is_dir()));
        drop((ours, alive));
        assert!(names.iter().all(|name| !name.exists()));
    }
}
