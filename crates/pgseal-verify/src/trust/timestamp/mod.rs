//! Time stamps of RFC 3161, checked offline: an authority outside the release team signed that a document existed.
//!
//! A trust root pins the authority's one signing certificate, so there is no chain, no revocation list and no clock:
//! what counts is the pinned key's signature over the time. A token is stored in one canonical form. CMS (RFC 5652)
//! leaves much of a token unsigned; [`canonical`] drops or fixes all of it, and [`TimestampAuthority::verify`] refuses
//! every other spelling, so that a stored token can't be changed in any bit.

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

/// The longest response, token or certificate that is read; real ones are below 10 KiB.
const MOST_BYTES: usize = 64 << 10;
