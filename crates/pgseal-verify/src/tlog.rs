//! Proofs of an archive's log: an append-only Merkle tree (RFC 6962, RFC 9162) in the formats of
//! C2SP.

pub mod checkpoint;
pub mod entries;
pub mod hash;
pub mod proof;
pub mod proof_file;
pub mod tile;

pub use checkpoint::{Checkpoint, TrustedHead};
pub use proof_file::ProofFile;
