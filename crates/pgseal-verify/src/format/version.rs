//! Versions of the format and of the program that can read it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Version of the running pgseal.
pub const PGSEAL: &str = env!("CARGO_PKG_VERSION");

/// The oldest pgseal that can read this version's documents. It rises only when a document gains a
/// field that an older reader would refuse.
pub const MINIMUM_PGSEAL: &str = "0.1.0";

/// The version of a document's format; only 1 exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Format1;

/// A document with a version unknown to this program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("format {found} is not known to pgseal {PGSEAL}, which reads format 1")]
pub struct UnknownFormat {
    found: u32,
}

impl TryFrom<u32> for Format1 {
    type Error = UnknownFormat;

    fn try_from(found: u32) -> Result<Self, Self::Error> {
        if found == 1 {
            Ok(Self)
        } else {
            Err(UnknownFormat { found })
        }
    }
}

impl From<Format1> for u32 {
    fn from(_: Format1) -> Self {
        1
    }
}

impl fmt::Display for Format1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("1")
    }
}
