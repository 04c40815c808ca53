//! Reads a release directory: every file in it, each once.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::{DirEntry, WalkDir};

use super::problem::Problem;
use crate::archive::names::Names;
use crate::entry_path::EntryPath;
use crate::limits;
use crate::sql::{FileError, Files};

/// The files of a release directory, in memory.
#[derive(Default)]
pub struct Source {
    files: BTreeMap<EntryPath, Arc<[u8]>>,
    skipped: Vec<String>,
    names: Names,
}

/// Why a directory can't be read. What is wrong with its content are [`Problem`]s.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}", path = path.display())]
pub struct SourceError {
    path: PathBuf,
    source: io::Error,
}

impl Source {
    /// Reads all files below a directory. Hidden files and folders (`.git`) are left out and remembered.
    pub fn read(dir: &Path, problems: &mut Vec<Problem>) -> Result<Self, SourceError> {
        let mut source = Self::default();
        let error = |path: &Path, source| SourceError { path: path.to_owned(), source };
        if !dir.is_dir() {
            return Err(error(dir, io::Error::new(io::ErrorKind::NotADirectory, "not a directory")));
        }
        let mut walk = WalkDir::new(dir).min_depth(1).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            let entry = entry.map_err(|e| error(e.path().unwrap_or(dir), io::Error::other(e.to_string())))?;
            let path = relative(dir, &entry);
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                source.skipped.push(path);
                if entry.file_type().is_dir() {
                    walk.skip_current_dir();
                }
            } else if !entry.file_type().is_dir() {
                source.add(&entry, &path, problems).map_err(|e| error(entry.path(), e))?;
            }
        }
        Ok(source)
    }

    /// From files in memory.
    pub fn from_files(files: BTreeMap<EntryPath, Arc<[u8]>>) -> Self {
        Self { files, ..Self::default() }
    }

    /// A file's bytes.
    pub fn get(&self, path: &EntryPath) -> Option<&Arc<[u8]>> {
        self.files.get(path)
    }

    /// All files by ascending path.
    pub fn files(&self) -> impl Iterator<Item = (&EntryPath, &Arc<[u8]>)> {
        self.files.iter()
    }

    /// Hidden files and folders that were left out.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    fn add(&mut self, entry: &DirEntry, path: &str, problems: &mut Vec<Problem>) -> io::Result<()> {
        if !entry.file_type().is_file() {
            problems.push(
                Problem::file(path, "neither a file nor a directory: links and devices are not packed")
                    .rule("unfit-file"),
            );
            return Ok(());
        }
        let parsed = match path.parse::<EntryPath>() {
            Ok(parsed) if parsed.is_reserved() => {
                let text = "the format keeps the top names pgseal, statement.json, signatures and approvals for itself";
                problems.push(Problem::file(path, text).rule("unfit-file"));
                return Ok(());
            }
            Ok(parsed) => parsed,
            Err(error) => {
                problems.push(Problem::file(path, error).hint("rename the file").rule("unfit-file"));
                return Ok(());
            }
        };
        if !self.names.add(path) {
            let problem = Problem::file(path, "the name differs from another only in upper and lower case");
            problems.push(problem.rule("unfit-file").hint("rename one: not every file system keeps both"));
            return Ok(());
        }
        if entry.metadata().map_err(io::Error::other)?.len() > limits::MEMBER_BYTES {
            problems.push(Problem::file(path, "the file has 8 GiB or more").hint("split it").rule("unfit-file"));
            return Ok(());
        }
        let bytes = fs::read(entry.path())?;
        if let Some(problem) = unfit_content(path, &bytes) {
            problems.push(problem);
        }
        self.files.insert(parsed, bytes.into());
        Ok(())
    }
}

impl Files for Source {
    fn open(&self, path: &str) -> Result<Box<dyn io::Read + '_>, FileError> {
        let file = path.parse().ok().and_then(|path: EntryPath| self.files.get(&path));
        file.map(|bytes| Box::new(&**bytes) as Box<dyn io::Read>).ok_or(FileError::NotFound)
    }
}

/// What must never travel in a bundle.
fn unfit_content(path: &str, bytes: &[u8]) -> Option<Problem> {
    if path.ends_with(".pgseal") {
        let problem = Problem::file(path, "a bundle inside the release directory would be packed into the next one");
        return Some(problem.rule("unfit-file").hint("write bundles to another directory (-o)"));
    }
    let head = &bytes[..bytes.len().min(4096)];
    let secret = [&b"PRIVATE KEY-----"[..], b"OPENSSH PRIVATE KEY"];
    let has = |needle: &[u8]| head.windows(needle.len()).any(|window| window == needle);
    secret
        .iter()
        .any(|needle| has(needle))
        .then(|| Problem::file(path, "this is a secret key").rule("secret-key"))
        .map(|problem| problem.hint("keep secret keys out of the release directory"))
}

fn relative(dir: &Path, entry: &DirEntry) -> String {
    let path = entry.path().strip_prefix(dir).unwrap_or(entry.path());
    path.to_string_lossy().into_owned()
}
