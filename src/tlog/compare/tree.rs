//! Compares a log's entries, tiles and checkpoint with each other, and with kept checkpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::CHECKPOINT;
use super::super::checkpoint::Checkpoint;
use super::super::hash::empty;
use super::super::proof::{Leaves, check_consistency, consistency};
use super::super::stored::Stored;
use super::super::tile::{Content, Tile, WIDTH};
use super::Faults;
use super::LogFaultKind::{Broken, Fork, Shrunk, Unsigned};
use crate::trust::TrustRoot;
use pgseal_verify::digest::Digest;
use pgseal_verify::plural::count;

/// Damaged entries by index, with the hashes of the logged ones.
pub type Bad = BTreeMap<u64, Option<Digest>>;

/// Checks that entries, tiles and checkpoint are of one tree. In a mismatch, the part that leads to
/// the signed root is right. Returns the indexes of damaged entries, with the hashes of the logged
/// ones if the tiles lead to that root.
pub fn check(dir: &Path, checkpoint: &Checkpoint, leaves: &Leaves, faults: &mut Faults) -> Bad {
    let (size, stored) = (checkpoint.size(), Stored::new(dir, checkpoint.size()));
    let entries_hold = leaves.root(size) == Some(checkpoint.root());
    let (before, mut bad, mut logged) = (faults.0.len(), BTreeSet::new(), Vec::new());
    for tile in Tile::all(size) {
        let Content::Hashes(level) = tile.content else {
            continue;
        };
        match stored.hashes(level, tile.index) {
            Err(error) => faults.add(Broken, error.path, error.reason.to_string()),
            Ok(hashes) => {
                if level == 0 {
                    logged.extend_from_slice(&hashes);
                }
                let from = usize::try_from(tile.index * WIDTH).unwrap_or(usize::MAX);
                let expected = leaves
                    .level(level * 8)
                    .get(from..from + hashes.len())
                    .unwrap_or_default();
                let differ: Vec<u64> = (0..hashes.len())
                    .filter(|at| expected.get(*at) != hashes.get(*at))
                    .map(|at| tile.index * WIDTH + at as u64)
                    .collect();
                let Some(first) = differ.first() else {
                    continue;
                };
                if entries_hold {
                    faults.add(Broken, tile.to_string(), "not the hashes of the entries");
                } else if level == 0 {
                    let bundle = Tile {
                        content: Content::Entries,
                        ..tile
                    };
                    let which = match differ.len() {
                        1 => format!("entry {first} is not the one that was logged"),
                        many => format!(
                            "entry {first} and {} more are not those that were logged",
                            many - 1
                        ),
                    };
                    let sentence = format!("{which}: the tile {tile} has another hash");
                    faults.add(Broken, bundle.to_string(), sentence);
                    bad.extend(differ);
                }
            }
        }
    }
    if !entries_hold && faults.0.len() == before {
        let why = "the entries don't lead to the root hash that it signs";
        faults.add(
            Broken,
            CHECKPOINT,
            format!("{why} ({})", count(size, "entry")),
        );
    }
    if bad.is_empty() {
        return Bad::new();
    }
    // Single tiles may be forged; only all of them together are covered by the signature.
    let logged = Leaves::new(logged);
    let is_signed =
        logged.level(0).len() as u64 == size && logged.root(size) == Some(checkpoint.root());
    let hash = |at: u64| {
        logged
            .level(0)
            .get(usize::try_from(at).ok()?)
            .copied()
            .filter(|_| is_signed)
    };
    bad.into_iter().map(|at| (at, hash(at))).collect()
}

/// Compares a kept checkpoint. Without a checkpoint of the log, its entries are compared.
pub fn check_kept(
    kept: &Checkpoint,
    head: Option<&Checkpoint>,
    root: &TrustRoot,
    leaves: &Leaves,
    faults: &mut Faults,
) {
    let (old, new) = (
        kept.size(),
        head.map_or(leaves.level(0).len() as u64, |head| head.size()),
    );
    let which = format!("the checkpoint that was kept, of {},", count(old, "entry"));
    if let Err(error) = kept.authenticate(root) {
        return faults.add(
            Unsigned,
            CHECKPOINT,
            format!("{which} is not signed by a log key: {error}"),
        );
    }
    if let Some(checkpoint) = head.filter(|head| head.origin() != kept.origin()) {
        let sentence = format!(
            "{which} is of the log {:?}, and this is {:?}",
            kept.origin(),
            checkpoint.origin()
        );
        return faults.add(Fork, CHECKPOINT, sentence);
    }
    if old > new {
        let sentence = format!(
            "{which} is of a larger log than this, of {new}: entries were taken away, or an older checkpoint was put back"
        );
        return faults.add(Shrunk, CHECKPOINT, sentence);
    }
    let proof = consistency(leaves, old, new).map_err(|error| error.to_string());
    let holds = proof.and_then(|proof| {
        let now = head
            .map(|head| head.root())
            .or_else(|| leaves.root(new))
            .unwrap_or_else(empty);
        check_consistency((old, kept.root()), (new, now), &proof).map_err(|error| error.to_string())
    });
    if let Err(error) = holds {
        let sentence = format!(
            "{which} is not the beginning of this log: what was logged then was changed ({error})"
        );
        faults.add(Fork, CHECKPOINT, sentence);
    }
}
