//! The log of an archive: an append-only Merkle tree (RFC 6962, RFC 9162) over its files, kept beside them in the formats
//! of C2SP, so that other tools read it: `checkpoint` (tlog-checkpoint, signed-note), `tile/` (tlog-tiles) and, with a
//! file that travels, `FILE.tlog-proof` (tlog-proof). What is no longer there, or no longer the same, is found by it.

pub mod append;
pub mod compare;
pub mod read;
pub mod stored;

use std::path::Path;

pub use append::LockedLog;
pub use compare::{Comparison, LogFault, LogFaultKind, Progress, compare};
pub use pgseal_verify::tlog::*;

/// The checkpoint's name in an archive.
pub const CHECKPOINT: &str = "checkpoint";
/// The directory of the tiles.
pub const TILE: &str = "tile";
/// What the name of a proof ends in, beside its file.
pub const PROOF_ENDING: &str = ".tlog-proof";

/// Whether a directory has a log, or what is left of one: also tiles without entries, and the log's names with nothing in them.
pub fn has_log(dir: &Path) -> bool {
    let (checkpoint, tile) = (dir.join(CHECKPOINT), dir.join(TILE));
    let has_hashes = ["0/000", "0/000.p"].iter().any(|path| tile.join(path).exists());
    checkpoint.is_file() || tile.join("entries").is_dir() || has_hashes || is_hollow(&checkpoint) || is_hollow(&tile)
}

/// Whether a name is taken by what is neither a file nor a directory with something in it. A directory with something else in
/// it may be anybody's.
fn is_hollow(path: &Path) -> bool {
    match path.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => path.symlink_metadata().is_ok() && !path.is_file() && !path.is_dir(),
    }
}

/// What is gone of a log whose rest is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The checkpoint; the tiles are there.
    Checkpoint,
    /// The tiles of a log that has entries.
    Tiles,
    /// Checkpoint and entries; something is left that says nothing of them.
    Both,
}

impl Lost {
    /// Of the log in a directory; `None` where both are there, or no log.
    pub fn of(dir: &Path) -> Option<Self> {
        let has_tiles = dir.join(TILE).join("entries").is_dir();
        match dir.join(CHECKPOINT).is_file() {
            false if has_tiles => Some(Self::Checkpoint),
            false => has_log(dir).then_some(Self::Both),
            // An empty log has no tiles. One whose checkpoint can't be read is taken to have had some.
            true if !has_tiles => {
                let is_empty = read::checkpoint(&dir.join(CHECKPOINT)).is_ok_and(|checkpoint| checkpoint.size() == 0);
                (!is_empty).then_some(Self::Tiles)
            }
            true => None,
        }
    }
}

/// What helps where the checkpoint is lost.
pub const REPAIR_CHECKPOINT: &str = "put back a copy of `checkpoint` that was kept; the newest repairs the log fully. \
     Without one nobody has signed what is left of the log";
/// What helps where the tiles are lost.
pub const REPAIR_TILES: &str = "put back a copy of `tile/` that was kept, as new as the checkpoint or newer; \
     without one the log is lost, as a checkpoint has no entries";
/// What helps where both are lost.
pub const REPAIR_BOTH: &str = "put back copies of `checkpoint` and `tile/` that were kept; \
     if there never was a log here, remove what has these names";
/// What helps where something else than entries stands behind the checkpoint.
pub const REMOVE_BEHIND: &str = "it stands behind the checkpoint, where an add that was killed leaves whole files only: \
     if nobody kept a checkpoint of so many entries, remove it";
