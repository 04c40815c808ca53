//! Source locations in a release.

use std::fmt;
use std::sync::Arc;

/// One location in a file of a release.
///
/// Lines and columns count from 1; columns count characters, not bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file's path inside the release.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A position and the chain of includes that leads there, innermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The position itself.
    pub at: Position,
    /// Positions of the `\i` commands, innermost first; empty in the main file.
    pub included_from: Vec<Position>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)?;
        for (i, place) in self.included_from.iter().enumerate() {
            let lead = if i == 0 { " (included" } else { "," };
            write!(f, "{lead} from {place}")?;
        }
        if self.included_from.is_empty() {
            Ok(())
        } else {
            f.write_str(")")
        }
    }
}

/// Counts characters of valid UTF-8: the bytes that do not continue one.
pub(super) fn count_characters(bytes: &[u8]) -> u32 {
    let count = bytes.iter().filter(|b| **b & 0xC0 != 0x80).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_include_chain_is_shown_innermost_first() {
        let place = |file: &str, line| Position {
            file: file.into(),
            line,
            column: 1,
        };
        let origin = Origin {
            at: place("a", 3),
            included_from: vec![place("b", 2), place("c", 1)],
        };
        assert_eq!(
            origin.to_string(),
            "a:3:1 (included from b:2:1, from c:1:1)"
        );
    }
}
