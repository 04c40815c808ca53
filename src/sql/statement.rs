//! One statement as psql would send it, and where each of its characters came from.

use super::inspect::{Inspection, inspect};
use super::position::{Origin, Position, Source};
use super::tokens::is_blank;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One statement, exactly the text that psql would send.
#[derive(Clone)]
pub struct Statement {
    /// The text, with its terminating `;` if the script has one.
    pub sql: String,
    /// Where the text begins.
    pub origin: Origin,
    /// Where the data of a `COPY ... FROM STDIN` stand; [`super::Script::copy_data`] reads them.
    pub copy: Option<CopySource>,
    /// What psql does with the answer.
    pub then: Then,
    /// The parameters of `\bind`, in text form.
    pub parameters: Option<Vec<String>>,
    /// Variables that the statement names and that are not set; psql sends the text as it is written.
    /// Not there: what can't be meant as a variable, that is the slices `a[1:2]` and `a[i:j]`.
    pub undefined: Vec<(String, Position)>,
    map: Vec<Segment>,
    source: Source,
}

/// Where the data of a COPY stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopySource {
    /// In the script, behind the statement, up to a line `\.`.
    Script,
    /// In a file of the release, by `\copy`.
    File(String),
}

/// What psql does with a statement's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Shows it; nothing here.
    #[default]
    Show,
    /// `\gset`: sets variables from the only row; see [`super::Script::store`].
    Store {
        /// Goes before each column's name.
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

/// The data lines of one `COPY ... FROM STDIN`; shares the file's buffer.
#[derive(Clone)]
pub struct CopyData {
    bytes: Arc<[u8]>,
    range: Range<usize>,
    terminated: bool,
}

/// From byte `sql` on, the text stands at byte `at` of the source, whose line `line` starts at `line_start`.
#[derive(Clone, Copy, Debug)]
struct Segment {
    sql: usize,
    at: usize,
    line: u32,
    line_start: usize,
    /// A variable's value: every character of it stands at the variable's name.
    substituted: bool,
}

impl Statement {
    /// Where the server's 1-based character position in `sql` stands in the source, through variable substitution.
    /// A position behind the end is the end.
    pub fn locate(&self, character: u32) -> Position {
        let wanted = usize::try_from(character.saturating_sub(1)).unwrap_or(usize::MAX);
        let byte = self.sql.char_indices().nth(wanted).map_or(self.sql.len(), |(at, _)| at);
        let index = self.map.partition_point(|segment| segment.sql <= byte).saturating_sub(1);
        match self.map.get(index) {
            Some(segment) => {
                let into = if segment.substituted { 0 } else { byte - segment.sql };
                self.source.position(segment.at + into, segment.line, segment.line_start)
            }
            None => self.origin.at.clone(),
        }
    }

    /// What the statement is, as its tokens tell.
    pub fn inspect(&self) -> Inspection {
        inspect(&self.sql)
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

impl CopyData {
    pub(super) fn new(bytes: Arc<[u8]>, range: Range<usize>, terminated: bool) -> Self {
        Self { bytes, range, terminated }
    }

    /// The data lines, without the line `\.` that ends them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }

    /// Whether a line `\.` ended the data; else the end of the file did, which psql accepts.
    pub fn is_terminated(&self) -> bool {
        self.terminated
    }
}

impl fmt::Debug for CopyData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CopyData({} bytes)", self.range.len())
    }
}

/// psql's query buffer: the statement that is being collected.
///
/// Adjacent pieces of the source are remembered as one range and copied once.
#[derive(Default)]
pub(super) struct Buffer {
    text: Vec<u8>,
    map: Vec<Segment>,
    run: Range<usize>,
    pub undefined: Vec<(String, Position)>,
    /// A variable was replaced.
    pub substituted: bool,
    /// `\;` was in it.
    pub joined: bool,
}

impl Buffer {
    /// psql's `query_buf->len`.
    pub fn len(&self) -> usize {
        self.text.len() + self.run.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing but comments was collected, as at a file's head.
    pub fn is_blank(&mut self, source: &Source) -> bool {
        self.flush(source);
        is_blank(&self.text)
    }

    /// Appends a piece of the source, within the given line.
    pub fn copy(&mut self, source: &Source, piece: Range<usize>, line: u32, line_start: usize) {
        if piece.is_empty() {
            return;
        }
        if self.run.end == piece.start && !self.run.is_empty() {
            self.run.end = piece.end;
            return;
        }
        self.flush(source);
        self.map.push(Segment { sql: self.text.len(), at: piece.start, line, line_start, substituted: false });
        self.run = piece;
    }

    /// Appends a variable's value, which stands at `at` in the source.
    pub fn substitute(&mut self, source: &Source, value: &str, at: usize, line: u32, line_start: usize) {
        self.flush(source);
        self.map.push(Segment { sql: self.text.len(), at, line, line_start, substituted: true });
        self.text.extend_from_slice(value.as_bytes());
        self.substituted = true;
    }

    /// Takes back the line feed that was appended last.
    pub fn take_back_line_feed(&mut self) {
        if self.run.is_empty() {
            self.text.pop();
        } else {
            self.run.end -= 1;
        }
    }

    /// The last byte that is not white space.
    pub fn last_visible(&self, source: &Source) -> Option<u8> {
        let visible = |b: &&u8| !b.is_ascii_whitespace();
        source.bytes[self.run.clone()]
            .iter()
            .rev()
            .find(visible)
            .or_else(|| self.text.iter().rev().find(visible))
            .copied()
    }

    /// The statement; the buffer is empty again.
    pub fn take(&mut self, source: &Source, included_from: Vec<Position>) -> Statement {
        self.flush(source);
        let this = std::mem::take(self);
        let at = match this.map.first() {
            Some(first) => source.position(first.at, first.line, first.line_start),
            None => source.position(0, 1, 0),
        };
        let sql = String::from_utf8(this.text).expect("cut from valid UTF-8 beside ASCII characters only");
        Statement {
            sql,
            origin: Origin { at, included_from },
            copy: None,
            then: Then::Show,
            parameters: None,
            undefined: this.undefined,
            map: this.map,
            source: source.clone(),
        }
    }

    fn flush(&mut self, source: &Source) {
        self.text.extend_from_slice(&source.bytes[self.run.clone()]);
        self.run = 0..0;
    }
}
