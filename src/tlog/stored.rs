//! Reader of a log's tiles on disk.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::entries::{self, EntriesError};
use super::hash::complete;
use super::proof::Subtrees;
use super::tile::{Content, HEIGHT, Tile, WIDTH};
use crate::durable::{DirHandle, read_limited};
use pgseal_verify::digest::Digest;

/// Maximum size of a tile of hashes in bytes.
const HASHES_BYTES: u64 = WIDTH * 32;
/// Maximum size of a bundle of entries in bytes.
const ENTRIES_BYTES: u64 = WIDTH * (2 + entries::MOST_BYTES as u64);

/// Tiles read so far, by level and index.
type TilesRead = BTreeMap<(u32, u64), Rc<Vec<Digest>>>;

/// The tiles of the first `size` entries.
pub struct Stored {
    dir: PathBuf,
    size: u64,
    read: RefCell<TilesRead>,
}

/// Reason why a tile cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct TileError {
    /// Path of the tile below the log.
    pub path: String,
    pub reason: TileFault,
}

#[derive(Debug, thiserror::Error)]
pub enum TileFault {
    #[error("can't be read: {0}")]
    Io(#[from] io::Error),
    /// A tile with another number of hashes or entries than its index requires.
    #[error("it has {found} of the {expected} hashes or entries of its place")]
    Width { found: u64, expected: u64 },
    /// Entries after the checkpoint that continue other entries than the checkpoint's.
    #[error("it does not begin with the entries of the checkpoint")]
    Foreign,
    #[error(transparent)]
    Entries(#[from] EntriesError),
}

impl Stored {
    /// The tiles below `dir`; reads nothing yet.
    pub fn new(dir: &Path, size: u64) -> Self {
        Self {
            dir: dir.to_owned(),
            size,
            read: RefCell::default(),
        }
    }

    /// Adds the hashes of a tile that will be written.
    pub(super) fn assume(&self, level: u32, index: u64, hashes: Vec<Digest>) {
        self.read
            .borrow_mut()
            .insert((level, index), Rc::new(hashes));
    }

    /// The hashes of a tile on level 0, 1, ...; at least one.
    pub fn hashes(&self, level: u32, index: u64) -> Result<Rc<Vec<Digest>>, TileError> {
        if let Some(read) = self.read.borrow().get(&(level, index)) {
            return Ok(Rc::clone(read));
        }
        let tile = self.tile(Content::Hashes(level), index)?;
        let hashes = self.read_tile(tile, HASHES_BYTES, |bytes| {
            let (hashes, rest) = bytes.as_chunks::<32>();
            let whole = if rest.is_empty() { hashes } else { &[] };
            Ok(whole.iter().map(|hash| Digest::from_bytes(*hash)).collect())
        })?;
        let hashes = Rc::new(hashes);
        self.read
            .borrow_mut()
            .insert((level, index), Rc::clone(&hashes));
        Ok(hashes)
    }

    /// The entries of a bundle, at least one.
    pub fn entries(&self, index: u64) -> Result<Vec<Vec<u8>>, TileError> {
        let tile = self.tile(Content::Entries, index)?;
        self.read_tile(tile, ENTRIES_BYTES, |bytes| {
            Ok(entries::decode(bytes)?
                .into_iter()
                .map(<[u8]>::to_vec)
                .collect())
        })
    }

    fn tile(&self, content: Content, index: u64) -> Result<Tile, TileError> {
        Tile::of(content, index, self.size).ok_or_else(|| TileError {
            path: Tile {
                content,
                index,
                width: WIDTH,
            }
            .to_string(),
            reason: TileFault::Io(io::ErrorKind::NotFound.into()),
        })
    }

    /// Reads a tile. A partial tile may be removed once the full one exists, which begins with it.
    fn read_tile<T>(
        &self,
        tile: Tile,
        most: u64,
        parse: impl Fn(&[u8]) -> Result<Vec<T>, TileFault>,
    ) -> Result<Vec<T>, TileError> {
        let read = |tile: Tile| {
            let read =
                file_below(&self.dir, &tile.to_string()).and_then(|file| read_limited(file, most));
            let parsed = read
                .map_err(TileFault::Io)
                .and_then(|bytes| parse(&bytes))
                .and_then(|all| {
                    let (found, expected) = (all.len() as u64, tile.width);
                    if found == expected {
                        Ok(all)
                    } else {
                        Err(TileFault::Width { found, expected })
                    }
                });
            parsed.map_err(|reason| TileError {
                path: tile.to_string(),
                reason,
            })
        };
        match read(tile) {
            Err(TileError {
                reason: TileFault::Io(error),
                path,
            }) if error.kind() == io::ErrorKind::NotFound => match read(tile.full()) {
                Ok(mut all) if !tile.is_full() => {
                    all.truncate(usize::try_from(tile.width).unwrap_or(usize::MAX));
                    Ok(all)
                }
                _ => Err(TileError {
                    path,
                    reason: TileFault::Io(error),
                }),
            },
            read => read,
        }
    }
}

/// Opens a file of a log inside its directory, without following links.
pub(super) fn file_below(dir: &Path, path: &str) -> io::Result<File> {
    DirHandle::open(dir)?.file(Path::new(path))
}

impl Subtrees for Stored {
    type Error = TileError;

    fn subtree(&self, level: u32, index: u64) -> Result<Digest, TileError> {
        let (tile_level, inside) = (level / HEIGHT, level % HEIGHT);
        let first = index << inside;
        let hashes = self.hashes(tile_level, first / WIDTH)?;
        let from = usize::try_from(first % WIDTH).unwrap_or(usize::MAX);
        let part = hashes
            .get(from..)
            .and_then(|hashes| hashes.get(..1 << inside));
        part.map(complete).ok_or_else(|| {
            let tile = Tile {
                content: Content::Hashes(tile_level),
                index: first / WIDTH,
                width: WIDTH,
            };
            let reason = TileFault::Width {
                found: hashes.len() as u64,
                expected: first % WIDTH + (1 << inside),
            };
            TileError {
                path: tile.to_string(),
                reason,
            }
        })
    }
}
