//! A private temporary directory. One left behind by a killed process is removed by the next run of the same user.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::retry_on_intr;
use rustix::process::geteuid;
use tempfile::{Builder, TempDir};

use super::by_descriptor;

/// Letters and digits behind the prefix in the name of a directory.
const RANDOM: usize = 6;

/// Attempts to make a directory that no sweep removes before it is locked.
const TRIES: usize = 100;

/// A directory of this process, removed with its content when dropped. The lock on it shows that the process is alive.
pub struct Scratch {
    name: TempDir,
    at: PathBuf,
    prefix: &'static str,
    dir: File,
}

impl Scratch {
    /// Makes a directory closed to other users, where the file system has modes. Directories of one purpose share a prefix.
    pub fn new(parent: &Path, prefix: &'static str) -> io::Result<Self> {
        for _ in 0..TRIES {
            let permissions = Permissions::from_mode(0o700);
            let name = Builder::new()
                .prefix(prefix)
                .rand_bytes(RANDOM)
                .permissions(permissions)
                .tempdir_in(parent)?;
            let dir = match open_own(name.path(), 0o022) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                dir => dir?,
            };
            // A file system without locks gives no lock to a sweep either.
            let _ = retry_on_intr(|| flock(&dir, FlockOperation::LockExclusive));
            if is_named(name.path(), &dir) {
                let descriptor = by_descriptor(&dir);
                let at = if descriptor.is_dir() {
                    descriptor
                } else {
                    name.path().to_owned()
                };
                return Ok(Self {
                    name,
                    at,
                    prefix,
                    dir,
                });
            }
        }
        Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another process removes each temporary directory",
        ))
    }

    /// Its path, which holds even if another process renames the directory.
    pub fn path(&self) -> &Path {
        &self.at
    }

    /// Removes and lists the sibling directories of this prefix that belong to this user alone and that no process holds.
    pub fn sweep(&self) -> Vec<PathBuf> {
        let siblings = self
            .name
            .path()
            .parent()
            .and_then(|parent| parent.read_dir().ok())
            .into_iter()
            .flatten();
        let is_one = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            let random = name.strip_prefix(self.prefix.as_bytes());
            random.is_some_and(|it| it.len() == RANDOM && it.iter().all(u8::is_ascii_alphanumeric))
        };
        let left = siblings
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(is_one);
        left.filter(|path| remove_left(path).is_ok()).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Another directory may have its name by now.
        let is_ours = is_named(self.name.path(), &self.dir);
        self.name.disable_cleanup(!is_ours);
    }
}

fn remove_left(path: &Path) -> io::Result<()> {
    let dir = open_own(path, 0o077)?;
    dir.try_lock()?;
    if is_named(path, &dir) {
        std::fs::remove_dir_all(path)
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Opens a directory of this user, without these rights of others. No link is followed.
fn open_own(path: &Path, rights: u32) -> io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let dir = File::from(openat(CWD, path, flags, Mode::empty())?);
    let metadata = dir.metadata()?;
    if metadata.uid() != geteuid().as_raw() || metadata.mode() & rights != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the directory belongs to others",
        ));
    }
    Ok(dir)
}

/// Whether a path names an open directory.
fn is_named(path: &Path, dir: &File) -> bool {
    let id = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    path.symlink_metadata()
        .is_ok_and(|named| dir.metadata().is_ok_and(|dir| id(named) == id(dir)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = ".pgseal-test-";

    /// A directory as a killed process leaves it.
    fn left(parent: &Path, name: &str, mode: u32) -> PathBuf {
        let dir = parent.join(format!("{PREFIX}{name}"));
        std::fs::create_dir_all(dir.join("release")).expect("directories");
        std::fs::write(dir.join("release/one.sql"), "select 1;").expect("a file");
        std::fs::set_permissions(&dir, Permissions::from_mode(mode)).expect("our own");
        dir
    }

    #[test]
    fn only_directories_without_a_holder_are_swept() {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let parent = temporary.path();
        let (ours, alive) = (Scratch::new(parent, PREFIX), Scratch::new(parent, PREFIX));
        let (ours, alive) = (ours.expect("a directory"), alive.expect("a directory"));
        let killed = left(parent, "kIlLeD", 0o700);
        let others = [
            left(parent, "opened", 0o750),
            left(parent, "longer0", 0o700),
            left(parent, "own_00", 0o700),
        ];
        let link = parent.join(format!("{PREFIX}link00"));
        std::os::unix::fs::symlink(&others[1], &link).expect("a link");
        // A link in a left-over directory is removed, its target is not.
        std::os::unix::fs::symlink(&others[1], killed.join("link")).expect("a link");
        assert_eq!(ours.sweep(), std::slice::from_ref(&killed));
        assert!(!killed.exists() && link.is_symlink());
        assert!(
            others
                .iter()
                .all(|dir| dir.join("release/one.sql").is_file())
        );
        assert!(ours.path().is_dir() && alive.path().is_dir());
        let names = [ours.name.path().to_owned(), alive.name.path().to_owned()];
        std::fs::create_dir(alive.path().join("release")).expect("a directory");
        assert!(names[1].join("release").is_dir());
        drop((ours, alive));
        assert!(names.iter().all(|name| !name.exists()));
    }

    #[test]
    fn a_sweep_removes_no_directory_that_is_being_made() {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let sweeper = Scratch::new(temporary.path(), PREFIX).expect("a directory");
        std::thread::scope(|scope| {
            let make = || {
                for _ in 0..500 {
                    let made = Scratch::new(temporary.path(), PREFIX).expect("a directory");
                    std::fs::write(made.path().join("file"), "x").expect("its own");
                    assert!(made.name.path().join("file").exists());
                }
            };
            let makers = [scope.spawn(make), scope.spawn(make)];
            while makers.iter().any(|maker| !maker.is_finished()) {
                sweeper.sweep();
            }
        });
        drop(sweeper);
        assert_eq!(
            std::fs::read_dir(temporary.path())
                .expect("a directory")
                .count(),
            0
        );
    }

    #[test]
    fn another_directory_of_the_same_name_stays() {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let ours = Scratch::new(temporary.path(), PREFIX).expect("a directory");
        let (name, moved) = (ours.name.path().to_owned(), temporary.path().join("moved"));
        std::fs::rename(&name, &moved).expect("renamed");
        std::fs::create_dir(&name).expect("a directory");
        std::fs::write(name.join("other"), "x").expect("a file");
        std::fs::write(ours.path().join("later"), "x").expect("a file");
        assert!(moved.join("later").is_file() && !name.join("later").exists());
        drop(ours);
        assert!(name.join("other").is_file());
    }
}
