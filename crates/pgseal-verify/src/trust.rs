//! Public keys, signatures, and the signed document that says which keys may do what. `draft_root.rs` holds the only
//! signature check.

pub mod attestations;
pub mod draft_root;
pub mod evidence;
pub mod judge;
pub mod key_id;
pub mod note;
pub mod pae;
pub mod policy;
pub mod public_key;
pub mod root;
pub mod rotation;
pub mod signer;
pub mod ssh;
pub mod timestamp;

pub use draft_root::DraftRoot;
pub use judge::JudgedAt;
pub use key_id::KeyId;
pub use public_key::PublicKey;
pub use root::TrustRoot;
pub use signer::Signer;
