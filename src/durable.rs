//! Files that are there whole or not at all, also after a crash: write aside, fsync, rename, fsync the directory.

mod reserved;
mod scratch;

use std::collections::BTreeSet;
use std::fs::{File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{Builder, NamedTempFile};

pub use reserved::{Reserved, reserve};
pub use scratch::Scratch;

/// Less the umask, as any tool that writes a public file.
const PUBLIC: u32 = 0o666;

/// Writes a file, replacing the one that was there; who may read it stays as it was. After an error the old one is as it
/// was.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let old = path.metadata();
    // Nobody reads what the old one wouldn't let them read, also while it is written.
    let aside = write_aside(path, if old.is_ok() { 0o600 } else { PUBLIC }, write)?;
    if let Ok(old) = old {
        // Best effort: only root gives files away, and a group takes only its members' files.
        let _ = std::os::unix::fs::fchown(aside.as_file(), None, Some(old.gid()));
        let _ = std::os::unix::fs::fchown(aside.as_file(), Some(old.uid()), None);
        aside.as_file().set_permissions(Permissions::from_mode(old.permissions().mode() & 0o777))?;
    }
    aside.persist(path).map_err(|error| error.error)?;
    sync_dir(path)
}

/// Replaces small files, or makes them, in this order and with one wait for each directory instead of one for each file:
/// all are whole on the medium before the first has its name. After an error some are new.
pub fn replace_all(files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
    // Each is open until it has its name.
    for some in files.chunks(64) {
        let write = |(path, bytes): &(PathBuf, Vec<u8>)| write_aside(path, PUBLIC, |file| file.write_all(bytes));
        let aside = some.iter().map(write).collect::<io::Result<Vec<_>>>()?;
        for ((path, _), aside) in some.iter().zip(aside) {
            aside.persist(path).map_err(|error| error.error)?;
        }
        let dirs: BTreeSet<&Path> = some.iter().map(|(path, _)| parent(path)).collect();
        dirs.into_iter().try_for_each(|dir| File::open(dir)?.sync_all())?;
    }
    Ok(())
}

/// Gives a whole file that is on the medium its name, which must be free.
pub fn rename_new(aside: &Path, path: &Path) -> io::Result<()> {
    tempfile::TempPath::try_from_path(aside)?.persist_noclobber(path).map_err(|error| error.error)
}

/// Writes a file that must not exist yet.
pub fn create_new(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let aside = write_aside(path, PUBLIC, write)?;
    aside.persist_noclobber(path).map_err(|error| error.error)?;
    sync_dir(path)
}

/// How often a lock is asked for before giving up, and the pause between two questions: half a minute in all. Whoever
/// may read a file can hold its lock, so nobody waits for ever.
const TRIES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

/// One at a time, for a file that is read and then replaced: what another process writes meanwhile would be lost. Waits
/// for the other, and looks again, since it has replaced the file. Dropping the answer gives the lock back.
pub fn lock(path: &Path) -> io::Result<File> {
    for _ in 0..TRIES {
        if !path.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let file = File::open(path)?;
        match file.try_lock() {
            Ok(()) => {
                let (locked, there) = (file.metadata()?, path.metadata()?);
                if (locked.dev(), locked.ino()) == (there.dev(), there.ino()) {
                    return Ok(file);
                }
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process has locked the file"))
}

/// Makes a directory entry durable.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(parent(path))?.sync_all()
}

fn write_aside(path: &Path, mode: u32, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<NamedTempFile> {
    if !parent(path).is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "its directory does not exist"));
    }
    let mut aside =
        Builder::new().prefix(".pgseal-").permissions(Permissions::from_mode(mode)).tempfile_in(parent(path))?;
    write(aside.as_file_mut())?;
    aside.as_file().sync_all()?;
    Ok(aside)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a directory and those above it, durably.
pub fn create_dirs(dir: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    std::fs::create_dir_all(dir)?;
    missing.into_iter().rev().try_for_each(sync_dir)
}
