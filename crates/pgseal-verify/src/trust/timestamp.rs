//! Timestamps of RFC 3161, verified offline: an authority outside of the release team signed that a
//! document existed.
//!
//! A trust root pins the authority's one signing certificate, so verification needs no chain, no
//! revocation list and no clock: only the pinned key's signature over the time counts. A token is
//! stored in one canonical form. CMS (RFC 5652) leaves much of a token unsigned. [`canonical`]
//! drops or fixes all of it, and [`TimestampAuthority::verify`] refuses every other spelling, so
//! that no bit of a stored token can be changed.

mod algorithm;
mod authority;
mod backend;
mod ecdsa;
mod error;
mod info;
mod key;
mod syntax;
mod token;

pub use authority::TimestampAuthority;
pub use error::TimestampError;
pub use token::{canonical, is_about, looks_like_one, response};

/// Maximum size in bytes of a response, token or certificate; real ones are below 10 KiB.
const MOST_BYTES: usize = 64 << 10;
