//! Files that are there whole or not at all, also after a crash: write aside, fsync, rename, fsync the directory.

mod dir_handle;
mod reserved;
mod scratch;

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions, TryLockError};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{self, Dir, Mode, Stat};
use tempfile::{Builder, NamedTempFile};

pub use dir_handle::{DirHandle, is_link};
pub use reserved::{Reserved, by_descriptor, reserve};
pub use scratch::Scratch;

/// Less the umask, as any tool that writes a public file.
const PUBLIC: u32 = 0o666;

/// Writes a file, replacing the one that was there; who may read it stays as it was. After an error the old one is as it
/// was.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let aside = write_temp(path, fs::stat(path).ok().as_ref(), write)?;
    aside.persist(path).map_err(|error| error.error)?;
    sync_dir(path)
}

/// Writes a file that must not exist yet.
pub fn create_new(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let aside = write_temp(path, None, write)?;
    aside.persist_noclobber(path).map_err(|error| error.error)?;
    sync_dir(path)
}

/// Maximum attempts to acquire a lock, and the pause between two: half a minute in all. Any process
/// that can read a file can hold its lock, so the wait is bounded.
const TRIES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);
/// Attempts before `waiting` is called.
const SAID: u32 = 10;

/// Exclusive lock of a file that is read and then replaced, so that no concurrent write is lost.
/// Waits for the holder and opens the file again, since the holder has replaced it; `waiting` is
/// called once, after more than a second. Dropping the result releases the lock.
pub fn lock(path: &Path, waiting: &dyn Fn()) -> io::Result<File> {
    locked(path, waiting, File::try_lock)
}

/// Shared lock, for reading while no process holds [`lock`].
pub fn lock_shared(path: &Path, waiting: &dyn Fn()) -> io::Result<File> {
    locked(path, waiting, File::try_lock_shared)
}

fn locked(
    path: &Path,
    waiting: &dyn Fn(),
    lock: fn(&File) -> Result<(), TryLockError>,
) -> io::Result<File> {
    for tried in 0..TRIES {
        let file = open_regular(path)?;
        match lock(&file) {
            Ok(()) => {
                let (locked, there) = (file.metadata()?, path.metadata()?);
                if (locked.dev(), locked.ino()) == (there.dev(), there.ino()) {
                    return Ok(file);
                }
            }
            Err(TryLockError::WouldBlock) => {
                if tried == SAID {
                    waiting();
                }
                std::thread::sleep(PAUSE);
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::ResourceBusy,
        "another process has locked the file",
    ))
}

/// Opens a regular file. A pipe is never opened, because opening would wait for a writer.
pub fn open_regular(path: &Path) -> io::Result<File> {
    check_regular(path.metadata()?.is_file())?;
    File::open(path)
}

fn check_regular(is_file: bool) -> io::Result<()> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
    is_file.then_some(()).ok_or_else(wrong)
}

/// Reads a whole file of at most `most` bytes.
pub fn read_limited(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let text = "the file is too large";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(bytes)
}

pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(parent(path))?.sync_all()
}

/// Writes a temporary file that will replace `old`, or be new.
fn write_temp(
    path: &Path,
    old: Option<&Stat>,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<NamedTempFile> {
    if !parent(path).is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "its directory does not exist",
        ));
    }
    let permissions = Permissions::from_mode(temp_mode(old));
    let mut aside = Builder::new()
        .prefix(".pgseal-")
        .permissions(permissions)
        .tempfile_in(parent(path))?;
    write(aside.as_file_mut())?;
    give_to_owner(aside.as_file(), old)?;
    aside.as_file().sync_all()?;
    Ok(aside)
}

/// Mode of a file that will replace `old`, or be new: never readable by more users than the old
/// one, even while it is written.
fn temp_mode(old: Option<&Stat>) -> u32 {
    if old.is_some() { 0o600 } else { PUBLIC }
}

/// Lets those read a written file who could read the one that it replaces.
fn give_to_owner(file: &File, old: Option<&Stat>) -> io::Result<()> {
    let Some(old) = old else { return Ok(()) };
    // Best effort: only root gives files away, and a group takes only its members' files.
    let _ = fchown(file, None, Some(old.st_gid));
    let _ = fchown(file, Some(old.st_uid), None);
    Ok(fs::fchmod(file, Mode::from_raw_mode(old.st_mode & 0o777))?)
}

fn names(dir: impl AsFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        names.push(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned());
    }
    names.retain(|name| name != "." && name != "..");
    Ok(names)
}

fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Makes a directory and those above it, durably.
pub fn create_dirs(dir: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = dir
        .ancestors()
        .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        .collect();
    std::fs::create_dir_all(dir)?;
    missing.into_iter().rev().try_for_each(sync_dir)
}
