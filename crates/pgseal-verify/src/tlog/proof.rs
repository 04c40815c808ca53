//! Roots and proofs of a Merkle tree. They are made by the recursive definitions of RFC 6962
//! section 2.1, and checked by the independent algorithms of RFC 9162 sections 2.1.3.2 and 2.1.4.2.

use super::hash::{empty, node};
use crate::digest::Digest;

/// Source of the hashes of complete subtrees.
pub trait Subtrees {
    /// Error for an unavailable hash.
    type Error;

    /// The root over the entries `index * 2^level` to `(index + 1) * 2^level`.
    fn subtree(&self, level: u32, index: u64) -> Result<Digest, Self::Error>;
}

/// Reason why a proof is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum ProofError {
    /// An entry outside of the tree, or trees in the wrong order.
    #[error("it is about an entry or tree outside of the one that was signed")]
    Range,
    /// Too few or too many hashes.
    #[error("it has not the number of hashes that such a tree needs")]
    Length,
    /// Hashes that do not lead to the signed root.
    #[error("its hashes don't lead to the root hash that was signed")]
    Root,
}

/// The root of the first `size` entries (MTH).
pub fn root<S: Subtrees>(tree: &S, size: u64) -> Result<Digest, S::Error> {
    if size == 0 {
        Ok(empty())
    } else {
        range(tree, 0, size)
    }
}

/// The proof that an entry is in the tree of the first `size` entries, from its sibling up (PATH).
/// `index` must be below `size`.
pub fn inclusion<S: Subtrees>(tree: &S, index: u64, size: u64) -> Result<Vec<Digest>, S::Error> {
    let (mut from, mut to, mut path) = (0, size, Vec::new());
    while to.saturating_sub(from) > 1 {
        let middle = from + left(to - from);
        let sibling = if index < middle {
            (middle, to)
        } else {
            (from, middle)
        };
        path.push(range(tree, sibling.0, sibling.1)?);
        (from, to) = if index < middle {
            (from, middle)
        } else {
            (middle, to)
        };
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of the first `new` entries extends the tree of the first `old` (PROOF).
/// It is empty for an empty or an equal tree.
pub fn consistency<S: Subtrees>(tree: &S, old: u64, new: u64) -> Result<Vec<Digest>, S::Error> {
    if old == 0 || old >= new {
        return Ok(Vec::new());
    }
    let (mut from, mut to, mut whole, mut path) = (0, new, true, Vec::new());
    while old != to {
        let middle = from + left(to - from);
        if old <= middle {
            path.push(range(tree, middle, to)?);
            to = middle;
        } else {
            path.push(range(tree, from, middle)?);
            (from, whole) = (middle, false);
        }
    }
    if !whole {
        path.push(range(tree, from, to)?);
    }
    path.reverse();
    Ok(path)
}

/// Checks that the entry with this leaf hash is at `index` of the tree: RFC 9162 section 2.1.3.2.
pub fn check_inclusion(
    index: u64,
    size: u64,
    leaf: Digest,
    path: &[Digest],
    root: Digest,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Range);
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for other in path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            hash = node(other, &hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, other);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    match (last, hash == root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// Checks that the new tree extends the old one: RFC 9162 section 2.1.4.2. Every tree extends the
/// empty one.
pub fn check_consistency(
    (old, old_root): (u64, Digest),
    (new, new_root): (u64, Digest),
    path: &[Digest],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Range);
    }
    if old == new || old == 0 {
        let same = if old == new {
            old_root == new_root
        } else {
            old_root == empty()
        };
        return match (path.is_empty(), same) {
            (false, _) => Err(ProofError::Length),
            (true, false) => Err(ProofError::Root),
            (true, true) => Ok(()),
        };
    }
    // For a complete old tree, its own root is the first hash.
    let first = if old.is_power_of_two() {
        Some(&old_root)
    } else {
        None
    };
    let mut hashes = first.into_iter().chain(path);
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let start = *hashes
        .next()
        .filter(|_| !path.is_empty())
        .ok_or(ProofError::Length)?;
    let (mut before, mut after) = (start, start);
    for other in hashes {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            (before, after) = (node(other, &before), node(other, &after));
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            after = node(&after, other);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    match (last, before == old_root && after == new_root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// The root over some entries. `from` must be a multiple of the largest power of two below their
/// number, as everywhere in the RFC's definitions.
fn range<S: Subtrees>(tree: &S, from: u64, to: u64) -> Result<Digest, S::Error> {
    let count = to - from;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return tree.subtree(level, from >> level);
    }
    let middle = from + left(count);
    Ok(node(&range(tree, from, middle)?, &range(tree, middle, to)?))
}

/// The largest power of two below a number that is at least 2.
fn left(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// All complete subtrees over leaf hashes, in memory.
pub struct Leaves {
    levels: Vec<Vec<Digest>>,
}

impl Leaves {
    /// Computes the subtrees of these leaf hashes.
    pub fn new(leaves: Vec<Digest>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            levels.push(
                below
                    .chunks_exact(2)
                    .map(|pair| node(&pair[0], &pair[1]))
                    .collect(),
            );
        }
        Self { levels }
    }

    /// The root of the first `size` entries; `None` if there are fewer.
    pub fn root(&self, size: u64) -> Option<Digest> {
        root(self, size).ok()
    }

    /// The hashes of a level.
    pub fn level(&self, level: u32) -> &[Digest] {
        self.levels.get(level as usize).map_or(&[], Vec::as_slice)
    }
}

/// A subtree beyond the available leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tree has fewer entries")]
pub struct NoSubtree;

impl Subtrees for Leaves {
    type Error = NoSubtree;

    fn subtree(&self, level: u32, index: u64) -> Result<Digest, NoSubtree> {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.level(level).get(index))
            .copied()
            .ok_or(NoSubtree)
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::leaf;
    use super::*;

    /// The entries, and the roots of the first 1 to 8, of Certificate Transparency's own tests
    /// since RFC 6962.
    const ENTRIES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn tree(size: usize) -> Leaves {
        Leaves::new((0..size).map(|at| leaf(&at.to_be_bytes())).collect())
    }

    #[test]
    fn the_roots_of_certificate_transparency() {
        let tree = Leaves::new(ENTRIES.iter().map(|entry| leaf(entry)).collect());
        assert_eq!(tree.root(0), Some(empty()));
        for (size, expected) in (1..).zip(ROOTS) {
            assert_eq!(
                tree.root(size).map(|root| root.to_string()).as_deref(),
                Some(expected),
                "{size}"
            );
        }
        assert_eq!(tree.root(9), None);
        // Published with them: the paths of the first, sixth and third entry, and two consistency
        // proofs.
        let short = |path: Vec<Digest>| {
            path.iter()
                .map(|hash| hash.to_string()[..8].to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            short(inclusion(&tree, 0, 8).expect("there")),
            ["96a296d2", "5f083f0a", "6b47aaf2"]
        );
        assert_eq!(
            short(inclusion(&tree, 5, 8).expect("there")),
            ["bc1a0643", "ca854ea1", "d37ee418"]
        );
        assert_eq!(short(inclusion(&tree, 2, 3).expect("there")), ["fac54203"]);
        assert_eq!(
            short(consistency(&tree, 1, 8).expect("there")),
            ["96a296d2", "5f083f0a", "6b47aaf2"]
        );
        assert_eq!(
            short(consistency(&tree, 6, 8).expect("there")),
            ["0ebc5d34", "ca854ea1", "d37ee418"]
        );
        assert_eq!(
            short(consistency(&tree, 2, 5).expect("there")),
            ["5f083f0a", "bc1a0643"]
        );
    }

    #[test]
    fn every_proof_of_small_trees_holds_and_no_other_does() {
        let tree = tree(40);
        let root = |size| tree.root(size).expect("there");
        for new in 1..=40 {
            for index in 0..new {
                let path = inclusion(&tree, index, new).expect("there");
                let hash = leaf(&(index as usize).to_be_bytes());
                let holds = |index, new, path: &[Digest]| {
                    check_inclusion(index, new, hash, path, root(new))
                };
                assert_eq!(holds(index, new, &path), Ok(()), "{index} of {new}");
                assert_eq!(holds(new, new, &path), Err(ProofError::Range));
                let other = if index == 0 { new - 1 } else { index - 1 };
                assert!(
                    other == index || holds(other, new, &path).is_err(),
                    "{index} of {new} at {other}"
                );
                assert_eq!(
                    holds(index, new, &[&path[..], &[hash]].concat()),
                    Err(ProofError::Length)
                );
                for at in 0..path.len() {
                    let mut wrong = path.clone();
                    wrong[at] = hash;
                    assert_eq!(
                        holds(index, new, &wrong),
                        Err(ProofError::Root),
                        "{index} of {new}"
                    );
                    wrong.remove(at);
                    assert!(holds(index, new, &wrong).is_err(), "{index} of {new}");
                }
            }
            for old in 0..=new {
                let path = consistency(&tree, old, new).expect("there");
                let holds =
                    |path: &[Digest]| check_consistency((old, root(old)), (new, root(new)), path);
                assert_eq!(holds(&path), Ok(()), "{old} to {new}");
                assert_eq!(
                    holds(&[&path[..], &[empty()]].concat()),
                    Err(ProofError::Length)
                );
                for at in 0..path.len() {
                    let mut wrong = path.clone();
                    wrong[at] = empty();
                    assert_eq!(holds(&wrong), Err(ProofError::Root), "{old} to {new}");
                    wrong.remove(at);
                    assert!(holds(&wrong).is_err(), "{old} to {new}");
                }
                let forked = check_consistency((old, leaf(b"")), (new, root(new)), &path);
                assert_eq!(forked, Err(ProofError::Root), "{old} to {new}");
                assert!(
                    old == new
                        || check_consistency((new, root(new)), (old, root(old)), &path).is_err()
                );
            }
        }
    }
}
