//! Keys, signatures, and the signed document that says which keys may do what. `draft_root.rs`
//! holds the only signature check.

pub mod added;
pub mod agent;
pub mod change;
pub mod draft;
pub mod draft_root;
pub mod evidence;
pub mod judge;
pub mod key_id;
pub mod key_list;
pub mod note;
pub mod pae;
pub mod policy;
pub mod public_key;
#[cfg(test)]
mod published_tests;
pub mod root;
pub mod rotation;
pub mod secret_key;
pub mod signatures;
pub mod signer;
mod ssh;
pub mod store;
pub mod timestamp;
#[cfg(feature = "pkcs11")]
pub mod token;
pub mod token_uri;

pub use agent::AgentKey;
pub use draft_root::DraftRoot;
pub use judge::When;
pub use key_id::KeyId;
pub use public_key::PublicKey;
pub use root::TrustRoot;
pub use secret_key::SecretKey;
pub use signer::Signer;
#[cfg(feature = "pkcs11")]
pub use token::TokenKey;
pub use token_uri::TokenUri;
