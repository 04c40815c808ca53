//! Where something stands in a release.

use std::fmt;
use std::sync::Arc;

/// Where something stands in a release.
///
/// Lines and columns count from 1; columns count characters, not bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file's path inside the release.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The character in the line, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A position and the chain of includes that led there, innermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The place itself.
    pub at: Position,
    /// The `\i` commands that led there, innermost first; empty in the main file.
    pub included_from: Vec<Position>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)?;
        for (i, place) in self.included_from.iter().enumerate() {
            let lead = if i == 0 { " (included" } else { "," };
            write!(f, "{lead} from {place}")?;
        }
        if self.included_from.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

/// A file that is being read; cheap to clone.
#[derive(Clone)]
pub(super) struct Source {
    pub name: Arc<str>,
    /// Valid UTF-8 without NUL, which [`super::script`] checks before it makes a `Source`.
    pub bytes: Arc<[u8]>,
}

impl Source {
    /// The position of byte `at`, given that line `line` starts at byte `line_start`, which is not after `at`.
    pub fn position(&self, at: usize, line: u32, line_start: usize) -> Position {
        let (lines, last_start) = advance(&self.bytes, line_start, at);
        let column = count_characters(&self.bytes[last_start..at.max(last_start)]) + 1;
        Position { file: Arc::clone(&self.name), line: line.saturating_add(lines), column }
    }
}

/// How many line feeds stand in `from..to`, and where the last line begins.
fn advance(bytes: &[u8], from: usize, to: usize) -> (u32, usize) {
    let mut lines = 0;
    let mut start = from;
    for (i, _) in bytes[from..to.max(from)].iter().enumerate().filter(|(_, b)| **b == b'\n') {
        lines += 1;
        start = from + i + 1;
    }
    (lines, start)
}

/// Characters of valid UTF-8 are the bytes that don't continue one.
pub(super) fn count_characters(bytes: &[u8]) -> u32 {
    let count = bytes.iter().filter(|b| **b & 0xC0 != 0x80).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Source { name: "a.sql".into(), bytes: Arc::from("é\nüñx".as_bytes()) };
        assert_eq!(source.position(7, 1, 0).to_string(), "a.sql:2:3");
        assert_eq!(source.position(2, 1, 0).to_string(), "a.sql:1:2");
    }

    #[test]
    fn the_include_chain_is_shown_innermost_first() {
        let place = |file: &str, line| Position { file: file.into(), line, column: 1 };
        let origin = Origin { at: place("a", 3), included_from: vec![place("b", 2), place("c", 1)] };
        assert_eq!(origin.to_string(), "a:3:1 (included from b:2:1, from c:1:1)");
    }
}
