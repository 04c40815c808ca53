//! Disk space reserved before it is needed, so that a full or read-only medium, or an existing
//! file, is detected at once.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FallocateFlags, OFlags, fallocate, linkat};
use rustix::io::{Errno, retry_on_intr};
use tempfile::{Builder, TempPath};

use super::{PUBLIC, parent, sync_dir};

/// A file with reserved disk space that will appear complete, under a free name. Until then it is
/// invisible, and dropping it leaves nothing.
pub struct Reserved {
    file: File,
    path: PathBuf,
    /// Its name until it has its own; `None` where it needs none.
    aside: Option<TempPath>,
}

impl Reserved {
    /// Reserves `bytes` bytes in the directory of `path`, which must exist.
    pub fn new(path: &Path, bytes: u64) -> io::Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (file, aside) = match nameless(path)? {
            Some(file) => (file, None),
            None => {
                let permissions = std::os::unix::fs::PermissionsExt::from_mode(PUBLIC);
                let aside = Builder::new()
                    .prefix(".pgseal-")
                    .permissions(permissions)
                    .tempfile_in(parent(path))?;
                let (file, aside) = aside.into_parts();
                (file, Some(aside))
            }
        };
        let reserved = Self {
            file,
            path: path.to_owned(),
            aside,
        };
        reserve(&reserved.file, bytes)?;
        reserved.file.sync_all()?;
        Ok(reserved)
    }

    /// Writes it, and gives it its name; it is on the medium when this returns.
    pub fn write(mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        // Gives back the room that was not needed.
        self.file.set_len(bytes.len() as u64)?;
        self.file.sync_all()?;
        match self.aside {
            Some(aside) => aside
                .persist_noclobber(&self.path)
                .map_err(|error| error.error)?,
            None => linkat(
                CWD,
                by_descriptor(&self.file),
                CWD,
                &self.path,
                AtFlags::SYMLINK_FOLLOW,
            )?,
        }
        sync_dir(&self.path)
    }
}

/// Takes room for `bytes` bytes more, without making the file longer. Where the file system can't promise it, it is
/// filled once, so that it is known whether the room was there.
pub fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    let length = file.metadata()?.len();
    // Space allocated behind the end escapes the process's file size limit (`ulimit -f`); this does
    // not.
    file.set_len(length + bytes)?;
    file.set_len(length)?;
    match retry_on_intr(|| fallocate(file, FallocateFlags::KEEP_SIZE, length, bytes)) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            let filled = fill(file, length, bytes);
            file.set_len(length)?;
            filled
        }
        done => Ok(done?),
    }
}

fn fill(file: &File, from: u64, bytes: u64) -> io::Result<()> {
    let zeros = [0; 64 << 10];
    let mut done = 0;
    while done < bytes {
        let now = usize::try_from(bytes - done)
            .unwrap_or(usize::MAX)
            .min(zeros.len());
        file.write_all_at(&zeros[..now], from + done)?;
        done += now as u64;
    }
    // Some file systems look for room only now.
    file.sync_data()
}

/// A file without a name, which a killed process can't leave behind; `None` where the file system has none, or where it
/// could not be named later.
fn nameless(path: &Path) -> io::Result<Option<File>> {
    let flags = i32::try_from(OFlags::TMPFILE.bits()).map_err(io::Error::other)?;
    match OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .mode(PUBLIC)
        .open(parent(path))
    {
        Ok(file) => Ok(by_descriptor(&file)
            .symlink_metadata()
            .is_ok()
            .then_some(file)),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => Ok(None),
            _ => Err(error),
        },
    }
}

/// A path that leads to an open file, whatever its name means meanwhile; where the system has such paths.
pub fn by_descriptor(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name());
        entries
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn it_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("a");
        drop(Reserved::new(&path, 1 << 20).expect("room"));
        assert_eq!(names(dir.path()), [""; 0]);
        let (first, second) = (
            Reserved::new(&path, 1 << 20).expect("room"),
            Reserved::new(&path, 10).expect("room"),
        );
        first.write(b"first").expect("written");
        assert!(second.write(b"second").is_err(), "nothing is overwritten");
        assert!(Reserved::new(&path, 10).is_err(), "the name is taken");
        assert_eq!(names(dir.path()), ["a"]);
        assert_eq!(std::fs::read(&path).expect("whole"), b"first");
        let metadata = path.metadata().expect("there");
        assert!(
            metadata.blocks() * 512 < 1 << 20,
            "what was not needed is given back"
        );
        assert_eq!(metadata.mode() & 0o444, 0o444 & !umask());
    }

    /// The process's umask, which applies to the files of every tool.
    fn umask() -> u32 {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("plain");
        File::create(&path).expect("made");
        !path.metadata().expect("there").mode() & 0o777
    }

    #[test]
    fn room_behind_the_end() {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"text").expect("written");
        for bytes in [1 << 20, 100] {
            reserve(&file, bytes).expect("room");
            fill(&file, 4, bytes).expect("room");
            file.set_len(4).expect("cut");
        }
        assert_eq!(file.metadata().expect("there").len(), 4);
    }
}
