//! One statement as psql would send it, and the source location of each of its characters.

use super::inspect::{Inspection, inspect};
use super::position::{Origin, Position, count_characters};
use super::quick::inspect_quickly;
use super::tokens::first_token;
use std::fmt;
use std::sync::Arc;

/// One statement: exactly the text that psql would send.
#[derive(Clone)]
pub struct Statement {
    /// The text, with its terminating `;` if the script has one.
    pub sql: String,
    /// Source location of the text's beginning.
    pub origin: Origin,
    /// Location of the data of a `COPY ... FROM STDIN`; [`super::Script::copy_data`] reads them.
    pub copy: Option<CopySource>,
    /// psql's treatment of the result.
    pub then: Then,
    /// Parameters of `\bind`, in text form.
    pub parameters: Option<Vec<String>>,
    /// Unset variables that the statement names; psql sends the text as written. Slices `a[1:2]`
    /// and `a[i:j]`, which cannot mean a variable, are excluded.
    pub undefined: Vec<(String, Position)>,
    /// Places of plain `:name` whose value comes from outside of the script, and is scanned as SQL.
    pub bare: Vec<(String, Position)>,
    map: Map,
}

/// Location of the data of a COPY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopySource {
    /// In the script, from this line on, up to a line `\.`.
    Script {
        /// First line of data, from 1.
        line: u32,
    },
    /// In a file of the release, by `\copy`.
    File(String),
}

/// psql's treatment of a statement's result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Shows it; does nothing here.
    #[default]
    Show,
    /// `\gset`: sets variables from the only row; see [`super::Script::store`].
    Store {
        /// Prefix of each column's name.
        prefix: String,
    },
    /// `\gexec`: runs every value that is not NULL as a statement, row by row.
    Execute,
    /// `\gdesc`: the statement is parsed, not run.
    Describe,
    /// `\parse`: the statement is parsed and kept under a name, not run.
    Prepare {
        /// The name; `\bind_named` runs it.
        name: String,
    },
}

impl Then {
    /// The command that ends the statement, without its backslash; `None` for a semicolon or `\g`.
    pub fn command(&self) -> Option<&'static str> {
        match self {
            Self::Show => None,
            Self::Store { .. } => Some("gset"),
            Self::Execute => Some("gexec"),
            Self::Describe => Some("gdesc"),
            Self::Prepare { .. } => Some("parse"),
        }
    }
}

impl Statement {
    /// The command that takes the statement's result or binds its parameters, without its
    /// backslash. Statements without one can be joined and sent together.
    pub fn command(&self) -> Option<&'static str> {
        let bound = self.parameters.as_ref().map(|_| "bind");
        self.then.command().or(bound)
    }

    /// Maps the server's 1-based character position in `sql` to the source, through variable
    /// substitution. A position after the end maps to the end.
    pub fn locate(&self, character: u32) -> Position {
        let wanted = usize::try_from(character.saturating_sub(1)).unwrap_or(usize::MAX);
        let byte = self
            .sql
            .char_indices()
            .nth(wanted)
            .map_or(self.sql.len(), |(at, _)| at);
        self.position(byte)
    }

    /// Maps a byte of `sql` to the source.
    pub(super) fn position(&self, byte: usize) -> Position {
        let (line, column) = self.map.locate(self.sql.as_bytes(), byte);
        Position {
            file: Arc::clone(&self.origin.at.file),
            line,
            column,
        }
    }

    /// The statement's properties, as its tokens show them.
    pub fn inspect(&self) -> Inspection {
        inspect_quickly(&self.sql).unwrap_or_else(|| inspect(&self.sql))
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement")
            .field("sql", &self.sql)
            .field("origin", &self.origin)
            .field("copy", &self.copy)
            .field("then", &self.then)
            .field("parameters", &self.parameters)
            .field("undefined", &self.undefined)
            .finish_non_exhaustive()
    }
}

/// Map from bytes of a text to lines and columns: pieces of the source, in order.
#[derive(Clone, Default)]
struct Map(Vec<Segment>);

/// From byte `sql` on, the text comes from this line and column of the source.
#[derive(Clone, Copy, Debug)]
struct Segment {
    sql: usize,
    line: u32,
    column: u32,
    /// True for a variable's value: all its characters map to the variable's name.
    substituted: bool,
}

impl Map {
    fn locate(&self, text: &[u8], byte: usize) -> (u32, u32) {
        let index = self
            .0
            .partition_point(|segment| segment.sql <= byte)
            .saturating_sub(1);
        let Some(segment) = self.0.get(index) else {
            return (1, 1);
        };
        let before = text.get(segment.sql..byte).unwrap_or_default();
        if segment.substituted || before.is_empty() {
            return (segment.line, segment.column);
        }
        match before.iter().rposition(|b| *b == b'\n') {
            None => (
                segment.line,
                segment.column.saturating_add(count_characters(before)),
            ),
            Some(last) => {
                let feeds = before.iter().filter(|b| **b == b'\n').count();
                let line = segment
                    .line
                    .saturating_add(u32::try_from(feeds).unwrap_or(u32::MAX));
                (
                    line,
                    count_characters(&before[last + 1..]).saturating_add(1),
                )
            }
        }
    }
}

/// Reason why a text is not one contiguous piece of a file. psql did not scan it as one, so the
/// server may see other boundaries in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Composed {
    /// A variable was replaced.
    Variable,
    /// A meta-command came after this many bytes of the text. psql removes the line feed before the
    /// command, so later text can continue a line comment above it.
    Command { at: usize },
}

/// psql's query buffer: the statement that is being collected.
#[derive(Default)]
pub(super) struct Buffer {
    text: Vec<u8>,
    map: Map,
    /// The line and byte after the piece copied last: a piece from there on needs no segment of its
    /// own.
    tail: Option<(u32, usize)>,
    /// Number of bytes that came from variables.
    pub substituted: usize,
    pub undefined: Vec<(String, Position)>,
    pub bare: Vec<(String, Position)>,
    /// The first reason why the text is not one contiguous piece of a file.
    composed: Option<Composed>,
    /// True if the text contains a `\;`.
    pub joined: bool,
}

impl Buffer {
    /// psql's `query_buf->len`.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text from a byte on.
    pub fn text_from(&self, at: usize) -> &[u8] {
        self.text.get(at..).unwrap_or_default()
    }

    /// Appends a piece of a line that begins at its byte `byte`; `column` is called only if needed.
    pub fn copy(&mut self, piece: &[u8], line: u32, byte: usize, column: impl FnOnce() -> u32) {
        if piece.is_empty() {
            return;
        }
        if self.tail != Some((line, byte)) {
            self.map.0.push(Segment {
                sql: self.text.len(),
                line,
                column: column(),
                substituted: false,
            });
        }
        self.text.extend_from_slice(piece);
        self.tail = Some((line, byte + piece.len()));
    }

    /// Appends the line feed between the previous line, of `length_before` bytes, and this line.
    pub fn feed(&mut self, line: u32, length_before: usize) {
        if self.tail != Some((line - 1, length_before)) {
            self.map.0.push(Segment {
                sql: self.text.len(),
                line: line - 1,
                column: 1,
                substituted: false,
            });
        }
        self.text.push(b'\n');
        self.tail = Some((line, 0));
    }

    /// Records a meta-command. It has no effect at the start or the end of a statement.
    pub fn interrupt(&mut self) {
        if !self.is_empty() {
            self.composed
                .get_or_insert(Composed::Command { at: self.len() });
        }
    }

    /// The reason why the text is not one contiguous piece of a file.
    pub fn composed(&self) -> Option<Composed> {
        self.composed
            .filter(|composed| *composed != Composed::Command { at: self.len() })
    }

    /// Removes the line feed appended last.
    pub fn take_back_line_feed(&mut self) {
        self.truncate(self.text.len().saturating_sub(1));
    }

    /// Appends the value of a variable.
    pub fn substitute(&mut self, value: &[u8], line: u32, column: u32) {
        self.map.0.push(Segment {
            sql: self.text.len(),
            line,
            column,
            substituted: true,
        });
        self.text.extend_from_slice(value);
        self.substituted += value.len();
        self.tail = None;
        self.composed.get_or_insert(Composed::Variable);
    }

    /// Removes all text after a byte.
    pub fn truncate(&mut self, length: usize) {
        self.text.truncate(length);
        self.map.0.retain(|segment| segment.sql < length);
        self.tail = None;
    }

    /// True if the next word begins a statement.
    pub fn begins_a_statement(&self) -> bool {
        let text = String::from_utf8_lossy(&self.text);
        first_token(&text) == text.len() || self.joined && self.last_visible() == Some(b';')
    }

    /// The last byte that is not white space.
    pub fn last_visible(&self) -> Option<u8> {
        self.text
            .iter()
            .rev()
            .find(|b| !b.is_ascii_whitespace())
            .copied()
    }

    /// Line and column of a byte.
    pub fn locate(&self, byte: usize) -> (u32, u32) {
        self.map.locate(&self.text, byte.min(self.text.len()))
    }

    /// Takes the statement; the buffer is empty afterwards.
    pub fn take(&mut self, file: &Arc<str>, included_from: &[Position]) -> Statement {
        let this = std::mem::take(self);
        let (line, column) = this.map.locate(&this.text, 0);
        let sql = String::from_utf8(this.text)
            .expect("cut from valid UTF-8 beside ASCII characters only");
        Statement {
            sql,
            origin: Origin {
                at: Position {
                    file: Arc::clone(file),
                    line,
                    column,
                },
                included_from: included_from.to_vec(),
            },
            copy: None,
            then: Then::Show,
            parameters: None,
            undefined: this.undefined,
            bare: this.bare,
            map: this.map,
        }
    }
}

impl Statement {
    /// A text that psql composes by itself, or sends again: all of it maps to one location.
    pub(super) fn at(sql: String, origin: Origin) -> Self {
        let segment = Segment {
            sql: 0,
            line: origin.at.line,
            column: origin.at.column,
            substituted: true,
        };
        Self {
            sql,
            origin,
            copy: None,
            then: Then::Show,
            parameters: None,
            undefined: Vec::new(),
            bare: Vec::new(),
            map: Map(vec![segment]),
        }
    }
}
