//! One open file of a script, read line by line as psql's main loop does. Only the current line is
//! in memory.

use super::conditions::Conditions;
use super::error::{FileError, ScriptError};
use super::position::{Origin, Position, count_characters};
use super::scanner::Scanner;
use super::statement::{Buffer, Statement};
use std::cell::Cell;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

/// Bytes of one read from a file.
const CHUNK: usize = 64 * 1024;

/// One open file, with its own lexer state, query buffer and stack of conditions, as in psql.
pub(super) struct Frame<'f> {
    pub file: Arc<str>,
    reader: BufReader<Box<dyn Read + 'f>>,
    pub scanner: Scanner,
    pub buffer: Buffer,
    /// psql's `previous_buf`: the last text sent, for `\g` and its relatives after a semicolon.
    pub previous: String,
    pub conditions: Conditions,
    /// Source locations of the includes that lead to this file, innermost first.
    pub included_from: Vec<Position>,
    /// Values of variables that are being scanned, innermost last.
    pub pushed: Vec<Pushed>,
    /// The line without its line feed, its number, and the byte where scanning goes on.
    pub line: Vec<u8>,
    pub number: u32,
    pub at: usize,
    pub in_line: bool,
    /// The number of the last line read; COPY data may come between.
    read: u32,
    /// The number and the length of the previous line.
    before: (u32, usize),
    /// The buffer's length after the line feed that began this line.
    fed: Option<usize>,
    /// True if unread inline COPY data follow.
    pub data_due: bool,
    /// True if the last statement was COPY FROM STDIN, with its data in this file.
    pub behind_copy: bool,
    /// Cache: a byte of the line, and its column.
    counted: Cell<(usize, u32)>,
}

/// A variable's value that is being scanned.
pub(super) struct Pushed {
    pub name: String,
    pub value: Vec<u8>,
    pub at: usize,
    /// True for a value from outside of the script, which must not end a statement.
    pub outside: bool,
}

impl<'f> Frame<'f> {
    pub fn new(file: &str, reader: Box<dyn Read + 'f>, included_from: Vec<Position>) -> Self {
        Self {
            file: file.into(),
            reader: BufReader::with_capacity(CHUNK, reader),
            scanner: Scanner::default(),
            buffer: Buffer::default(),
            previous: String::new(),
            conditions: Conditions::default(),
            included_from,
            pushed: Vec::new(),
            line: Vec::new(),
            number: 0,
            at: 0,
            in_line: false,
            read: 0,
            before: (0, 0),
            fed: None,
            data_due: false,
            behind_copy: false,
            counted: Cell::new((0, 1)),
        }
    }

    /// Reads the next line that psql would scan; false at the end of the file.
    pub fn advance(&mut self) -> Result<bool, ScriptError> {
        loop {
            self.before = (self.number, self.line.len());
            self.line.clear();
            if self.read_line_into_self()? == 0 {
                return Ok(false);
            }
            self.number = self.read;
            (self.at, self.fed) = (0, None);
            self.counted.set((0, 1));
            self.check()?;
            // psql drops empty lines outside of quotes, also in the middle of a statement
            if self.line.is_empty() && !self.scanner.in_quote() {
                continue;
            }
            self.scanner.begin_line(&self.line);
            if !self.buffer.is_empty() {
                let length = if self.before.0 + 1 == self.number {
                    self.before.1
                } else {
                    usize::MAX
                };
                self.buffer.feed(self.number, length);
                self.fed = Some(self.buffer.len());
            }
            self.in_line = true;
            return Ok(true);
        }
    }

    /// Removes the line feed before a meta-command if no text followed it, as psql does.
    pub fn drop_fed_line(&mut self) {
        if self.fed.take() == Some(self.buffer.len()) {
            self.buffer.take_back_line_feed();
        }
    }

    /// Takes the statement out of the buffer.
    pub fn take_statement(&mut self) -> Statement {
        // or the next piece of this line could be as long as the buffer was, and lose its end
        self.fed = None;
        let statement = self.buffer.take(&self.file, &self.included_from);
        self.previous.clear();
        self.previous.push_str(&statement.sql);
        statement
    }

    /// Copies the current line from `from` to `to` into the buffer.
    pub fn copy(&mut self, from: usize, to: usize) {
        let (line, counted) = (&self.line, &self.counted);
        self.buffer.copy(&line[from..to], self.number, from, || {
            column(line, counted, from)
        });
    }

    /// The number of the first line after the current one, or after the data read so far.
    pub fn next_number(&self) -> u32 {
        self.read.saturating_add(1)
    }

    /// Reads the next line of inline COPY data with its line feed, like psql's `handleCopyIn`.
    /// False after the last one: a line `\.` or the end of the file ends the data. Scanning then
    /// goes on in the rest of the current line.
    pub fn data_line(&mut self, into: &mut Vec<u8>) -> std::io::Result<bool> {
        into.clear();
        if !self.data_due {
            return Ok(false);
        }
        if self.reader.read_until(b'\n', into)? > 0 {
            self.read = self.read.saturating_add(1);
            if !is_end_of_data(into) {
                return Ok(true);
            }
        }
        into.clear();
        self.data_due = false;
        Ok(false)
    }

    /// Skips the unread COPY data.
    pub fn skip_data(&mut self) -> Result<(), ScriptError> {
        let mut line = Vec::new();
        while self
            .data_line(&mut line)
            .map_err(|error| self.failed(error))?
        {}
        Ok(())
    }

    /// Skips the data of a COPY in a branch that is not taken: up to the line `\.` or, without one,
    /// to the end of the branch. psql would read the data as SQL there.
    pub fn skip_untaken_data(&mut self) -> Result<(), ScriptError> {
        loop {
            let ends = self.reader.fill_buf().map(|bytes| {
                let branch = [&b"\\endif"[..], b"\\else", b"\\elif"]
                    .iter()
                    .any(|word| bytes.starts_with(word));
                bytes.is_empty() || branch
            });
            if ends.map_err(|error| self.failed(error))? {
                return Ok(());
            }
            self.data_due = true;
            let mut line = Vec::new();
            let more = self
                .data_line(&mut line)
                .map_err(|error| self.failed(error))?;
            self.data_due = false;
            if !more {
                return Ok(());
            }
        }
    }

    /// Source location of a byte of the current line.
    pub fn position(&self, at: usize) -> Position {
        let column = column(&self.line, &self.counted, at.min(self.line.len()));
        Position {
            file: Arc::clone(&self.file),
            line: self.number.max(1),
            column,
        }
    }

    /// The same, with the chain of includes.
    pub fn origin(&self, at: usize) -> Origin {
        Origin {
            at: self.position(at),
            included_from: self.included_from.clone(),
        }
    }

    /// Source location of a byte of the buffer.
    pub fn origin_in_buffer(&self, byte: usize) -> Origin {
        let (line, column) = self.buffer.locate(byte);
        let at = Position {
            file: Arc::clone(&self.file),
            line,
            column,
        };
        Origin {
            at,
            included_from: self.included_from.clone(),
        }
    }

    /// Converts a read error of this file.
    pub fn failed(&self, error: std::io::Error) -> ScriptError {
        let source = FileError::Other(Box::new(error));
        ScriptError::Read {
            path: self.file.to_string(),
            origin: Some(self.origin(0)),
            source,
        }
    }

    fn read_line_into_self(&mut self) -> Result<usize, ScriptError> {
        let read = self.reader.read_until(b'\n', &mut self.line);
        let read = read.map_err(|error| self.failed(error))?;
        if read > 0 {
            self.read = self.read.saturating_add(1);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        // psql drops a byte order mark at the start of every file
        if self.read == 1 && self.line.starts_with("\u{feff}".as_bytes()) {
            self.line.drain(..3);
        }
        Ok(read)
    }

    /// Validates a line's bytes once, so that later code can rely on UTF-8 without NUL.
    fn check(&self) -> Result<(), ScriptError> {
        let (problem, at) = match std::str::from_utf8(&self.line) {
            Err(error) => ("a byte that is not UTF-8", error.valid_up_to()),
            Ok(_) => match memchr::memchr(0, &self.line) {
                Some(at) => ("a NUL character", at),
                None => return Ok(()),
            },
        };
        Err(ScriptError::Encoding {
            problem,
            origin: self.origin(at),
        })
    }
}

/// True if a line, with or without its line feed, ends COPY data.
pub(super) fn is_end_of_data(line: &[u8]) -> bool {
    matches!(line, b"\\.\n" | b"\\.\r\n" | b"\\." | b"\\.\r")
}

/// The column of a byte, cached so that a line of many statements is counted once.
fn column(line: &[u8], counted: &Cell<(usize, u32)>, at: usize) -> u32 {
    let (from, column) = match counted.get() {
        known if known.0 <= at => known,
        _ => (0, 1),
    };
    let column = column.saturating_add(count_characters(&line[from..at]));
    counted.set((at, column));
    column
}
