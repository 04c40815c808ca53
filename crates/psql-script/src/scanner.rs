//! Finds the ends of statements by psql's rules.
//!
//! The rules are those of psqlscan.l in PostgreSQL 15. psql scans line by line, and so does this:
//! [`Scanner::next`] takes a line, and stops wherever its caller has to act. It copies nothing. All
//! text between two stops belongs to the statement, unchanged.

mod bodies;

use bodies::{Bodies, Count, End};

use super::lexemes::{
    CLASS, CONTINUED, DIGIT, Fault, GLUED, Reference, SKIP, WORD, continued_in_line,
    end_of_comment, find, is_blank_from, is_identifier_byte, is_identifier_start, number, peek,
    reference, span,
};
use super::variables::is_name_byte;

/// psql's lexer state, one for each file.
///
/// Positions of open constructs are bytes of the statement's text.
#[derive(Default)]
pub(super) struct Scanner {
    mode: Mode,
    /// Offset from a byte of the scanned line to the byte of the statement's text.
    shift: isize,
    /// True after the script turned `standard_conforming_strings` off: backslashes escape in all
    /// strings.
    pub escapes_everywhere: bool,
    /// The byte after the closing quote of an `E'...'` string of this line, or 0 if the previous
    /// line ended with one. On the next line the server continues that string, and psql begins a
    /// plain one.
    escape_closed: Option<usize>,
    /// The byte of this line at which the server would continue an `E'...'` string.
    continued_at: Option<usize>,
    /// The byte at which the open quote or comment began.
    began: usize,
    /// The open dollar quote's delimiter, with both dollars.
    tag: Vec<u8>,
    parens: Vec<usize>,
    bodies: Bodies,
    brackets: u32,
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
        /// True if psql no longer treats backslashes as escapes here, but the server does.
        forgotten: bool,
    },
    Identifier,
    Dollar,
}

const PLAIN: Mode = Mode::Quote {
    escapes: false,
    forgotten: false,
};
const ESCAPES: Mode = Mode::Quote {
    escapes: true,
    forgotten: false,
};

/// Part of psql's lexer state that `\if` saves.
#[derive(Clone, Default)]
pub(super) struct Depth {
    /// psql's `paren_depth`, as the position of each open parenthesis.
    parens: Vec<usize>,
    bodies: Count,
}

/// Reason for a stop of the scanner.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The end of the line; more may follow.
    EndOfLine,
    /// Just after a `;` that ends the statement.
    Semicolon,
    /// Just after a `;` that ends the statement for some minor releases of psql only.
    Disputed,
    /// At a backslash that begins a meta-command.
    Backslash,
    /// At the backslash of `\;` or `\:`; only the second character is part of the statement.
    Forced,
    /// At the colon of a variable.
    Variable(Reference),
}

impl Scanner {
    /// Scans from `i` to the end of the line; returns the byte and the reason of the stop. The
    /// first byte scanned gets position `text` in the statement.
    pub fn next(
        &mut self,
        bytes: &[u8],
        mut i: usize,
        text: usize,
    ) -> Result<(usize, Stop), Fault> {
        let end = bytes.len();
        self.shift = text as isize - i as isize;
        while i < end {
            i = match self.mode {
                Mode::Normal => match self.normal(bytes, i, end)? {
                    (at, Some(stop)) => return Ok((at, stop)),
                    (at, None) => at,
                },
                Mode::Comment { depth } => self.comment(bytes, i, end, depth),
                Mode::Quote { escapes, forgotten } => {
                    self.quote(bytes, i, end, escapes, forgotten)?
                }
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

    /// Must be called for every new line of a file, before it is scanned.
    pub fn begin_line(&mut self, bytes: &[u8]) {
        self.continued_at = None;
        if self.escape_closed.is_none() || self.mode != Mode::Normal {
            self.escape_closed = None;
            return;
        }
        let next = super::lexemes::skip_leading(bytes, 0, bytes.len());
        self.escape_closed = if next == bytes.len() { Some(0) } else { None };
        self.continued_at = (bytes.get(next) == Some(&b'\'')).then_some(next);
    }

    /// Must be called at the end of every line of a file.
    pub fn end_line(&mut self, bytes: &[u8]) {
        self.escape_closed = self
            .escape_closed
            .filter(|at| is_blank_from(bytes, *at, bytes.len()));
    }

    /// Starts again as at the beginning of a file: after `\g` and its relatives, and `\r`.
    pub fn reset(&mut self) {
        let (escapes_everywhere, bodies) = (self.escapes_everywhere, self.bodies.anew());
        *self = Self {
            escapes_everywhere,
            bodies,
            ..Self::default()
        };
    }

    /// The open parentheses and bodies.
    pub fn depth(&self) -> Depth {
        Depth {
            parens: self.parens.clone(),
            bodies: self.bodies.count(),
        }
    }

    /// Restores them after a branch that is not taken.
    pub fn set_depth(&mut self, depth: Depth) {
        self.parens = depth.parens;
        self.bodies.set_count(depth.bodies);
    }

    /// True if a quote or a comment is open. psql drops empty lines elsewhere.
    pub fn in_quote(&self) -> bool {
        self.mode != Mode::Normal
    }

    /// True between `[` and `]`.
    pub fn in_brackets(&self) -> bool {
        self.brackets > 0
    }

    /// True if psql counted a BEGIN since the last statement; resets the mark.
    pub fn take_saw_begin(&mut self) -> bool {
        self.bodies.take_saw_begin()
    }

    /// The kind of the open construct, and the byte at which it began.
    pub fn open(&self) -> Option<(&'static str, usize)> {
        let what = match self.mode {
            Mode::Comment { .. } => "comment",
            Mode::Quote { .. } => "quoted string",
            Mode::Identifier => "quoted identifier",
            Mode::Dollar => "dollar-quoted string",
            Mode::Normal => {
                return match (self.parens.last(), self.bodies.innermost()) {
                    (Some(at), _) => Some(("parenthesis", *at)),
                    (None, Some(at)) => Some(("BEGIN or CASE of a function body", at)),
                    (None, None) => None,
                };
            }
        };
        Some((what, self.began))
    }

    fn normal(
        &mut self,
        bytes: &[u8],
        mut i: usize,
        end: usize,
    ) -> Result<(usize, Option<Stop>), Fault> {
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
                    self.bodies.word(
                        &bytes[start..i],
                        self.in_text(start),
                        self.parens.is_empty(),
                    );
                }
                DIGIT => i = number(bytes, i, end)?,
                _ => match byte {
                    b'\'' => {
                        let forgotten = self.continued_at == Some(i);
                        let escapes = self.escapes_everywhere && !forgotten;
                        let mode = Mode::Quote { escapes, forgotten };
                        return Ok((self.open_at(i, mode, i + 1), None));
                    }
                    b'"' => return Ok((self.open_at(i, Mode::Identifier, i + 1), None)),
                    b'-' if peek(bytes, i + 1, end) == Some(b'-') => {
                        i = end_of_comment(bytes, i, end)
                    }
                    b'/' if peek(bytes, i + 1, end) == Some(b'*') => {
                        return Ok((self.open_at(i, Mode::Comment { depth: 0 }, i + 2), None));
                    }
                    b'$' => match self.dollar_sign(bytes, i, end)? {
                        (at, true) => return Ok((at, None)),
                        (at, false) => i = at,
                    },
                    b'(' => {
                        self.parens.push(self.in_text(i));
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
                        let stop = match self.bodies.semicolon(self.parens.is_empty()) {
                            End::Inside => continue,
                            End::Statement => Stop::Semicolon,
                            End::Disputed => Stop::Disputed,
                        };
                        self.brackets = 0;
                        return Ok((i, Some(stop)));
                    }
                    b'\\' => match peek(bytes, i + 1, end) {
                        Some(b';') => {
                            self.bodies.joined(self.parens.is_empty());
                            return Ok((i, Some(Stop::Forced)));
                        }
                        Some(b':') => return Ok((i, Some(Stop::Forced))),
                        _ => return Ok((i, Some(Stop::Backslash))),
                    },
                    b':' => match reference(bytes, i, end) {
                        Some(found) => return Ok((i, Some(Stop::Variable(found)))),
                        None => {
                            i += if matches!(peek(bytes, i + 1, end), Some(b':' | b'=')) {
                                2
                            } else {
                                1
                            }
                        }
                    },
                    _ => i += 1,
                },
            }
        }
        Ok((i, None))
    }

    fn open_at(&mut self, began: usize, mode: Mode, next: usize) -> usize {
        self.began = self.in_text(began);
        self.mode = mode;
        next
    }

    /// The byte of the statement's text for a byte of the line.
    fn in_text(&self, at: usize) -> usize {
        at.saturating_add_signed(self.shift)
    }

    /// Opens the quote after `E'`, `B'`, `X'`, `N'`, `U&'` or `U&"`.
    fn prefixed_quote(&mut self, bytes: &[u8], i: usize, end: usize) -> Option<usize> {
        let next = peek(bytes, i + 1, end)?;
        match (bytes[i] | 0x20, next) {
            (b'e', b'\'') => Some(self.open_at(i, ESCAPES, i + 2)),
            (b'b' | b'x', b'\'') => Some(self.open_at(i, PLAIN, i + 2)),
            (b'u', b'&') => match peek(bytes, i + 2, end)? {
                b'\'' => Some(self.open_at(i, PLAIN, i + 3)),
                b'"' => Some(self.open_at(i, Mode::Identifier, i + 3)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Scans `$1`, `$tag$`, or a lone dollar; true when a quote opened.
    fn dollar_sign(&mut self, bytes: &[u8], i: usize, end: usize) -> Result<(usize, bool), Fault> {
        let after = span(bytes, i + 1, end, |b| b.is_ascii_digit());
        if after > i + 1 {
            return match peek(bytes, after, end) {
                Some(next) if is_identifier_start(next) => Err(Fault {
                    at: i,
                    problem: GLUED,
                }),
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
        while let Some(at) = memchr::memchr2(b'/', b'*', &bytes[i.min(end)..end]).map(|n| i + n) {
            i = match (bytes[at], peek(bytes, at + 1, end)) {
                (b'/', Some(b'*')) => {
                    depth = depth.saturating_add(1);
                    at + 2
                }
                (b'*', Some(b'/')) if depth == 0 => {
                    self.mode = Mode::Normal;
                    return at + 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    at + 2
                }
                _ => at + 1,
            };
        }
        self.mode = Mode::Comment { depth };
        end
    }

    fn quote(
        &mut self,
        bytes: &[u8],
        mut i: usize,
        end: usize,
        escapes: bool,
        forgotten: bool,
    ) -> Result<usize, Fault> {
        if !escapes {
            // a doubled quote closes and opens again, with the same result
            let close = find(bytes, i, end, b'\'');
            if forgotten && let Some(at) = find(bytes, i, close.unwrap_or(end), b'\\') {
                return Err(Fault {
                    at,
                    problem: CONTINUED,
                });
            }
            let Some(at) = close else { return Ok(end) };
            if forgotten && peek(bytes, at + 1, end) == Some(b'\'') {
                return Ok(at + 2);
            }
            self.mode = Mode::Normal;
            if forgotten {
                self.escape_closed = Some(at + 1);
            }
            return Ok(at + 1);
        }
        while let Some(at) = memchr::memchr2(b'\\', b'\'', &bytes[i.min(end)..end]).map(|n| i + n) {
            i = match bytes[at] {
                b'\\' => at + 2,
                _ if peek(bytes, at + 1, end) == Some(b'\'') => at + 2,
                _ => match continued_in_line(bytes, at + 1, end) {
                    Some(next) => next,
                    None => {
                        self.mode = Mode::Normal;
                        self.escape_closed = (!self.escapes_everywhere).then_some(at + 1);
                        return Ok(at + 1);
                    }
                },
            };
        }
        Ok(end)
    }
}

#[cfg(test)]
mod tests;
