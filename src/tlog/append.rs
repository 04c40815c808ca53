//! Appends to a log on disk. The logged files must exist first. Then entries, tiles and last, by
//! one rename, the checkpoint are written. A killed append leaves the old checkpoint with its tiles
//! untouched, and perhaps entries after it. The next append must complete these first, so that no
//! signed state is ever signed differently.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::checkpoint::{Checkpoint, CheckpointError, SignCheckpointError, TrustedHead};
use super::entries::{self, EntriesError};
use super::hash::{complete, leaf};
use super::proof::{ProofError, check_consistency, consistency, root};
use super::read;
use super::stored::{Stored, TileError, TileFault};
use super::tile::{Content, HEIGHT, Tile, WIDTH};
use super::{CHECKPOINT, hash};
use crate::durable::{self, DirHandle};
use crate::trust::root::SignatureError;
use crate::trust::{Signer, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::json::{self, JsonError};
use pgseal_verify::format::log_entry::{ArchivePath, LogEntry};

/// A tile and its bytes.
type Written = (Tile, Vec<u8>);

/// The only field of an entry that a search reads.
#[derive(Deserialize)]
struct PathOnly<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
}

/// A log under an exclusive lock. A key that counts has signed its checkpoint, and its last tiles
/// agree with it.
pub struct LockedLog {
    dir: PathBuf,
    head: TrustedHead,
    tail: Vec<Vec<u8>>,
    pending: Vec<Vec<u8>>,
    _lock: File,
}

/// Reason why entries cannot be appended.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: there is a log already", path = .0.display())]
    Exists(PathBuf),
    #[error("{path}: there is no log: it has no checkpoint", path = .0.display())]
    NoLog(PathBuf),
    #[error("{path}: {source}", path = path.display())]
    Checkpoint {
        path: PathBuf,
        source: CheckpointError,
    },
    /// A checkpoint without the signature of a key that counts.
    #[error("{path}: {source}", path = path.display())]
    Signature {
        path: PathBuf,
        source: SignatureError,
    },
    #[error(transparent)]
    Tile(#[from] TileError),
    /// Entries after the checkpoint that are not from an interrupted append.
    #[error(transparent)]
    Behind(TileError),
    #[error("{path}: {reason}", path = path.display())]
    Broken { path: PathBuf, reason: String },
    #[error("an entry of the log: {0}")]
    Entry(#[from] JsonError),
    #[error(transparent)]
    Entries(#[from] EntriesError),
    #[error(transparent)]
    Sign(#[from] SignCheckpointError),
    /// A new tree that does not extend the signed one.
    #[error("the new tree does not begin with the one that was signed: {0}")]
    Consistency(#[from] ProofError),
}

/// Creates a log in a directory without one: an empty tree, signed.
pub fn create(
    dir: &Path,
    origin: &str,
    root: &TrustRoot,
    signer: &dyn Signer,
) -> Result<Checkpoint, LogError> {
    if super::has_log(dir) {
        return Err(LogError::Exists(dir.to_owned()));
    }
    let path = dir.join(CHECKPOINT);
    let checkpoint = Checkpoint::sign(origin, 0, hash::empty(), signer)?;
    authenticate(&checkpoint, root, &path)?;
    let written = durable::create_new(&path, |file| {
        file.write_all(checkpoint.to_string().as_bytes())
    });
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(LogError::Exists(dir.to_owned()))
        }
        Err(source) => Err(LogError::Io { path, source }),
        Ok(()) => Ok(checkpoint),
    }
}

/// Reads a log's checkpoint, and verifies its signature.
pub fn head(dir: &Path, root: &TrustRoot) -> Result<(Checkpoint, TrustedHead), LogError> {
    let path = dir.join(CHECKPOINT);
    let checkpoint = read::checkpoint_of(dir).map_err(|source| match source {
        CheckpointError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            LogError::NoLog(dir.to_owned())
        }
        source => LogError::Checkpoint {
            path: path.clone(),
            source,
        },
    })?;
    let head = authenticate(&checkpoint, root, &path)?;
    Ok((checkpoint, head))
}

fn authenticate(
    checkpoint: &Checkpoint,
    root: &TrustRoot,
    path: &Path,
) -> Result<TrustedHead, LogError> {
    let head = checkpoint.authenticate(root);
    head.map_err(|source| LogError::Signature {
        path: path.to_owned(),
        source,
    })
}

/// Entries after the checkpoint, from an interrupted append or a restored older checkpoint.
pub fn pending(dir: &Path, size: u64) -> Result<Vec<Vec<u8>>, TileError> {
    let mut pending = Vec::new();
    for index in size / WIDTH.. {
        let width = width(dir, index);
        let known = size.saturating_sub(index * WIDTH).min(WIDTH);
        if width <= known {
            break;
        }
        let mut entries = Stored::new(dir, index * WIDTH + width).entries(index)?;
        let behind = entries.split_off(entries.len().min(known as usize));
        // Unreadable entries of the checkpoint are reported separately.
        if known > 0
            && Stored::new(dir, size)
                .entries(index)
                .is_ok_and(|signed| signed != entries)
        {
            let tile = Tile {
                content: Content::Entries,
                index,
                width,
            };
            return Err(TileError {
                path: tile.to_string(),
                reason: TileFault::Foreign,
            });
        }
        pending.extend(behind);
        if width < WIDTH {
            break;
        }
    }
    Ok(pending)
}

/// Number of entries on disk, by the names of their tiles.
pub fn there(dir: &Path) -> u64 {
    let is_full = |index: &u64| width(dir, *index) == WIDTH;
    let full = (0..).take_while(is_full).count() as u64;
    full * WIDTH + width(dir, full)
}

/// Number of entries in one tile on disk; 0 without one.
fn width(dir: &Path, index: u64) -> u64 {
    let full = Tile {
        content: Content::Entries,
        index,
        width: WIDTH,
    };
    let Ok(log) = DirHandle::open(dir) else {
        return 0;
    };
    if log.has(Path::new(&full.to_string())) {
        return WIDTH;
    }
    // The widest of the partial tiles.
    let names = log.names(Path::new(&full.partials())).unwrap_or_default();
    let widths = names
        .iter()
        .filter_map(|name| name.to_str().and_then(super::checkpoint::number));
    widths
        .filter(|width| (1..WIDTH).contains(width))
        .max()
        .unwrap_or_default()
}

impl LockedLog {
    /// Acquires the lock (and calls `waiting` if it has to wait), then reads the checkpoint and the
    /// last tiles. Only these: the work does not grow with the log.
    pub fn lock(dir: &Path, root: &TrustRoot, waiting: &dyn Fn()) -> Result<Self, LogError> {
        let path = dir.join(CHECKPOINT);
        let lock = durable::lock(&path, waiting).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => LogError::NoLog(dir.to_owned()),
            _ => LogError::Io { path, source },
        })?;
        let (_, head) = head(dir, root)?;
        let stored = Stored::new(dir, head.size());
        check_tiles(dir, &stored, &head)?;
        let mut tail = Vec::new();
        if !head.size().is_multiple_of(WIDTH) {
            let last = head.size() / WIDTH;
            tail = stored.entries(last)?;
            if !tail
                .iter()
                .map(|entry| leaf(entry))
                .eq(stored.hashes(0, last)?.iter().copied())
            {
                return Err(broken(
                    dir,
                    "its last entries are not those of the checkpoint",
                ));
            }
        }
        let pending = pending(dir, head.size()).map_err(LogError::Behind)?;
        Ok(Self {
            dir: dir.to_owned(),
            head,
            tail,
            pending,
            _lock: lock,
        })
    }

    pub fn head(&self) -> &TrustedHead {
        &self.head
    }

    /// The entries of these paths on disk. They are not compared with the tree: see
    /// [`super::compare()`].
    pub fn logged(
        &self,
        paths: &BTreeSet<ArchivePath>,
    ) -> Result<BTreeMap<ArchivePath, LogEntry>, LogError> {
        let stored = Stored::new(&self.dir, self.head.size());
        let mut logged = BTreeMap::new();
        for index in 0..self.head.size().div_ceil(WIDTH) {
            for bytes in stored.entries(index)? {
                // Most entries of a large log are about other files.
                let only: PathOnly<'_> = serde_json::from_slice(&bytes).map_err(JsonError::from)?;
                if let Some(path) = paths.get(only.path.as_ref()) {
                    logged.insert(path.clone(), json::from_canonical(&bytes)?);
                }
            }
        }
        Ok(logged)
    }

    /// Entries that an interrupted append left after the checkpoint. They must be appended before
    /// all others.
    pub fn pending(&self) -> Result<Vec<LogEntry>, LogError> {
        Ok(self
            .pending
            .iter()
            .map(|entry| json::from_canonical(entry))
            .collect::<Result<_, _>>()?)
    }

    /// Appends entries and signs the new state of the log.
    pub fn append(
        self,
        entries: &[LogEntry],
        root: &TrustRoot,
        signer: &dyn Signer,
    ) -> Result<Checkpoint, LogError> {
        let old = self.head.size();
        let new: Vec<Vec<u8>> = entries
            .iter()
            .map(json::to_canonical)
            .collect::<Result<_, _>>()?;
        if !new.starts_with(&self.pending) {
            let reason = "entries of an interrupted append would be lost";
            return Err(broken(&self.dir, reason));
        }
        let size = old + new.len() as u64;
        let (tiles, stored) = self.tiles(&new, size)?;
        let root_hash = self::root(&stored, size)?;
        let path = consistency(&stored, old, size)?;
        check_consistency((old, self.head.root()), (size, root_hash), &path)?;
        // Signed before anything is written: a refusal by the key leaves the log unchanged.
        let checkpoint = Checkpoint::sign(self.head.origin(), size, root_hash, signer)?;
        authenticate(&checkpoint, root, &self.dir.join(CHECKPOINT))?;
        self.write(&tiles, &checkpoint)
            .map_err(|source| LogError::Io {
                path: self.dir,
                source,
            })?;
        Ok(checkpoint)
    }

    /// The tiles to write: the last tile of each level and those after it, entries first. Also
    /// returns the tree that they make.
    fn tiles(&self, new: &[Vec<u8>], size: u64) -> Result<(Vec<Written>, Stored), LogError> {
        let (old, mut tiles) = (self.head.size(), Vec::new());
        let all: Vec<&[u8]> = self.tail.iter().chain(new).map(Vec::as_slice).collect();
        for (index, bundle) in (old / WIDTH..).zip(all.chunks(WIDTH as usize)) {
            let tile = Tile {
                content: Content::Entries,
                index,
                width: bundle.len() as u64,
            };
            tiles.push((tile, entries::encode(bundle.iter().copied())?));
        }
        let (before, after) = (Stored::new(&self.dir, old), Stored::new(&self.dir, size));
        let mut fresh: Vec<Digest> = new.iter().map(|entry| leaf(entry)).collect();
        for level in 0..64 / HEIGHT {
            if fresh.is_empty() {
                break;
            }
            let at = old >> (HEIGHT * level);
            let mut hashes = Vec::new();
            if !at.is_multiple_of(WIDTH) {
                hashes.extend_from_slice(&before.hashes(level, at / WIDTH)?);
            }
            hashes.append(&mut fresh);
            for (index, hashes) in (at / WIDTH..).zip(hashes.chunks(WIDTH as usize)) {
                let tile = Tile {
                    content: Content::Hashes(level),
                    index,
                    width: hashes.len() as u64,
                };
                tiles.push((
                    tile,
                    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect(),
                ));
                after.assume(level, index, hashes.to_vec());
                if tile.is_full() {
                    fresh.push(complete(hashes));
                }
            }
        }
        Ok((tiles, after))
    }

    /// Writes the tiles, then the checkpoint. Follows no links: the log's files are inside the
    /// archive.
    fn write(&self, tiles: &[Written], checkpoint: &Checkpoint) -> io::Result<()> {
        let log = DirHandle::open(&self.dir)?;
        let mut files = Vec::new();
        for (tile, bytes) in tiles {
            let path = PathBuf::from(tile.to_string());
            // Files of an interrupted append are rewritten only if they differ.
            let there = log
                .file(&path)
                .and_then(|file| durable::read_limited(file, bytes.len() as u64));
            if !there.is_ok_and(|there| there == *bytes) {
                files.push((path, bytes.clone()));
            }
        }
        let dirs: BTreeSet<&Path> = files
            .iter()
            .filter_map(|(path, _)| path.parent())
            .chain([Path::new("")])
            .collect();
        dirs.into_iter().for_each(|dir| log.sweep(dir));
        log.replace_all(&files)?;
        log.replace_all(&[(CHECKPOINT.into(), checkpoint.to_string().into_bytes())])?;
        for (tile, _) in tiles.iter().filter(|(tile, _)| tile.is_full()) {
            // The full tile replaces them. Best effort: leftovers are ignored.
            let _ = log.remove_dir(Path::new(&tile.partials()));
        }
        Ok(())
    }
}

/// Checks that the tiles lead to the signed root.
pub fn check_tiles(dir: &Path, stored: &Stored, head: &TrustedHead) -> Result<(), LogError> {
    if root(stored, head.size())? == head.root() {
        return Ok(());
    }
    Err(broken(dir, "its tiles are not those of the checkpoint"))
}

fn broken(dir: &Path, reason: &str) -> LogError {
    LogError::Broken {
        path: dir.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
