//! Keys, signatures, and the signed document that says which keys may do what. `root.rs` holds the only signature check.

pub mod change;
pub mod draft;
pub mod judge;
pub mod key_id;
pub mod pae;
pub mod policy;
pub mod public_key;
pub mod root;
pub mod rotation;
pub mod secret_key;
pub mod signatures;
pub mod signer;
pub mod store;

pub use judge::When;
pub use key_id::KeyId;
pub use public_key::PublicKey;
pub use root::{DraftRoot, TrustRoot};
pub use secret_key::SecretKey;
pub use signer::Signer;
