//! The directory of a rehearsal's journals, in the system's temporary directory. Whoever is killed leaves it behind, and the
//! next rehearsal of the same user takes it away.

use std::ffi::CStr;
use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::process::geteuid;
use tempfile::TempDir;

const PREFIX: &str = "pgseal-rehearsal-";

/// The file in it that its owner has locked, as long as it lives. It gets its name when it is locked: a directory without it
/// is one that is just being made.
const HELD: &str = "held";

/// A directory of this process.
pub struct Scratch {
    dir: TempDir,
    // Its lock ends with it.
    _held: File,
}

impl Scratch {
    /// Makes one that nobody else may look into.
    pub fn new() -> io::Result<Self> {
        Self::below(&std::env::temp_dir())
    }

    fn below(parent: &Path) -> io::Result<Self> {
        let permissions = Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix(PREFIX).permissions(permissions).tempdir_in(parent)?;
        let unlocked = dir.path().join("new");
        let held = File::create_new(&unlocked)?;
        held.lock()?;
        std::fs::rename(unlocked, dir.path().join(HELD))?;
        Ok(Self { dir, _held: held })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Removes those beside it that are this user's and that nobody holds any more. What can't be removed stays.
    pub fn sweep(&self) -> Vec<PathBuf> {
        let ours = self.path();
        let Some(parent) = ours.parent() else { return Vec::new() };
        let entries = std::fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
        let names = entries.map(|entry| entry.path()).filter(|path| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            name.starts_with(PREFIX.as_bytes()) && path != ours
        });
        names.filter(|path| matches!(remove(path), Ok(true))).collect()
    }
}

/// Whether it was removed. Everything is done by the opened directory, whatever its name means meanwhile: no link is followed,
/// nothing but its own files goes, and none below it.
fn remove(path: &Path) -> io::Result<bool> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let dir = fs::openat(CWD, path, flags, Mode::empty())?;
    if fs::fstat(&dir)?.st_uid != geteuid().as_raw() {
        return Ok(false);
    }
    let Some(_held) = unheld(&dir)? else { return Ok(false) };
    let mut names = Vec::new();
    for entry in Dir::read_from(&dir)? {
        names.push(entry?.file_name().to_owned());
    }
    // The lock goes last: a directory that lost it would stay for ever.
    let is_held = |name: &CStr| name.to_bytes() == HELD.as_bytes();
    let (held, files): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| is_held(name));
    for name in files.iter().chain(&held).filter(|name| ![&b"."[..], b".."].contains(&name.to_bytes())) {
        fs::unlinkat(dir.as_fd(), name, AtFlags::empty())?;
    }
    std::fs::remove_dir(path)?;
    Ok(true)
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

    #[test]
    fn only_what_nobody_holds_goes() {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let parent = temporary.path();
        let ours = Scratch::below(parent).expect("a directory");
        let alive = Scratch::below(parent).expect("a directory");
        // As one that was killed leaves it.
        let killed = parent.join(format!("{PREFIX}killed"));
        std::fs::create_dir(&killed).expect("a directory");
        std::fs::write(killed.join(HELD), "").expect("a file");
        std::fs::write(killed.join("1-run.journal.jsonl"), "{}").expect("a file");
        // Someone lays a link to what is dear to us, and a directory that has no lock yet.
        let dear = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(dear.path().join(HELD), "").expect("a file");
        let link = parent.join(format!("{PREFIX}link"));
        std::os::unix::fs::symlink(dear.path(), &link).expect("a link");
        let young = parent.join(format!("{PREFIX}young"));
        std::fs::create_dir(&young).expect("a directory");
        // A link in a directory that is over is taken away, and not what it leads to.
        std::os::unix::fs::symlink(dear.path().join(HELD), killed.join("link")).expect("a link");
        let gone = ours.sweep();
        assert_eq!(gone, std::slice::from_ref(&killed));
        assert!(!killed.exists() && link.is_symlink());
        assert!(alive.path().join(HELD).exists() && young.exists() && dear.path().join(HELD).exists());
        assert!(ours.path().join(HELD).exists());
    }
}
