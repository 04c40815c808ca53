//! Hashes of a Merkle tree (RFC 6962 section 2.1): a leaf cannot be confused with a node.

use crate::digest::{Digest, Hasher};

/// The hash of an entry: SHA-256 of 0x00 and its bytes.
pub fn leaf(entry: &[u8]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(&[0x00]);
    hasher.update(entry);
    hasher.finish()
}

/// The hash of two subtrees: SHA-256 of 0x01 and their hashes.
pub fn node(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [0x01; 65];
    bytes[1..33].copy_from_slice(left.as_bytes());
    bytes[33..].copy_from_slice(right.as_bytes());
    Digest::of(&bytes)
}

/// The root of a tree without leaves: SHA-256 of nothing.
pub fn empty() -> Digest {
    Digest::of(b"")
}

/// The root over adjacent hashes, whose number is a power of two.
pub fn complete(hashes: &[Digest]) -> Digest {
    debug_assert!(hashes.len().is_power_of_two());
    match hashes {
        [] => empty(),
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node(&complete(left), &complete(right))
        }
    }
}
