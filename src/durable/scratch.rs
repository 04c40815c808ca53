//! A directory of this process alone, for what is not yet what it shall be. Whoever is killed leaves it behind, and the next
//! one of the same user that works there takes it away.

use std::ffi::{CStr, CString};
use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

/// The file in it that its owner has locked, as long as it lives. It gets its name when it is locked: a directory without it
/// is one that is just being made, or somebody's own.
const HELD: &str = "held";

/// A directory of this process; dropping it removes it with all that is in it.
pub struct Scratch {
    path: PathBuf,
    prefix: &'static str,
    // Its lock ends with it.
    _held: File,
}

impl Scratch {
    /// Makes one that nobody else may look into. The names of all that are for one purpose have one prefix.
    pub fn new(parent: &Path, prefix: &'static str) -> io::Result<Self> {
        let permissions = Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix(prefix).permissions(permissions).tempdir_in(parent)?;
        let unlocked = dir.path().join("new");
        let held = File::create_new(&unlocked)?;
        // Where the file system has no locks, nobody can say that its owner is gone: it keeps its name, and none is swept.
        if held.lock().is_ok() {
            std::fs::rename(unlocked, dir.path().join(HELD))?;
        }
        Ok(Self { path: dir.keep(), prefix, _held: held })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes those beside it that are this user's and that nobody holds any more. What can't be removed stays.
    pub fn sweep(&self) -> Vec<PathBuf> {
        let ours = self.path();
        let Some(parent) = ours.parent() else { return Vec::new() };
        let entries = std::fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
        let names = entries.map(|entry| entry.path()).filter(|path| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            name.starts_with(self.prefix.as_bytes()) && path != ours
        });
        names.filter(|path| matches!(remove_left(path), Ok(true))).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort; the next one sweeps.
        let _ = open(CWD, &self.path).and_then(|dir| clear(&dir)).and_then(|()| std::fs::remove_dir(&self.path));
    }
}

/// Whether it was removed. Everything is done by the opened directory, whatever its name means meanwhile.
fn remove_left(path: &Path) -> io::Result<bool> {
    let dir = open(CWD, path)?;
    if fs::fstat(&dir)?.st_uid != geteuid().as_raw() {
        return Ok(false);
    }
    let Some(_held) = unheld(&dir)? else { return Ok(false) };
    clear(&dir)?;
    std::fs::remove_dir(path)?;
    Ok(true)
}

/// No link is followed.
fn open(at: impl AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    Ok(fs::openat(at, name, flags, Mode::empty())?)
}

/// Removes what is in a directory. The lock goes last: a directory that lost it would stay for ever.
fn clear(dir: &OwnedFd) -> io::Result<()> {
    let mut names: Vec<CString> = Vec::new();
    for entry in Dir::read_from(dir)? {
        names.push(entry?.file_name().to_owned());
    }
    let is_held = |name: &CStr| name.to_bytes() == HELD.as_bytes();
    let (held, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| is_held(name));
    for name in others.iter().chain(&held).filter(|name| ![&b"."[..], b".."].contains(&name.to_bytes())) {
        match fs::unlinkat(dir, name, AtFlags::empty()) {
            // What a system says of a directory: Linux the first, others the second.
            Err(Errno::ISDIR | Errno::PERM) => {
                clear(&open(dir, name)?)?;
                fs::unlinkat(dir, name, AtFlags::REMOVEDIR)?;
            }
            done => done?,
        }
    }
    Ok(())
}

/// The locked file of a directory whose owner is gone.
fn unheld(dir: &OwnedFd) -> io::Result<Option<File>> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let held = fs::openat(dir, HELD, flags, Mode::empty())?;
    if FileType::from_raw_mode(fs::fstat(&held)?.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let held = File::from(held);
    match held.try_lock() {
        Ok(()) => Ok(Some(held)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = ".pgseal-test-";

    #[test]
    fn only_what_nobody_holds_goes() {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let parent = temporary.path();
        let ours = Scratch::new(parent, PREFIX).expect("a directory");
        let alive = Scratch::new(parent, PREFIX).expect("a directory");
        // As one that was killed leaves it.
        let killed = parent.join(format!("{PREFIX}killed"));
        std::fs::create_dir(&killed).expect("a directory");
        std::fs::write(killed.join(HELD), "").expect("a file");
        std::fs::create_dir_all(killed.join("release/tiers")).expect("directories");
        std::fs::write(killed.join("release/tiers/one.sql"), "select 1;").expect("a file");
        // Someone lays a link to what is dear to us, and a directory that has no lock yet.
        let dear = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(dear.path().join(HELD), "").expect("a file");
        let link = parent.join(format!("{PREFIX}link"));
        std::os::unix::fs::symlink(dear.path(), &link).expect("a link");
        let young = parent.join(format!("{PREFIX}young"));
        std::fs::create_dir(&young).expect("a directory");
        // Links in a directory that is over are taken away, and not what they lead to.
        std::os::unix::fs::symlink(dear.path().join(HELD), killed.join("link")).expect("a link");
        std::os::unix::fs::symlink(dear.path(), killed.join("release/link")).expect("a link");
        let gone = ours.sweep();
        assert_eq!(gone, std::slice::from_ref(&killed));
        assert!(!killed.exists() && link.is_symlink());
        assert!(alive.path().join(HELD).exists() && young.exists() && dear.path().join(HELD).exists());
        assert!(ours.path().join(HELD).exists());
        let path = alive.path().to_owned();
        std::fs::create_dir(path.join("release")).expect("a directory");
        drop(alive);
        assert!(!path.exists());
    }
}
