//! The log of an archive: an append-only Merkle tree (RFC 6962, RFC 9162) over its files, which
//! reveals deleted and changed files. It is kept next to them in the formats of C2SP, so that other
//! tools can read it: `checkpoint` (tlog-checkpoint, signed-note), `tile/` (tlog-tiles) and, for a
//! file that leaves the archive, `FILE.tlog-proof` (tlog-proof).

pub mod append;
pub mod compare;
pub mod read;
pub mod stored;

use std::path::Path;

pub use append::LockedLog;
pub use compare::{Comparison, LogFault, LogFaultKind, Progress, compare};
pub use pgseal_verify::tlog::*;

/// Name of the checkpoint in an archive.
pub const CHECKPOINT: &str = "checkpoint";
/// Directory of the tiles.
pub const TILE: &str = "tile";
/// Suffix of the sibling file with a proof.
pub const PROOF_ENDING: &str = ".tlog-proof";

/// True if a directory has a log or remains of one: also tiles without entries, and the log's names
/// without content.
pub fn has_log(dir: &Path) -> bool {
    let (checkpoint, tile) = (dir.join(CHECKPOINT), dir.join(TILE));
    let has_hashes = ["0/000", "0/000.p"]
        .iter()
        .any(|path| tile.join(path).exists());
    checkpoint.is_file()
        || tile.join("entries").is_dir()
        || has_hashes
        || is_hollow(&checkpoint)
        || is_hollow(&tile)
}

/// True if the path exists and is neither a file nor a directory with entries. A directory with
/// other content may belong to another program.
fn is_hollow(path: &Path) -> bool {
    match path.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => path.symlink_metadata().is_ok() && !path.is_file() && !path.is_dir(),
    }
}

/// Missing part of an incomplete log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The checkpoint; the tiles are present.
    Checkpoint,
    /// The tiles of a log that has entries.
    Tiles,
    /// Checkpoint and entries; the remains do not contain them.
    Both,
}

impl Lost {
    /// The missing part of the log in a directory; `None` if it is complete, or if there is no log.
    pub fn of(dir: &Path) -> Option<Self> {
        let has_tiles = dir.join(TILE).join("entries").is_dir();
        match dir.join(CHECKPOINT).is_file() {
            false if has_tiles => Some(Self::Checkpoint),
            false => has_log(dir).then_some(Self::Both),
            // An empty log has no tiles. With an unreadable checkpoint, the log is assumed to have
            // had some.
            true if !has_tiles => {
                let is_empty = read::checkpoint(&dir.join(CHECKPOINT))
                    .is_ok_and(|checkpoint| checkpoint.size() == 0);
                (!is_empty).then_some(Self::Tiles)
            }
            true => None,
        }
    }
}

/// Advice for a lost checkpoint.
pub const REPAIR_CHECKPOINT: &str = "put back a copy of `checkpoint` that was kept; the newest repairs the log fully. \
     Without one the rest of the log is unsigned";
/// Advice for lost tiles.
pub const REPAIR_TILES: &str = "put back a copy of `tile/` that was kept, as new as the checkpoint or newer; \
     without one the log is lost, as a checkpoint has no entries";
/// Advice if both are lost.
pub const REPAIR_BOTH: &str = "put back copies of `checkpoint` and `tile/` that were kept; \
     if there never was a log here, remove what has these names";
/// Advice for other data than entries after the checkpoint.
pub const REMOVE_BEHIND: &str = "it stands behind the checkpoint, where an add that was killed leaves whole files only: \
     if there is no kept checkpoint of so many entries, remove it";
