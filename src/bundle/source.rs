//! Reads a release directory: every file in it, each once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::{DirEntry, WalkDir};

use super::problem::Problem;
use crate::archive::names::Names;
use crate::digest::{Digest, Hasher};
use crate::entry_path::EntryPath;
use crate::limits;
use crate::sql::{FileError, Files};

/// The files of a release directory. Large ones stay on the disk; whoever reads one again gets the bytes that were there
/// first, or an error.
#[derive(Default)]
pub struct Source {
    files: BTreeMap<EntryPath, Content>,
    skipped: Vec<String>,
    names: Names,
}

/// A larger file stays on the disk, in bytes.
const KEPT_IN_MEMORY: u64 = 1024 * 1024;

/// Where the bytes of a file are.
enum Content {
    Memory(Arc<[u8]>),
    Disk { path: PathBuf, size: u64, sha256: Digest },
}

impl Content {
    fn reader(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Memory(bytes) => Box::new(&**bytes),
            Self::Disk { path, size, sha256 } => Box::new(SameAsBefore {
                file: File::open(path)?,
                hasher: Hasher::default(),
                left: *size,
                sha256: *sha256,
            }),
        })
    }
}

/// A file that must still be what it was.
struct SameAsBefore {
    file: File,
    hasher: Hasher,
    left: u64,
    sha256: Digest,
}

impl Read for SameAsBefore {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(out)?;
        self.hasher.update(&out[..count]);
        let left = self.left.checked_sub(count as u64);
        let ended = count == 0 && !out.is_empty();
        self.left = left.unwrap_or_default();
        if left.is_none() || ended && (self.left > 0 || self.hasher.clone().finish() != self.sha256) {
            return Err(io::Error::other("the file was changed while it was read"));
        }
        Ok(count)
    }
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
        let files = files.into_iter().map(|(path, bytes)| (path, Content::Memory(bytes))).collect();
        Self { files, ..Self::default() }
    }

    /// Whether the file is there.
    pub fn contains(&self, path: &EntryPath) -> bool {
        self.files.contains_key(path)
    }

    /// A file's bytes; `None` if there is no such file.
    pub fn get(&self, path: &EntryPath) -> io::Result<Option<Arc<[u8]>>> {
        self.files.get(path).map(bytes).transpose()
    }

    /// All files by ascending path, each read when it comes.
    pub fn files(&self) -> impl Iterator<Item = (&EntryPath, io::Result<Arc<[u8]>>)> {
        self.files.iter().map(|(path, content)| (path, bytes(content)))
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
        let content = content(entry.path())?;
        let mut head = Vec::new();
        content.reader()?.take(HEAD).read_to_end(&mut head)?;
        if let Some(problem) = unfit_content(path, &head) {
            problems.push(problem);
        }
        self.files.insert(parsed, content);
        Ok(())
    }
}

impl Files for Source {
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError> {
        let file = path.parse().ok().and_then(|path: EntryPath| self.files.get(&path));
        file.ok_or(FileError::NotFound)?.reader().map_err(|error| FileError::Other(Box::new(error)))
    }
}

/// Reads a file for the first time.
fn content(path: &Path) -> io::Result<Content> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    let size = file.by_ref().take(KEPT_IN_MEMORY + 1).read_to_end(&mut bytes)? as u64;
    if size <= KEPT_IN_MEMORY {
        return Ok(Content::Memory(bytes.into()));
    }
    let mut hasher = Hasher::default();
    hasher.update(&bytes);
    let (mut size, mut chunk) = (size, vec![0; 64 * 1024]);
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok(Content::Disk { path: path.to_owned(), size, sha256: hasher.finish() });
        }
        hasher.update(&chunk[..count]);
        size += count as u64;
    }
}

fn bytes(content: &Content) -> io::Result<Arc<[u8]>> {
    match content {
        Content::Memory(bytes) => Ok(Arc::clone(bytes)),
        Content::Disk { .. } => {
            let mut bytes = Vec::new();
            content.reader()?.read_to_end(&mut bytes)?;
            Ok(bytes.into())
        }
    }
}

/// How much of a file shows what it is, in bytes.
const HEAD: u64 = 4096;

/// What must never travel in a bundle.
fn unfit_content(path: &str, head: &[u8]) -> Option<Problem> {
    if path.ends_with(".pgseal") {
        let problem = Problem::file(path, "a bundle inside the release directory would be packed into the next one");
        return Some(problem.rule("unfit-file").hint("write bundles to another directory (-o)"));
    }
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
