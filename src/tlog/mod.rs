//! The log of an archive: an append-only Merkle tree (RFC 6962, RFC 9162) over its files, kept beside them in the formats
//! of C2SP, so that other tools read it: `checkpoint` (tlog-checkpoint, signed-note), `tile/` (tlog-tiles) and, with a
//! file that travels, `FILE.tlog-proof` (tlog-proof). What is no longer there, or no longer the same, is found by it.

pub mod append;
pub mod checkpoint;
pub mod compare;
pub mod entries;
pub mod hash;
pub mod proof;
pub mod proof_file;
pub mod stored;
pub mod tile;

use std::path::Path;

pub use append::LockedLog;
pub use checkpoint::{Checkpoint, TrustedHead};
pub use compare::{Comparison, LogFault, LogFaultKind, compare};
pub use proof_file::ProofFile;

/// The checkpoint's name in an archive.
pub const CHECKPOINT: &str = "checkpoint";
/// The directory of the tiles.
pub const TILE: &str = "tile";
/// What the name of a proof ends in, beside its file.
pub const PROOF_ENDING: &str = ".tlog-proof";

/// Whether a directory has a log, or what is left of one.
pub fn has_log(dir: &Path) -> bool {
    dir.join(CHECKPOINT).is_file() || dir.join(TILE).join("entries").is_dir()
}
