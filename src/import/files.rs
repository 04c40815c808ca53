//! The files of a source, by relative path. The source is foreign: links are not followed, and nothing outside is read.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

use super::ImportError;
use super::project::Script;
use crate::durable::{DirHandle, is_link, read_limited};
use psql_script::{FileError, Files};

/// Most bytes of one file, which is read into memory.
const MOST: u64 = 64 << 20;

/// A directory of migrations.
pub struct Source {
    pub root: PathBuf,
    dir: DirHandle,
}

impl Source {
    pub fn open(root: &Path) -> Result<Self, ImportError> {
        let dir = DirHandle::open(root).map_err(|source| ImportError::Io {
            path: root.to_owned(),
            source,
        })?;
        Ok(Self {
            root: root.to_owned(),
            dir,
        })
    }

    /// The directory of a file, and the file's name.
    pub fn of_file(path: &Path) -> Result<(Self, String), ImportError> {
        let name = path.file_name().unwrap_or_default();
        let name = named(Path::new(name))?;
        Ok((Self::open(path.parent().unwrap_or(Path::new("")))?, name))
    }

    /// The files below it, without hidden ones, in the order of their paths. A link or a pipe is listed too: reading it
    /// is refused, where leaving it out would lose a migration.
    pub fn list(&self) -> Result<Vec<String>, ImportError> {
        let walk = WalkDir::new(&self.root).min_depth(1).sort_by_file_name();
        let is_shown = |name: &std::ffi::OsStr| !name.as_encoded_bytes().starts_with(b".");
        let mut files = Vec::new();
        for entry in walk
            .into_iter()
            .filter_entry(|entry| is_shown(entry.file_name()))
        {
            let entry = entry.map_err(|error| ImportError::Io {
                path: error.path().unwrap_or(&self.root).to_owned(),
                source: error.into(),
            })?;
            let path = entry.path();
            let path = path.strip_prefix(&self.root).unwrap_or(path);
            if entry.path_is_symlink() && entry.path().is_dir() {
                return Err(refused(&named(path)?, LINK));
            }
            if !entry.file_type().is_dir() {
                files.push(named(path)?);
            }
        }
        Ok(files)
    }

    /// A file's text, without a byte order mark.
    pub fn text(&self, file: &str) -> Result<String, ImportError> {
        let bytes = self
            .file(file)
            .and_then(|opened| read_limited(opened, MOST))
            .map_err(|source| self.error(file, source))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
            ImportError::Encoding {
                file: file.to_owned(),
                line: u32::try_from(line).unwrap_or(u32::MAX),
            }
        })?;
        Ok(match text.strip_prefix('\u{feff}') {
            Some(text) => text.to_owned(),
            None => text,
        })
    }

    /// A file as a script.
    pub fn script(&self, file: &str) -> Result<Script, ImportError> {
        Ok(Script::whole(file, self.text(file)?))
    }

    /// A file's text; `None` if there is no such file.
    pub fn optional(&self, file: &str) -> Result<Option<String>, ImportError> {
        match self.file(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => self.text(file).map(Some),
        }
    }

    fn file(&self, file: &str) -> io::Result<File> {
        let is_step = |part: &Component<'_>| *part != Component::CurDir;
        let path: PathBuf = Path::new(file).components().filter(is_step).collect();
        self.dir.file(&path)
    }

    fn error(&self, file: &str, source: io::Error) -> ImportError {
        if is_link(&source) {
            return refused(file, LINK);
        }
        match source.kind() {
            io::ErrorKind::InvalidInput => refused(file, &source.to_string()),
            io::ErrorKind::InvalidData => refused(
                file,
                "the file is larger than 64 MiB: split it, or write its tier by hand",
            ),
            _ => ImportError::Io {
                path: self.root.join(file),
                source,
            },
        }
    }
}

const LINK: &str = "a link is not followed: copy the file there";

impl Files for Source {
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError> {
        match self.file(path) {
            Ok(file) => Ok(Box::new(file.take(MOST))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(FileError::NotFound),
            Err(error) => Err(FileError::Other(Box::new(error))),
        }
    }
}

/// A refusal of a whole file.
pub fn refused(file: &str, why: &str) -> ImportError {
    ImportError::File {
        file: file.to_owned(),
        why: why.to_owned(),
    }
}

/// Whether a path from a plan or a configuration stays below the directory.
pub fn stays_below(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    let fits = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    parts.all(fits) && !path.chars().any(char::is_control)
}

/// A path as text. Names with control characters could hide in lists and terminals.
fn named(path: &Path) -> Result<String, ImportError> {
    let shown = path.to_string_lossy();
    match path.to_str() {
        None => Err(refused(&shown, "the file's name is not UTF-8")),
        Some(name) if name.chars().any(char::is_control) => {
            Err(refused(name, "the file's name has a control character"))
        }
        Some(name) => Ok(name.to_owned()),
    }
}

/// The last component of a path.
pub fn name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

/// The digits at the beginning of a name, and the rest without its separator.
pub fn numbered(name: &str) -> Option<(&str, &str)> {
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = name.split_at(digits);
    (digits > 0).then(|| (number, rest.trim_start_matches(['_', '-'])))
}

/// Order of numbers of any length.
pub fn order(number: &str) -> (usize, &str) {
    let number = number.trim_start_matches('0');
    (number.len(), number)
}
