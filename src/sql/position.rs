//! Where something stands in a release.

use std::cell::Cell;
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
    /// The last place that was asked for: a line of many statements is counted once, not once a statement.
    last: Cell<Counted>,
}

/// A place that was counted: where its line begins, the place itself, and the characters between.
#[derive(Clone, Copy, Default)]
struct Counted {
    line_start: usize,
    at: usize,
    characters: u32,
}

impl Source {
    /// A file's bytes, which are valid UTF-8.
    pub fn new(name: Arc<str>, bytes: Arc<[u8]>) -> Self {
        Self { name, bytes, last: Cell::default() }
    }

    /// The position of byte `at`, given that line `line` starts at byte `line_start`, which is not after `at`.
    pub fn position(&self, at: usize, line: u32, line_start: usize) -> Position {
        let last = self.last.get();
        let known = last.line_start == line_start && last.at <= at;
        let from = if known { last.at } else { line_start };
        let (lines, start) = advance(&self.bytes, from, at);
        let at = at.max(from);
        let before = if known && lines == 0 { last.characters } else { 0 };
        let characters = before.saturating_add(count_characters(&self.bytes[start..at]));
        if lines == 0 {
            self.last.set(Counted { line_start, at, characters });
        }
        let line = line.saturating_add(lines);
        Position { file: Arc::clone(&self.name), line, column: characters.saturating_add(1) }
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
        let source = Source::new("a.sql".into(), Arc::from("é\nüñx".as_bytes()));
        assert_eq!(source.position(7, 1, 0).to_string(), "a.sql:2:3");
        assert_eq!(source.position(2, 1, 0).to_string(), "a.sql:1:2");
    }

    #[test]
    fn places_in_any_order() {
        let source = Source::new("a.sql".into(), Arc::from("añb;cd;\nefg".as_bytes()));
        let places = [(0, "1:1"), (3, "1:3"), (7, "1:7"), (4, "1:4"), (10, "2:2"), (3, "1:3"), (9, "2:1")];
        for (at, place) in places {
            assert_eq!(source.position(at, 1, 0).to_string(), format!("a.sql:{place}"), "{at}");
        }
    }

    #[test]
    fn the_include_chain_is_shown_innermost_first() {
        let place = |file: &str, line| Position { file: file.into(), line, column: 1 };
        let origin = Origin { at: place("a", 3), included_from: vec![place("b", 2), place("c", 1)] };
        assert_eq!(origin.to_string(), "a:3:1 (included from b:2:1, from c:1:1)");
    }
}
