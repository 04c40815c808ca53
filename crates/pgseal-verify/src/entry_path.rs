//! The name of a member of a bundle, which is also a file's path inside a release.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::string_conversions;

/// A path of `[A-Za-z0-9_][A-Za-z0-9._+@=-]*` segments joined by `/`, at most 100 bytes (the name
/// field of a ustar header, POSIX.1-1988). The grammar excludes absolute paths, `.`, `..`, empty
/// segments, blanks, control characters and hidden files.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryPath(String);

/// Reason why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum EntryPathError {
    /// Longer than [`EntryPath::MAX_BYTES`].
    #[error(
        "path {path:?} has {bytes} bytes, at most {} are allowed",
        EntryPath::MAX_BYTES
    )]
    TooLong {
        /// The whole path.
        path: String,
        /// Length of the path in bytes.
        bytes: usize,
    },
    /// A segment outside the grammar.
    #[error("path {path:?} has a segment {segment:?} that is not [A-Za-z0-9_][A-Za-z0-9._+@=-]*")]
    Segment {
        /// The whole path.
        path: String,
        /// The first invalid segment.
        segment: String,
    },
}

impl EntryPath {
    /// Size of the name field of a ustar header.
    pub const MAX_BYTES: usize = 100;

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the format reserves this name, so that no file of a release may have it.
    pub fn is_reserved(&self) -> bool {
        // In any case, since a case-insensitive file system would confuse them.
        let first = self
            .0
            .split('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        matches!(
            first.as_str(),
            "pgseal" | "statement.json" | "signatures" | "approvals" | "timestamps"
        )
    }
}

impl FromStr for EntryPath {
    type Err = EntryPathError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        if path.len() > Self::MAX_BYTES {
            return Err(EntryPathError::TooLong {
                path: path.to_owned(),
                bytes: path.len(),
            });
        }
        match path.split('/').find(|segment| !is_segment(segment)) {
            Some(segment) => Err(EntryPathError::Segment {
                path: path.to_owned(),
                segment: segment.to_owned(),
            }),
            None => Ok(Self(path.to_owned())),
        }
    }
}

fn is_segment(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    let first = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    first && bytes.all(|b| b.is_ascii_alphanumeric() || b"_.+@=-".contains(&b))
}

string_conversions!(EntryPath);

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths() {
        for path in [
            "a",
            "executor/00_all.sql",
            "_x/Y+Z@1=2-3.sql",
            &"a".repeat(100),
        ] {
            assert!(path.parse::<EntryPath>().is_ok(), "{path}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let long = "a".repeat(101);
        for path in [
            "", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "-flag", "a b", "a\nb", "ü", "a\\b",
            "a\0", &long,
        ] {
            assert!(path.parse::<EntryPath>().is_err(), "{path:?}");
        }
    }
}
