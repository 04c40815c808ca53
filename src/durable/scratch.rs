//! A directory of this process alone, for what is not yet what it shall be. Whoever is killed leaves it behind, and the next
//! one of the same user that works there takes it away.

use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{by_descriptor, names};
use rustix::fs::{self, AtFlags, CWD, FileType, FlockOperation, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::geteuid;

/// The file in it that its owner has locked, as long as it lives. It gets its name when it is locked: a directory without it
/// is one that is just being made, or was being made when its owner was killed, or somebody's own.
const HELD: &str = "held";

/// Its name until then.
const UNLOCKED: &str = "new";

/// How many letters and digits follow the prefix in the name of a directory.
const RANDOM: usize = 6;

/// How often one is made anew because somebody swept it away.
const TRIES: usize = 100;

/// A directory of this process; dropping it removes it with all that is in it. It is used and cleared by its descriptor:
/// whoever may write beside it can give its name to another directory.
pub struct Scratch {
    name: PathBuf,
    at: PathBuf,
    prefix: &'static str,
    dir: File,
    // Its lock ends with it.
    _held: File,
}

impl Scratch {
    /// Makes one that nobody else may look into, where the file system has modes. The names of all that are for one purpose
    /// have one prefix.
    pub fn new(parent: &Path, prefix: &'static str) -> io::Result<Self> {
        let mut made = Self::make(parent, prefix);
        // Somebody who sweeps can't tell one that has no mark yet from one whose owner was killed.
        for _ in 0..TRIES {
            match made {
                Err(error) if is_gone(&error) && parent.is_dir() => made = Self::make(parent, prefix),
                made => return made,
            }
        }
        made
    }

    fn make(parent: &Path, prefix: &'static str) -> io::Result<Self> {
        let permissions = Permissions::from_mode(0o700);
        // From here on nothing is removed by its name.
        let name = tempfile::Builder::new()
            .prefix(prefix)
            .rand_bytes(RANDOM)
            .permissions(permissions)
            .tempdir_in(parent)?
            .keep();
        let dir = open(CWD, &name)?;
        let stat = fs::fstat(&dir)?;
        if stat.st_uid != geteuid().as_raw() || stat.st_mode & 0o022 != 0 || !names(&dir)?.is_empty() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "somebody else put a directory in the way"));
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = File::from(fs::openat(&dir, UNLOCKED, flags, Mode::from_raw_mode(0o600))?);
        // Where the file system has no locks, nobody can say that its owner is gone: it keeps its name, and none is swept.
        if retry_on_intr(|| fs::flock(&held, FlockOperation::LockExclusive)).is_ok() {
            fs::renameat(&dir, UNLOCKED, &dir, HELD)?;
        }
        let dir = File::from(dir);
        let by_descriptor = by_descriptor(&dir);
        let at = if by_descriptor.is_dir() { by_descriptor } else { name.clone() };
        Ok(Self { name, at, prefix, dir, _held: held })
    }

    /// Where it is, also where somebody gives its name to another directory.
    pub fn path(&self) -> &Path {
        &self.at
    }

    /// Removes those beside it that are this user's and that nobody holds any more, also those that were never marked: whoever
    /// is just making one makes another. What can't be removed stays.
    pub fn sweep(&self) -> Vec<PathBuf> {
        let ours = &self.name;
        let Some(parent) = ours.parent() else { return Vec::new() };
        let entries = std::fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
        let names = entries.map(|entry| entry.path()).filter(|path| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            let random = name.strip_prefix(self.prefix.as_bytes());
            let is_one = random.is_some_and(|it| it.len() == RANDOM && it.iter().all(u8::is_ascii_alphanumeric));
            is_one && path != ours
        });
        names.filter(|path| matches!(remove_left(path), Ok(true))).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort; the next one sweeps.
        let _ = clear(&self.dir).and_then(|()| remove_if_same(&self.name, &self.dir));
    }
}

/// Whether it was removed. Everything is done by the opened directory, whatever its name means meanwhile.
fn remove_left(path: &Path) -> io::Result<bool> {
    let dir = open(CWD, path)?;
    let stat = fs::fstat(&dir)?;
    // Into one that others may write to, they can put whatever says that it is ours.
    if stat.st_uid != geteuid().as_raw() || stat.st_mode & 0o077 != 0 {
        return Ok(false);
    }
    let inside = names(&dir)?;
    // The system removes a directory by this only where it is empty still.
    if inside.is_empty() {
        return remove_if_same(path, &dir);
    }
    let is_begun = inside.iter().all(|name| name == UNLOCKED);
    let Some(_held) = unheld(&dir, if is_begun { UNLOCKED } else { HELD })? else { return Ok(false) };
    if is_begun {
        // Whoever waits for this lock looks for the name next.
        fs::unlinkat(&dir, UNLOCKED, AtFlags::empty())?;
    } else {
        clear(&dir)?;
    }
    remove_if_same(path, &dir)
}

/// Removes the name of an empty directory, if it still is the name of this one. Whether it was.
fn remove_if_same(name: &Path, dir: impl AsFd) -> io::Result<bool> {
    let (named, ours) = (fs::fstat(open(CWD, name)?)?, fs::fstat(dir)?);
    let is_same = (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino);
    if is_same {
        std::fs::remove_dir(name)?;
    }
    Ok(is_same)
}

/// Whether an error says that a directory was removed while it was made.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::StaleNetworkFileHandle)
}

/// No link is followed.
fn open(at: impl AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    Ok(fs::openat(at, name, flags, Mode::empty())?)
}

/// Removes what is in a directory. The lock goes last: a directory that lost it would stay for ever.
fn clear(dir: impl AsFd) -> io::Result<()> {
    let dir = dir.as_fd();
    let (held, others): (Vec<_>, Vec<_>) = names(dir)?.into_iter().partition(|name| name == HELD);
    for name in others.iter().chain(&held) {
        match fs::unlinkat(dir, name, AtFlags::empty()) {
            // What a system says of a directory: Linux the first, others the second.
            Err(Errno::ISDIR | Errno::PERM) => {
                clear(open(dir, name)?)?;
                fs::unlinkat(dir, name, AtFlags::REMOVEDIR)?;
            }
            done => done?,
        }
    }
    Ok(())
}

/// The locked file of a directory whose owner is gone, by this name.
fn unheld(dir: &OwnedFd, name: &str) -> io::Result<Option<File>> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let held = fs::openat(dir, name, flags, Mode::empty())?;
    let stat = fs::fstat(&held)?;
    let is_plain = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if !is_plain || stat.st_uid != geteuid().as_raw() || stat.st_nlink != 1 {
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
        std::fs::set_permissions(&killed, Permissions::from_mode(0o700)).expect("our own");
        std::fs::write(killed.join(HELD), "").expect("a file");
        std::fs::create_dir_all(killed.join("release/tiers")).expect("directories");
        std::fs::write(killed.join("release/tiers/one.sql"), "select 1;").expect("a file");
        // Someone lays a link to what is dear to us, and a directory that has no lock yet.
        let dear = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(dear.path().join(HELD), "").expect("a file");
        let link = parent.join(format!("{PREFIX}link00"));
        std::os::unix::fs::symlink(dear.path(), &link).expect("a link");
        let [young, begun] = ["young0", "begun0"].map(|name| parent.join(format!("{PREFIX}{name}")));
        std::fs::create_dir(&young).expect("a directory");
        // One between its making and its mark: whoever is alive has the lock.
        std::fs::create_dir(&begun).expect("a directory");
        std::fs::set_permissions(&begun, Permissions::from_mode(0o700)).expect("our own");
        let new = File::create_new(begun.join(UNLOCKED)).expect("a file");
        new.lock().expect("nobody else's");
        // Links in a directory that is over are taken away, and not what they lead to.
        std::os::unix::fs::symlink(dear.path().join(HELD), killed.join("link")).expect("a link");
        std::os::unix::fs::symlink(dear.path(), killed.join("release/link")).expect("a link");
        let gone = ours.sweep();
        assert_eq!(gone, std::slice::from_ref(&killed));
        assert!(young.exists() && begun.join(UNLOCKED).exists());
        std::fs::set_permissions(&young, Permissions::from_mode(0o700)).expect("our own");
        assert_eq!(ours.sweep(), std::slice::from_ref(&young));
        new.unlock().expect("ours");
        assert_eq!(ours.sweep(), std::slice::from_ref(&begun));
        assert!(!killed.exists() && link.is_symlink());
        assert!(alive.path().join(HELD).exists() && dear.path().join(HELD).exists());
        assert!(ours.path().join(HELD).exists());
        let name = alive.name.clone();
        std::fs::create_dir(alive.path().join("release")).expect("a directory");
        assert!(name.join("release").is_dir());
        drop(alive);
        assert!(!name.exists());
    }

    #[test]
    fn whoever_is_swept_while_making_one_makes_another() {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let sweeper = Scratch::new(temporary.path(), PREFIX).expect("a directory");
        std::thread::scope(|scope| {
            let make = || {
                for _ in 0..500 {
                    let made = Scratch::new(temporary.path(), PREFIX).expect("a directory");
                    std::fs::write(made.path().join("file"), "x").expect("its own");
                    assert!(made.name.join(HELD).exists() && made.name.join("file").exists());
                }
            };
            let makers = [scope.spawn(make), scope.spawn(make)];
            while makers.iter().any(|maker| !maker.is_finished()) {
                sweeper.sweep();
            }
        });
        drop(sweeper);
        assert_eq!(std::fs::read_dir(temporary.path()).expect("a directory").count(), 0);
    }

    #[test]
    fn a_directory_in_the_place_of_ours_stays_whole() {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let ours = Scratch::new(temporary.path(), PREFIX).expect("a directory");
        let (name, gone) = (ours.name.clone(), temporary.path().join("gone"));
        std::fs::write(ours.path().join("before"), "x").expect("a file");
        std::fs::rename(&name, &gone).expect("renamed");
        std::fs::create_dir(&name).expect("a directory");
        std::fs::write(name.join("dear"), "dear").expect("a file");
        std::fs::write(ours.path().join("behind"), "x").expect("a file");
        assert!(gone.join("behind").is_file() && !name.join("behind").exists());
        drop(ours);
        assert_eq!(std::fs::read(name.join("dear")).expect("it is there"), b"dear");
        assert_eq!(std::fs::read_dir(&gone).expect("a directory").count(), 0);
    }

    #[test]
    fn what_others_may_have_marked_is_not_swept() {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let ours = Scratch::new(temporary.path(), PREFIX).expect("a directory");
        let make = |name: &str, mode: u32| {
            let dir = temporary.path().join(format!("{PREFIX}{name}"));
            std::fs::create_dir(&dir).expect("a directory");
            std::fs::write(dir.join("dear"), "dear").expect("a file");
            std::fs::write(dir.join(HELD), "").expect("a file");
            std::fs::set_permissions(&dir, Permissions::from_mode(mode)).expect("our own");
            dir
        };
        let (open, closed, linked) = (make("opened", 0o775), make("closed", 0o700), make("linked", 0o700));
        std::fs::hard_link(linked.join(HELD), temporary.path().join("mark")).expect("a link");
        assert_eq!(ours.sweep(), std::slice::from_ref(&closed));
        assert!(open.join("dear").is_file() && linked.join("dear").is_file() && !closed.exists());
    }
}
