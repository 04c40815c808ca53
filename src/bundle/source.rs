//! Reads a release directory: every file in it, each once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use walkdir::{DirEntry, WalkDir};

use super::problem::Problem;
use crate::parallel;
use pgseal_verify::archive::names::Names;
use pgseal_verify::digest::{Digest, Hasher};
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::limits;
use psql_script::{FileError, Files};

/// The files of a release directory. Large ones stay on disk; reading one again gives the same
/// bytes as the first time, or an error.
#[derive(Default)]
pub struct Source {
    files: BTreeMap<EntryPath, Content>,
    skipped: Vec<String>,
    names: Names,
}

/// Largest file in bytes that is kept in memory.
const KEPT_IN_MEMORY: u64 = 1024 * 1024;

/// Most bytes kept in memory of all files together.
const KEPT_OF_ALL: u64 = 16 << 20;

/// The bytes of a file, in memory or on disk.
pub(super) enum Content {
    Memory(Arc<[u8]>),
    Disk {
        path: PathBuf,
        size: u64,
        sha256: Digest,
    },
}

impl Content {
    /// In bytes.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk { size, .. } => *size,
        }
    }

    /// The digest of the whole file.
    pub(super) fn sha256(&self) -> Digest {
        match self {
            Self::Memory(bytes) => Digest::of(bytes),
            Self::Disk { sha256, .. } => *sha256,
        }
    }

    /// Passes the whole file to `take` in pieces; an error if it changed since the first reading.
    pub(super) fn copy(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Self::Memory(bytes) = self {
            return take(bytes);
        }
        pieces(self.reader()?, vec![0; PIECE], take)
    }

    /// Reads the file from its start; an error if it changed since the first reading.
    pub(super) fn reader(&self) -> io::Result<Box<dyn Read + '_>> {
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

/// A reader that fails if the file changed.
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
        if left.is_none() || ended && (self.left > 0 || self.hasher.clone().finish() != self.sha256)
        {
            return Err(io::Error::other("the file was changed while it was read"));
        }
        Ok(count)
    }
}

/// Reason why a directory can't be read. Errors in its content are [`Problem`]s.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}", path = path.display())]
pub struct SourceError {
    path: PathBuf,
    source: io::Error,
}

impl Source {
    /// Reads all files below a directory. Hidden files and folders (`.git`) are skipped and
    /// recorded.
    pub fn read(dir: &Path, problems: &mut Vec<Problem>) -> Result<Self, SourceError> {
        let mut source = Self::default();
        let error = |path: &Path, source| SourceError {
            path: path.to_owned(),
            source,
        };
        if !dir.is_dir() {
            let source = io::Error::new(io::ErrorKind::NotADirectory, "not a directory");
            return Err(error(dir, source));
        }
        let walk = WalkDir::new(dir).min_depth(1).sort_by_file_name();
        let (mut walk, mut fit) = (walk.into_iter(), Vec::new());
        while let Some(entry) = walk.next() {
            let entry = entry
                .map_err(|e| error(e.path().unwrap_or(dir), io::Error::other(e.to_string())))?;
            let path = relative(dir, &entry);
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                source.skipped.push(path);
                if entry.file_type().is_dir() {
                    walk.skip_current_dir();
                }
            } else if !entry.file_type().is_dir() {
                match source.fits(&entry, &path) {
                    Ok(size) => fit.push((entry, path, size)),
                    Err(Unfit::Problem(problem)) => problems.push(*problem),
                    Err(Unfit::Io(e)) => return Err(error(entry.path(), e)),
                }
            }
        }
        let room = AtomicU64::new(KEPT_OF_ALL);
        let contents = parallel::map(
            &fit,
            |(.., size)| *size,
            |(entry, ..)| content(entry.path(), &room),
        );
        for ((entry, path, _), content) in fit.iter().zip(contents) {
            let (content, head) = content.map_err(|e| error(entry.path(), e))?;
            problems.extend(unfit_content(path, &head));
            if content.size() > limits::MEMBER_BYTES {
                problems.push(too_large(path));
            }
            source
                .files
                .extend(path.parse().ok().map(|path| (path, content)));
        }
        Ok(source)
    }

    /// Wraps files in memory.
    pub fn from_files(files: BTreeMap<EntryPath, Arc<[u8]>>) -> Self {
        let files = files
            .into_iter()
            .map(|(path, bytes)| (path, Content::Memory(bytes)))
            .collect();
        Self {
            files,
            ..Self::default()
        }
    }

    /// Whether the file exists.
    pub fn contains(&self, path: &EntryPath) -> bool {
        self.files.contains_key(path)
    }

    /// All paths, ascending.
    pub fn paths(&self) -> impl Iterator<Item = &EntryPath> {
        self.files.keys()
    }

    /// A file's bytes; `None` if there is no such file.
    pub fn get(&self, path: &EntryPath) -> io::Result<Option<Arc<[u8]>>> {
        self.files.get(path).map(bytes).transpose()
    }

    /// Size of all files together, in bytes.
    pub fn size(&self) -> u64 {
        self.files.values().map(Content::size).sum()
    }

    /// All files by ascending path.
    pub(super) fn into_contents(self) -> BTreeMap<EntryPath, Content> {
        self.files
    }

    /// Hidden files and folders that were skipped.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Checks whether a file can be packed, without opening it; returns its size in bytes.
    fn fits(&mut self, entry: &DirEntry, path: &str) -> Result<u64, Unfit> {
        let unfit = |problem: Problem| Err(Unfit::Problem(Box::new(problem.rule("unfit-file"))));
        if !entry.file_type().is_file() {
            let text = "neither a file nor a directory: links and devices are not packed";
            return unfit(Problem::file(path, text));
        }
        match path.parse::<EntryPath>() {
            Ok(parsed) if parsed.is_reserved() => {
                let text = "the format keeps the top names pgseal, statement.json, signatures and approvals for itself";
                return unfit(Problem::file(path, text));
            }
            Ok(_) => {}
            Err(error) => return unfit(Problem::file(path, error).hint("rename the file")),
        }
        if !self.names.add(path) {
            let text = "the name differs from another only in upper and lower case";
            let problem = Problem::file(path, text);
            return unfit(problem.hint("rename one: not every file system keeps both"));
        }
        let metadata = entry.metadata().map_err(io::Error::other);
        match metadata.map_err(Unfit::Io)?.len() {
            size if size > limits::MEMBER_BYTES => Err(Unfit::Problem(Box::new(too_large(path)))),
            size => Ok(size),
        }
    }
}

/// Reason why a file is not read.
enum Unfit {
    Problem(Box<Problem>),
    Io(io::Error),
}

fn too_large(path: &str) -> Problem {
    Problem::file(path, "the file has 8 GiB or more")
        .hint("split it")
        .rule("unfit-file")
}

impl Files for Source {
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError> {
        let file = path
            .parse()
            .ok()
            .and_then(|path: EntryPath| self.files.get(&path));
        file.ok_or(FileError::NotFound)?
            .reader()
            .map_err(|error| FileError::Other(Box::new(error)))
    }
}

/// Bytes per read.
const PIECE: usize = 256 << 10;

/// Reads a file for the first time and returns its content and first bytes. It reads at most the
/// size limit of a member, since the file may grow.
fn content(path: &Path, room: &AtomicU64) -> io::Result<(Content, Vec<u8>)> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    let size = file
        .by_ref()
        .take(KEPT_IN_MEMORY + 1)
        .read_to_end(&mut bytes)? as u64;
    let head = bytes[..bytes.len().min(HEAD)].to_vec();
    let fits = |room: u64| room.checked_sub(size);
    if size <= KEPT_IN_MEMORY
        && room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    {
        return Ok((Content::Memory(bytes.into()), head));
    }
    let mut hasher = Hasher::default();
    hasher.update(&bytes);
    bytes.resize(PIECE, 0);
    bytes.truncate(PIECE);
    bytes.shrink_to_fit();
    let (file, mut size) = (file.take(limits::MEMBER_BYTES + 1 - size), size);
    pieces(file, bytes, |piece| {
        hasher.update(piece);
        size += piece.len() as u64;
        Ok(())
    })?;
    let content = Content::Disk {
        path: path.to_owned(),
        size,
        sha256: hasher.finish(),
    };
    Ok((content, head))
}

/// Passes everything to `take` in pieces of at most the buffer's length.
fn pieces(
    mut from: impl Read,
    mut buffer: Vec<u8>,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => take(&buffer[..count])?,
        }
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

/// Bytes at the start of a file that are searched for secret keys.
const HEAD: usize = 4096;

/// Rejects bundles and secret keys, which must not be packed.
fn unfit_content(path: &str, head: &[u8]) -> Option<Problem> {
    if path.ends_with(".pgseal") {
        let text = "a bundle inside the release directory would be packed into the next one";
        let problem = Problem::file(path, text).rule("unfit-file");
        return Some(problem.hint("write bundles to another directory (-o)"));
    }
    let has = |needle: &[u8]| head.windows(needle.len()).any(|window| window == needle);
    if !has(b"PRIVATE KEY-----") && !has(b"OPENSSH PRIVATE KEY") {
        return None;
    }
    let problem = Problem::file(path, "this is a secret key").rule("secret-key");
    Some(problem.hint("keep secret keys out of the release directory"))
}

fn relative(dir: &Path, entry: &DirEntry) -> String {
    let path = entry.path().strip_prefix(dir).unwrap_or(entry.path());
    path.to_string_lossy().into_owned()
}
