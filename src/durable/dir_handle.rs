//! Files below a directory, reached step by step without following links, so that reads and writes
//! stay below it even if an attacker replaces parts of the path meanwhile.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use super::{check_regular, give_to_owner, temp_mode};

/// Name prefix of files being written; a number of the process and one of the file follow.
const ASIDE: &str = ".pgseal-log-";

/// A directory that stays the same one, whatever its name means later.
pub struct DirHandle {
    dir: OwnedFd,
    /// Where it is below the first one, for errors.
    at: PathBuf,
}

/// Where a link is in the way.
#[derive(Debug, thiserror::Error)]
#[error("{0} is a link")]
struct Link(String);

/// Whether an error means that the path contains a link.
pub fn is_link(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<Link>())
}

impl DirHandle {
    /// Opens a directory named by the operator; links may lead to it.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let dir = if dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            dir
        };
        let dir = fs::open(
            dir,
            OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY,
            Mode::empty(),
        )?;
        Ok(Self {
            dir,
            at: PathBuf::new(),
        })
    }

    pub fn file(&self, path: &Path) -> io::Result<File> {
        let (dir, name) = self.parent(path, Missing::Error)?;
        dir.open_file(name)
    }

    /// Whether there is something by this name, also a link.
    pub fn has(&self, path: &Path) -> bool {
        self.parent(path, Missing::Error)
            .and_then(|(dir, name)| dir.stat(name))
            .is_ok()
    }

    /// The names in a directory below it; none where there is none.
    pub fn names(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let Some(dir) = not_found(self.dir(path, Missing::Error))? else {
            return Ok(Vec::new());
        };
        Ok(super::names(&dir.dir)?
            .into_iter()
            .map(PathBuf::from)
            .collect())
    }

    /// Gives a whole file that is on the medium its name, which must be free.
    pub fn take(&self, from: &Path, path: &Path) -> io::Result<()> {
        let (dir, name) = self.parent(path, Missing::Make)?;
        match fs::renameat_with(CWD, from, &dir.dir, name, RenameFlags::NOREPLACE) {
            // Not every file system can rename so; then the name is a second one first.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                fs::linkat(CWD, from, &dir.dir, name, AtFlags::empty())?;
                Ok(fs::unlinkat(CWD, from, AtFlags::empty())?)
            }
            renamed => Ok(renamed?),
        }
    }

    /// Replaces small files, or makes them, in this order and with one wait for each directory instead of one for each file:
    /// all are whole on the medium before the first has its name. Who may read a file stays as it was. After an error some
    /// are new. One process at a time.
    pub fn replace_all(&self, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
        // Each directory is open until its files have their names.
        for some in files.chunks(64) {
            let mut aside = Vec::new();
            for (path, bytes) in some {
                let (dir, name) = self.parent(path, Missing::Make)?;
                let written = dir.write_temp(name, bytes)?;
                aside.push((dir, written, path));
            }
            for (dir, written, path) in &mut aside {
                let renamed = written.rename(dir, path.file_name().unwrap_or_default());
                renamed.map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                })?;
            }
            let mut synced = BTreeSet::new();
            for (dir, _, _) in aside.iter().filter(|(dir, _, _)| synced.insert(&dir.at)) {
                fs::fsync(&dir.dir)?;
            }
        }
        Ok(())
    }

    /// Removes a file or a link, not the link's target.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.parent(path, Missing::Error)?;
        Ok(fs::unlinkat(&dir.dir, name, AtFlags::empty())?)
    }

    /// Removes a directory with files only.
    pub fn remove_dir(&self, path: &Path) -> io::Result<()> {
        for name in self.names(path)? {
            self.remove(&path.join(name))?;
        }
        let (dir, name) = self.parent(path, Missing::Error)?;
        Ok(fs::unlinkat(&dir.dir, name, AtFlags::REMOVEDIR)?)
    }

    /// Removes leftovers of a killed [`Self::replace_all`] from a directory. The caller holds the
    /// lock that keeps other writers out. Best effort: leftovers are harmless.
    pub fn sweep(&self, path: &Path) {
        let is_aside = |name: &Path| {
            let rest = name
                .to_str()
                .and_then(|name| name.strip_prefix(ASIDE))
                .and_then(|rest| rest.split_once('-'));
            let is_number =
                |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            rest.is_some_and(|(process, file)| is_number(process) && is_number(file))
        };
        for name in self
            .names(path)
            .unwrap_or_default()
            .iter()
            .filter(|name| is_aside(name))
        {
            let _ = self.remove(&path.join(name));
        }
    }

    /// Makes the names in the directory of a path durable.
    pub fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let (dir, _) = self.parent(path, Missing::Error)?;
        Ok(fs::fsync(&dir.dir)?)
    }

    /// The directory that a path ends in, and the name there.
    fn parent<'a>(&self, path: &'a Path, missing: Missing) -> io::Result<(Self, &'a OsStr)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        Ok((
            self.dir(path.parent().unwrap_or(Path::new("")), missing)?,
            name,
        ))
    }

    fn dir(&self, path: &Path, missing: Missing) -> io::Result<Self> {
        let mut dir = Self {
            dir: self.dir.try_clone()?,
            at: self.at.clone(),
        };
        for part in path.components() {
            let std::path::Component::Normal(part) = part else {
                return Err(io::ErrorKind::InvalidFilename.into());
            };
            dir = match (dir.step(part), missing) {
                (Err(error), Missing::Make) if error.kind() == io::ErrorKind::NotFound => {
                    match fs::mkdirat(&dir.dir, part, Mode::from_raw_mode(0o777)) {
                        Err(Errno::EXIST) => {}
                        made => made?,
                    }
                    fs::fsync(&dir.dir)?;
                    dir.step(part)?
                }
                (stepped, _) => stepped?,
            };
        }
        Ok(dir)
    }

    fn step(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        match fs::openat(&self.dir, name, flags, Mode::empty()) {
            Ok(dir) => Ok(Self {
                dir,
                at: self.at.join(name),
            }),
            Err(_)
                if self
                    .stat(name)
                    .is_ok_and(|stat| is(&stat, FileType::Symlink)) =>
            {
                Err(self.link(name))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let stat = self.stat(name)?;
        if is(&stat, FileType::Symlink) {
            return Err(self.link(name));
        }
        // A pipe is not opened at all: it would wait for a writer.
        check_regular(is(&stat, FileType::RegularFile))?;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::RDONLY;
        let file = fs::openat(&self.dir, name, flags, Mode::empty())?;
        check_regular(is(&fs::fstat(&file)?, FileType::RegularFile))?;
        Ok(file.into())
    }

    fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn link(&self, name: &OsStr) -> io::Error {
        io::Error::other(Link(self.at.join(name).display().to_string()))
    }

    fn write_temp(&self, name: &OsStr, bytes: &[u8]) -> io::Result<TempEntry> {
        let old = self
            .stat(name)
            .ok()
            .filter(|old| is(old, FileType::RegularFile));
        let (aside, file) = self.new_temp(Mode::from_raw_mode(temp_mode(old.as_ref()) as _))?;
        let mut file = File::from(file);
        file.write_all(bytes)?;
        give_to_owner(&file, old.as_ref())?;
        file.sync_all()?;
        Ok(aside)
    }

    fn new_temp(&self, mode: Mode) -> io::Result<(TempEntry, OwnedFd)> {
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::WRONLY;
        for number in 0..1024 {
            let name = format!("{ASIDE}{}-{number}", std::process::id());
            match fs::openat(&self.dir, name.as_str(), flags, mode) {
                Ok(file) => {
                    return Ok((
                        TempEntry {
                            dir: self.dir.try_clone()?,
                            name: Some(name),
                        },
                        file,
                    ));
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

#[derive(Clone, Copy)]
enum Missing {
    Make,
    Error,
}

/// A file that has not its name yet; dropped it is gone.
struct TempEntry {
    dir: OwnedFd,
    name: Option<String>,
}

impl TempEntry {
    fn rename(&mut self, to: &DirHandle, name: &OsStr) -> io::Result<()> {
        if let Some(aside) = &self.name {
            fs::renameat(self.dir.as_fd(), aside.as_str(), &to.dir, name)?;
            self.name = None;
        }
        Ok(())
    }
}

impl Drop for TempEntry {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = fs::unlinkat(self.dir.as_fd(), name.as_str(), AtFlags::empty());
        }
    }
}

fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}

fn not_found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn write(below: &DirHandle, path: &str, text: &str) -> io::Result<()> {
        below.replace_all(&[(path.into(), text.into())])
    }

    #[test]
    fn no_link_is_followed_on_any_step() {
        let temp_dir = || tempfile::tempdir().expect("temp dir");
        let (dir, other) = (temp_dir(), temp_dir());
        let (inside, outside) = (dir.path(), other.path());
        std::fs::write(outside.join("f"), "elsewhere").expect("written");
        let below = DirHandle::open(inside).expect("a directory");
        write(&below, "a/b/f", "here").expect("written");
        for (target, link) in [
            (outside.to_owned(), "out"),
            (outside.to_owned(), "a/out"),
            (inside.join("a/b"), "in"),
            (outside.join("f"), "link"),
        ] {
            symlink(target, inside.join(link)).expect("a link");
        }
        for (path, link) in [
            ("out/f", "out"),
            ("a/out/f", "a/out"),
            ("in/f", "in"),
            ("link", "link"),
        ] {
            let refused = below.file(Path::new(path)).expect_err(path);
            assert!(is_link(&refused), "{path}: {refused}");
            assert_eq!(refused.to_string(), format!("{link} is a link"));
        }
        let from = inside.join("from");
        std::fs::write(&from, "x").expect("written");
        for path in ["out/new", "a/out/new/new", "in/new"] {
            let written = write(&below, path, "x").expect_err(path);
            let taken = below.take(&from, Path::new(path)).expect_err(path);
            assert!(is_link(&written) && is_link(&taken), "{path}");
        }
        let files = outside.read_dir().expect("a directory");
        assert_eq!(files.count(), 1, "nothing was written there");
        for path in ["a/../a/b/f", "/etc/passwd"] {
            assert!(below.file(Path::new(path)).is_err(), "{path}");
        }
        // A link in place of a file is itself replaced or removed, not its target.
        write(&below, "link", "here").expect("written");
        let text = std::fs::read(outside.join("f")).expect("there");
        assert_eq!(text, b"elsewhere");
        below.remove(Path::new("out")).expect("removed");
        assert!(outside.join("f").exists());
    }

    #[test]
    fn what_is_replaced_keeps_its_mode_and_nothing_stays_aside() {
        let dir = tempfile::tempdir().expect("temp dir");
        let below = DirHandle::open(dir.path()).expect("a directory");
        let (file, mode) = (
            dir.path().join("d/f"),
            std::fs::Permissions::from_mode(0o640),
        );
        write(&below, "d/f", "one").expect("written");
        std::fs::set_permissions(&file, mode).expect("ours");
        write(&below, "d/f", "two").expect("written");
        let metadata = file.metadata().expect("there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
        assert_eq!(
            below.names(Path::new("d")).expect("a directory"),
            [PathBuf::from("f")]
        );
        // A name is given once.
        std::fs::write(dir.path().join("g"), "x").expect("written");
        let taken = below.take(&dir.path().join("g"), Path::new("d/f"));
        assert_eq!(
            taken.expect_err("it is there").kind(),
            io::ErrorKind::AlreadyExists
        );
        // Only the leftovers of the killed process are removed.
        for name in [
            ".pgseal-log-7-0",
            ".pgseal-log-mine",
            ".pgseal-log-",
            ".pgseal-x",
        ] {
            std::fs::write(dir.path().join(name), "x").expect("written");
        }
        below.sweep(Path::new(""));
        let mut left = below.names(Path::new("")).expect("a directory");
        left.sort();
        assert_eq!(
            left,
            [".pgseal-log-", ".pgseal-log-mine", ".pgseal-x", "d", "g"].map(PathBuf::from)
        );
    }
}
