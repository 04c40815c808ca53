//! Files of a release, by a pattern.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::wildcard;
use crate::digest::string_conversions;
use crate::entry_path::{EntryPath, EntryPathError};

/// A path in which `*` stands for any characters of a segment: `tiers/*.sql`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPattern(String);

impl PathPattern {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it means this file.
    pub fn matches(&self, path: &str) -> bool {
        let (mut patterns, mut segments) = (self.0.split('/'), path.split('/'));
        loop {
            match (patterns.next(), segments.next()) {
                (None, None) => return true,
                (Some(pattern), Some(segment)) if wildcard::matches(pattern, segment) => {}
                _ => return false,
            }
        }
    }

    /// The only path that it means, if it has no `*`.
    pub fn single(&self) -> Option<EntryPath> {
        self.0.parse().ok()
    }
}

impl FromStr for PathPattern {
    type Err = EntryPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = || text.to_owned();
        if text.len() > EntryPath::MAX_BYTES {
            let bytes = text.len();
            return Err(EntryPathError::TooLong {
                path: path(),
                bytes,
            });
        }
        let is_segment = |segment: &&str| segment.replace('*', "_").parse::<EntryPath>().is_ok();
        match text.split('/').find(|segment| !is_segment(segment)) {
            Some(segment) => Err(EntryPathError::Segment {
                path: path(),
                segment: segment.to_owned(),
            }),
            None => Ok(Self(path())),
        }
    }
}

string_conversions!(PathPattern);

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_in_its_segment() {
        for (pattern, path, is_match) in [
            ("rollback/*", "rollback/01.sql", true),
            ("rollback/*", "rollback/a/01.sql", false),
            ("rollback/*", "rollback", false),
            ("*/*.up.sql", "tiers/01.up.sql", true),
            ("*/*.up.sql", "tiers/01.down.sql", false),
            ("tiers/01.sql", "tiers/01.sql", true),
            ("tiers/0*1.sql", "tiers/01.sql", true),
            ("tiers/01*1.sql", "tiers/01.sql", false),
        ] {
            let pattern: PathPattern = pattern.parse().expect("a pattern");
            assert_eq!(pattern.matches(path), is_match, "{pattern} {path}");
        }
        for text in [
            "",
            "/*",
            "*/",
            "../*",
            "a b*",
            "-*",
            "a/**/../b",
            &"*".repeat(101),
        ] {
            assert!(text.parse::<PathPattern>().is_err(), "{text:?}");
        }
    }
}
