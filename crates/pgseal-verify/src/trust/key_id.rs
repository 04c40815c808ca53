//! Key ids: the digest of a public key. An id helps to find a key; it proves nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestError};

/// SHA-256 of the raw 32 byte public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(Digest);

impl KeyId {
    /// The id of a raw public key.
    pub fn of(raw_public_key: &[u8; 32]) -> Self {
        Self(Digest::of(raw_public_key))
    }

    /// An unverified id from a file name or document.
    pub fn claimed(digest: Digest) -> Self {
        Self(digest)
    }

    /// The id as a digest.
    pub fn digest(&self) -> Digest {
        self.0
    }
}

impl FromStr for KeyId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
