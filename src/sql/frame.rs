//! One open file of a script, read line by line as psql's main loop does.

use super::position::{Origin, Position, Source};
use super::scanner::Scanner;
use super::statement::{Buffer, CopyData, Statement};
use std::sync::Arc;

/// One open file. psql keeps a lexer state and a query buffer for each.
pub(super) struct Frame {
    pub source: Source,
    pub scanner: Scanner,
    pub buffer: Buffer,
    /// Where the includes that led here stand, innermost first.
    pub included_from: Vec<Position>,
    /// The scan's place in the line, and the line's bounds without its line feed.
    pub at: usize,
    pub line_end: usize,
    pub line_start: usize,
    pub line: u32,
    pub in_line: bool,
    /// Where the line that was read last begins.
    taken: usize,
    next_line: usize,
    next_number: u32,
    /// The buffer's length behind the line feed that began this line.
    fed: Option<usize>,
    /// The data of the COPY that was given out last.
    pub data: Option<CopyData>,
}

impl Frame {
    pub fn new(source: Source, included_from: Vec<Position>) -> Self {
        // psql drops a byte order mark at the start of every file
        let start = if source.bytes.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
        Self {
            source,
            scanner: Scanner::default(),
            buffer: Buffer::default(),
            included_from,
            at: start,
            line_end: start,
            line_start: start,
            line: 0,
            in_line: false,
            taken: start,
            next_line: start,
            next_number: 1,
            fed: None,
            data: None,
        }
    }

    /// Goes to the next line that psql would scan; false at the end of the file.
    pub fn advance(&mut self) -> bool {
        while self.next_line < self.source.bytes.len() {
            let previous = self.taken;
            let (start, end, line) = self.take_line();
            // empty lines are dropped outside of quotes, also in the middle of a statement
            if start == end && !self.scanner.in_quote() {
                continue;
            }
            (self.at, self.line_start, self.line_end, self.line) = (start, start, end, line);
            self.fed = None;
            if !self.buffer.is_empty() {
                // a statement has begun, so there is a line before this one, and its line feed is the byte before
                self.buffer.copy(&self.source, start - 1..start, line - 1, previous);
                self.fed = Some(self.buffer.len());
            }
            self.in_line = true;
            return true;
        }
        false
    }

    /// Before a meta-command: forgets the line feed if nothing came behind it, as if the line were not there.
    pub fn drop_fed_line(&mut self) {
        if self.fed.take() == Some(self.buffer.len()) {
            self.buffer.take_back_line_feed();
        }
    }

    /// Takes the statement out of the buffer.
    pub fn take_statement(&mut self) -> Statement {
        // or the next piece of this line could be as long as the buffer was, and lose its end
        self.fed = None;
        self.buffer.take(&self.source, self.included_from.clone())
    }

    /// Takes the lines behind the current one as COPY data, as psql's `handleCopyIn` does. What is left of the
    /// current line is scanned afterwards.
    pub fn take_copy_data(&mut self) -> CopyData {
        let from = self.next_line;
        while self.next_line < self.source.bytes.len() {
            let (start, end, _) = self.take_line();
            if matches!(&self.source.bytes[start..end], b"\\." | b"\\.\r") {
                return CopyData::new(Arc::clone(&self.source.bytes), from..start, true);
            }
        }
        CopyData::new(Arc::clone(&self.source.bytes), from..self.next_line, false)
    }

    /// Where byte `at` of the current line or an earlier one stands.
    pub fn position(&self, at: usize) -> Position {
        if at >= self.line_start && self.line > 0 {
            self.source.position(at, self.line, self.line_start)
        } else {
            self.source.position(at, 1, 0)
        }
    }

    /// The same with the includes that led there.
    pub fn origin(&self, at: usize) -> Origin {
        Origin { at: self.position(at), included_from: self.included_from.clone() }
    }

    fn take_line(&mut self) -> (usize, usize, u32) {
        let start = self.next_line;
        let rest = &self.source.bytes[start..];
        let end = rest.iter().position(|b| *b == b'\n').map_or(self.source.bytes.len(), |n| start + n);
        self.taken = start;
        self.next_line = (end + 1).min(self.source.bytes.len());
        let line = self.next_number;
        self.next_number = self.next_number.saturating_add(1);
        (start, end, line)
    }
}
