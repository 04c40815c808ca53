//! Where psql ends a statement.
//!
//! The rules are those of psqlscan.l in PostgreSQL 15, with standard_conforming_strings on. psql scans line by line and
//! so does this: [`Scanner::next`] gets the file and the line's bounds, and stops at whatever its caller has to act on.
//! It copies nothing. Everything between two stops belongs to the statement as it is.

use super::lexemes::{
    CLASS, CONTINUED, Continuation, DIGIT, Fault, GLUED, Reference, SKIP, WORD, continuation, end_of_comment, find,
    is_identifier_byte, is_identifier_start, number, peek, reference, span,
};
use super::variables::is_name_byte;

/// psql's lexer state, which lives as long as a file.
#[derive(Default)]
pub(super) struct Scanner {
    mode: Mode,
    /// Where the open quote or comment began.
    began: usize,
    /// The open dollar quote's delimiter, with both dollars.
    tag: Vec<u8>,
    parens: Vec<usize>,
    /// Open BEGIN and CASE of a function body.
    begins: Vec<usize>,
    brackets: u32,
    first_words: [u8; 4],
    word_count: usize,
    saw_begin: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Normal,
    Comment {
        depth: u32,
    },
    Quote {
        escapes: bool,
    },
    Identifier,
    Dollar,
}

/// Why the scanner stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The end of the line; more may follow.
    EndOfLine,
    /// Just behind a `;` that ends the statement.
    Semicolon,
    /// At a backslash that begins a meta-command.
    Backslash,
    /// At the backslash of `\;` or `\:`; only the second character is part of the statement.
    Forced,
    /// At the colon of a variable.
    Variable(Reference),
}

impl Scanner {
    /// Scans from `i` to `end`, the end of the line, and says where and why it stopped.
    pub fn next(&mut self, bytes: &[u8], mut i: usize, end: usize) -> Result<(usize, Stop), Fault> {
        while i < end {
            i = match self.mode {
                Mode::Normal => match self.normal(bytes, i, end)? {
                    (at, Some(stop)) => return Ok((at, stop)),
                    (at, None) => at,
                },
                Mode::Comment { depth } => self.comment(bytes, i, end, depth),
                Mode::Quote { escapes } => self.quote(bytes, i, end, escapes)?,
                Mode::Identifier => match find(bytes, i, end, b'"') {
                    Some(at) => {
                        self.mode = Mode::Normal;
                        at + 1
                    }
                    None => end,
                },
                Mode::Dollar => self.dollar(bytes, i, end),
            };
        }
        Ok((i, Stop::EndOfLine))
    }

    /// Whether a quote or a comment is open. psql drops empty lines elsewhere.
    pub fn in_quote(&self) -> bool {
        self.mode != Mode::Normal
    }

    /// Whether the scan stands between `[` and `]`.
    pub fn in_brackets(&self) -> bool {
        self.brackets > 0
    }

    /// Whether psql counted a BEGIN since the last statement; forgets it.
    pub fn take_saw_begin(&mut self) -> bool {
        std::mem::take(&mut self.saw_begin)
    }

    /// What is open, and where it began.
    pub fn open(&self) -> Option<(&'static str, usize)> {
        let what = match self.mode {
            Mode::Comment { .. } => "comment",
            Mode::Quote { .. } => "quoted string",
            Mode::Identifier => "quoted identifier",
            Mode::Dollar => "dollar-quoted string",
            Mode::Normal => {
                return match (self.parens.last(), self.begins.last()) {
                    (Some(at), _) => Some(("parenthesis", *at)),
                    (None, Some(at)) => Some(("BEGIN or CASE of a function body", *at)),
                    (None, None) => None,
                };
            }
        };
        Some((what, self.began))
    }

    fn normal(&mut self, bytes: &[u8], mut i: usize, end: usize) -> Result<(usize, Option<Stop>), Fault> {
        while i < end {
            let byte = bytes[i];
            match CLASS[usize::from(byte)] {
                SKIP => i += 1,
                WORD => {
                    if let Some(at) = self.prefixed_quote(bytes, i, end) {
                        return Ok((at, None));
                    }
                    let start = i;
                    i = span(bytes, i, end, is_identifier_byte);
                    self.word(&bytes[start..i], start);
                }
                DIGIT => i = number(bytes, i, end)?,
                _ => match byte {
                    b'\'' => return Ok((self.open_at(i, Mode::Quote { escapes: false }, i + 1), None)),
                    b'"' => return Ok((self.open_at(i, Mode::Identifier, i + 1), None)),
                    b'-' if peek(bytes, i + 1, end) == Some(b'-') => i = end_of_comment(bytes, i, end),
                    b'/' if peek(bytes, i + 1, end) == Some(b'*') => {
                        return Ok((self.open_at(i, Mode::Comment { depth: 0 }, i + 2), None));
                    }
                    b'$' => match self.dollar_sign(bytes, i, end)? {
                        (at, true) => return Ok((at, None)),
                        (at, false) => i = at,
                    },
                    b'(' => {
                        self.parens.push(i);
                        i += 1;
                    }
                    b')' => {
                        self.parens.pop();
                        i += 1;
                    }
                    b'[' => {
                        self.brackets = self.brackets.saturating_add(1);
                        i += 1;
                    }
                    b']' => {
                        self.brackets = self.brackets.saturating_sub(1);
                        i += 1;
                    }
                    b';' => {
                        i += 1;
                        if self.parens.is_empty() && self.begins.is_empty() {
                            self.word_count = 0;
                            self.brackets = 0;
                            return Ok((i, Some(Stop::Semicolon)));
                        }
                    }
                    b'\\' => match peek(bytes, i + 1, end) {
                        Some(b';') => {
                            self.word_count = 0;
                            return Ok((i, Some(Stop::Forced)));
                        }
                        Some(b':') => return Ok((i, Some(Stop::Forced))),
                        _ => return Ok((i, Some(Stop::Backslash))),
                    },
                    b':' => match reference(bytes, i, end) {
                        Some(found) => return Ok((i, Some(Stop::Variable(found)))),
                        None => i += if matches!(peek(bytes, i + 1, end), Some(b':' | b'=')) { 2 } else { 1 },
                    },
                    _ => i += 1,
                },
            }
        }
        Ok((i, None))
    }

    fn open_at(&mut self, began: usize, mode: Mode, next: usize) -> usize {
        self.began = began;
        self.mode = mode;
        next
    }

    /// `E'`, `B'`, `X'`, `N'`, `U&'`, `U&"`
    fn prefixed_quote(&mut self, bytes: &[u8], i: usize, end: usize) -> Option<usize> {
        let next = peek(bytes, i + 1, end)?;
        match (bytes[i] | 0x20, next) {
            (b'e', b'\'') => Some(self.open_at(i, Mode::Quote { escapes: true }, i + 2)),
            (b'b' | b'x' | b'n', b'\'') => Some(self.open_at(i, Mode::Quote { escapes: false }, i + 2)),
            (b'u', b'&') => match peek(bytes, i + 2, end)? {
                b'\'' => Some(self.open_at(i, Mode::Quote { escapes: false }, i + 3)),
                b'"' => Some(self.open_at(i, Mode::Identifier, i + 3)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Counts BEGIN, CASE and END as psql does, only where the statement starts like CREATE FUNCTION.
    fn word(&mut self, word: &[u8], at: usize) {
        if self.word_count == 0 {
            self.first_words = [0; 4];
        }
        if self.word_count < 4 {
            const HEAD: [&[u8]; 5] = [b"create", b"function", b"procedure", b"or", b"replace"];
            if HEAD.iter().any(|head| word.eq_ignore_ascii_case(head)) {
                self.first_words[self.word_count] = word[0].to_ascii_lowercase();
            }
        }
        self.word_count = self.word_count.saturating_add(1);
        let in_function = matches!(self.first_words, [b'c', b'f' | b'p', ..] | [b'c', b'o', b'r', b'f' | b'p']);
        if !in_function || !self.parens.is_empty() {
            return;
        }
        if word.eq_ignore_ascii_case(b"begin") {
            self.saw_begin = true;
            self.begins.push(at);
        } else if word.eq_ignore_ascii_case(b"case") {
            if !self.begins.is_empty() {
                self.begins.push(at);
            }
        } else if word.eq_ignore_ascii_case(b"end") {
            self.begins.pop();
        }
    }

    /// `$1`, `$tag$`, or a lone dollar; true when a quote opened.
    fn dollar_sign(&mut self, bytes: &[u8], i: usize, end: usize) -> Result<(usize, bool), Fault> {
        let after = span(bytes, i + 1, end, |b| b.is_ascii_digit());
        if after > i + 1 {
            return match peek(bytes, after, end) {
                Some(next) if is_identifier_start(next) => Err(Fault { at: i, problem: GLUED }),
                _ => Ok((after, false)),
            };
        }
        let after = match peek(bytes, i + 1, end) {
            Some(next) if is_identifier_start(next) => span(bytes, i + 1, end, is_name_byte),
            _ => i + 1,
        };
        if peek(bytes, after, end) != Some(b'$') {
            return Ok((i + 1, false));
        }
        self.tag = bytes[i..=after].to_vec();
        Ok((self.open_at(i, Mode::Dollar, after + 1), true))
    }

    fn dollar(&mut self, bytes: &[u8], mut i: usize, end: usize) -> usize {
        while let Some(at) = find(bytes, i, end, b'$') {
            if bytes[at..end].starts_with(&self.tag) {
                self.mode = Mode::Normal;
                return at + self.tag.len();
            }
            i = at + 1;
        }
        end
    }

    fn comment(&mut self, bytes: &[u8], mut i: usize, end: usize, mut depth: u32) -> usize {
        while i < end {
            match (bytes[i], peek(bytes, i + 1, end)) {
                (b'/', Some(b'*')) => {
                    depth = depth.saturating_add(1);
                    i += 2;
                }
                (b'*', Some(b'/')) => {
                    i += 2;
                    if depth == 0 {
                        self.mode = Mode::Normal;
                        return i;
                    }
                    depth -= 1;
                }
                _ => i += 1,
            }
        }
        self.mode = Mode::Comment { depth };
        i
    }

    fn quote(&mut self, bytes: &[u8], mut i: usize, end: usize, escapes: bool) -> Result<usize, Fault> {
        if !escapes {
            // a doubled quote closes and opens again, which comes to the same
            return Ok(match find(bytes, i, end, b'\'') {
                Some(at) => {
                    self.mode = Mode::Normal;
                    at + 1
                }
                None => end,
            });
        }
        while i < end {
            match bytes[i] {
                b'\\' => i += 2,
                b'\'' if peek(bytes, i + 1, end) == Some(b'\'') => i += 2,
                b'\'' => match continuation(bytes, i + 1) {
                    Continuation::None => {
                        self.mode = Mode::Normal;
                        return Ok(i + 1);
                    }
                    Continuation::SameLine(at) => i = at,
                    Continuation::Differs => return Err(Fault { at: i, problem: CONTINUED }),
                },
                _ => i += 1,
            }
        }
        Ok(i.min(end))
    }
}

/// Whether a whole text is one statement that ends where it ends; else a byte near which it is not.
pub(super) fn boundary_fault(sql: &str, terminated: bool) -> Option<usize> {
    let bytes = sql.as_bytes();
    let mut scanner = Scanner::default();
    let mut start = 0;
    loop {
        let end = find(bytes, start, bytes.len(), b'\n').unwrap_or(bytes.len());
        let mut i = start;
        loop {
            match scanner.next(bytes, i, end) {
                Ok((_, Stop::EndOfLine)) => break,
                Ok((_, Stop::Variable(found))) => i = found.end,
                Ok((at, Stop::Semicolon)) if terminated && at == bytes.len() => return None,
                Ok((at, _)) => return Some(at.saturating_sub(1)),
                Err(fault) => return Some(fault.at),
            }
        }
        if end >= bytes.len() {
            break;
        }
        start = end + 1;
    }
    match scanner.open() {
        Some((_, at)) => Some(at),
        None => terminated.then_some(bytes.len()),
    }
}

#[cfg(test)]
mod tests;
