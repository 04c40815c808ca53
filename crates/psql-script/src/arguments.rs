//! Lexer for the arguments of a backslash command, after psqlscanslash.l.
//!
//! An argument ends at white space or a backslash. Single quotes hold C-like escapes. Double quotes
//! stay in the text. Variables are replaced outside of quotes. Back quotes are refused, since psql
//! would run a shell command.

use super::lexemes::{Form, reference};
use super::psql_variables::is_hidden;
use super::variables::{STAND_IN, VALUE_BYTES, Value, Variables, quote_identifier, quote_literal};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub text: String,
    /// True if any part was quoted or came from a variable; `\echo` needs it.
    pub quoted: bool,
    /// True if a variable's value came from outside of the script.
    pub outside: bool,
    /// True if a variable's value is known only during a run.
    pub unknown: bool,
    pub at: usize,
    /// Number of trailing bytes without any quoting.
    plain_tail: usize,
}

impl Argument {
    /// An unquoted argument with this text.
    pub fn plain(text: String) -> Self {
        Self {
            text,
            quoted: false,
            outside: false,
            unknown: false,
            at: 0,
            plain_tail: 0,
        }
    }

    /// Removes trailing unquoted semicolons, which many commands accept after their argument.
    pub fn without_semicolons(mut self) -> Self {
        while self.plain_tail > 0 && self.text.ends_with(';') {
            self.text.pop();
            self.plain_tail -= 1;
        }
        self
    }
}

/// A malformed or refused argument, and its byte in the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ArgumentFault {
    /// Back quotes, which would run a shell command.
    Shell {
        at: usize,
    },
    /// A hidden variable of psql's own.
    Special {
        at: usize,
        name: String,
    },
    Bad {
        at: usize,
        problem: &'static str,
    },
}

/// The arguments of one command, from the end of its name to the end of the line.
pub(super) struct Arguments<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
    /// `None` in a branch that is not taken: psql replaces and runs nothing there.
    variables: Option<&'a Variables>,
}

impl<'a> Arguments<'a> {
    pub fn new(bytes: &'a [u8], at: usize, variables: Option<&'a Variables>) -> Self {
        Self {
            bytes,
            at,
            end: bytes.len(),
            variables,
        }
    }

    /// The rest of the line, verbatim, without leading white space.
    pub fn whole_line(&mut self) -> &'a [u8] {
        let start = self.at
            + self.bytes[self.at..self.end]
                .iter()
                .take_while(|b| is_space(**b))
                .count();
        self.at = self.end;
        &self.bytes[start..self.end]
    }

    /// The next argument of `\g`, `\gx` and `\o`. A pipe takes the whole rest of the line.
    pub fn next_file_or_pipe(&mut self) -> Result<Option<Argument>, ArgumentFault> {
        let rest = &self.bytes[self.at..self.end];
        let blank = rest.iter().take_while(|b| is_space(**b)).count();
        if rest.get(blank) != Some(&b'|') {
            return self.next();
        }
        let at = self.at + blank;
        let text = String::from_utf8_lossy(&self.bytes[at..self.end]).into_owned();
        self.at = self.end;
        Ok(Some(Argument::plain(text)))
    }

    /// The next argument; `None` at the end of the line or at a backslash.
    pub fn next(&mut self) -> Result<Option<Argument>, ArgumentFault> {
        while self.peek(0).is_some_and(is_space) {
            self.at += 1;
        }
        let start = self.at;
        let mut text = Vec::new();
        let (mut quoted, mut outside, mut unknown) = (false, false, false);
        let mut plain_tail = 0;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => break,
                _ if is_space(byte) => break,
                b'`' if self.variables.is_some() => {
                    return Err(ArgumentFault::Shell { at: self.at });
                }
                b'`' => {
                    let close = self.bytes[self.at + 1..self.end]
                        .iter()
                        .position(|b| *b == b'`');
                    self.at += close.ok_or_else(|| self.bad(start, UNTERMINATED))? + 2;
                    quoted = true;
                }
                b'\'' => {
                    self.single_quoted(&mut text)?;
                    (quoted, plain_tail) = (true, 0);
                }
                b'"' => {
                    self.double_quoted(&mut text)?;
                    (quoted, plain_tail) = (true, 0);
                }
                b':' => match self.variable(&mut text)? {
                    None => {
                        text.push(byte);
                        plain_tail += 1;
                        self.at += 1;
                    }
                    // values that name values grow exponentially
                    Some(_) if text.len() > VALUE_BYTES => {
                        return Err(self.bad(start, "it has more than 1 MiB"));
                    }
                    Some(found) => {
                        (quoted, plain_tail) = (true, 0);
                        outside |= found == From::NonTransactional;
                        unknown |= found == From::Unknown;
                    }
                },
                _ => {
                    text.push(byte);
                    plain_tail += 1;
                    self.at += 1;
                }
            }
        }
        if text.is_empty() && !quoted {
            return Ok(None);
        }
        match String::from_utf8(text) {
            Ok(text) if text.contains('\0') => {
                Err(self.bad(start, "an escape makes a NUL character"))
            }
            Ok(text) => Ok(Some(Argument {
                text,
                quoted,
                outside,
                unknown,
                at: start,
                plain_tail,
            })),
            Err(_) => Err(self.bad(start, "escapes make bytes that are not UTF-8")),
        }
    }

    /// The byte where scanning goes on. A pair of backslashes ends the command, and SQL may follow
    /// in the same line.
    pub fn finish(mut self) -> usize {
        if self.bytes[self.at..self.end].starts_with(b"\\\\") {
            self.at += 2;
        }
        self.at
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        let at = self.at + ahead;
        if at < self.end {
            self.bytes.get(at).copied()
        } else {
            None
        }
    }

    fn bad(&self, at: usize, problem: &'static str) -> ArgumentFault {
        ArgumentFault::Bad { at, problem }
    }

    fn single_quoted(&mut self, text: &mut Vec<u8>) -> Result<(), ArgumentFault> {
        let start = self.at;
        self.at += 1;
        loop {
            match (self.peek(0), self.peek(1)) {
                (None, _) => return Err(self.bad(start, UNTERMINATED)),
                (Some(b'\''), Some(b'\'')) => {
                    text.push(b'\'');
                    self.at += 2;
                }
                (Some(b'\''), _) => {
                    self.at += 1;
                    return Ok(());
                }
                (Some(b'\\'), Some(escape)) => {
                    self.at += 1;
                    self.escape(escape, text);
                }
                (Some(byte), _) => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// Reads the escape after a backslash: `\n \t \b \r \f`, one to three octal digits, or `x` with
    /// one or two hexadecimal digits.
    fn escape(&mut self, escape: u8, text: &mut Vec<u8>) {
        let (base, lead, most) = match escape {
            b'0'..=b'7' => (8, 0, 3),
            b'x' if self.peek(1).is_some_and(|b| b.is_ascii_hexdigit()) => (16, 1, 2),
            _ => {
                text.push(match escape {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'r' => b'\r',
                    b'f' => 0x0C,
                    other => other,
                });
                self.at += 1;
                return;
            }
        };
        self.at += lead;
        let mut value = 0u32;
        for _ in 0..most {
            let Some(digit) = self.peek(0).and_then(|b| char::from(b).to_digit(base)) else {
                break;
            };
            value = value * base + digit;
            self.at += 1;
        }
        // psql keeps the low byte of a larger value
        text.push((value & 0xFF) as u8);
    }

    fn double_quoted(&mut self, text: &mut Vec<u8>) -> Result<(), ArgumentFault> {
        let start = self.at;
        let rest = &self.bytes[start + 1..self.end];
        let Some(length) = rest.iter().position(|b| *b == b'"') else {
            return Err(self.bad(start, UNTERMINATED));
        };
        self.at = start + length + 2;
        text.extend_from_slice(&self.bytes[start..self.at]);
        Ok(())
    }

    /// Replaces a variable; an unset one stays as written. `None` if the colon begins no variable.
    fn variable(&mut self, text: &mut Vec<u8>) -> Result<Option<From>, ArgumentFault> {
        let Some(found) = reference(self.bytes, self.at, self.end) else {
            return Ok(None);
        };
        let name = String::from_utf8_lossy(&self.bytes[found.name.0..found.name.1]);
        let value = self.variables.and_then(|variables| variables.value(&name));
        if value.is_none() && self.variables.is_some() && is_hidden(&name) {
            return Err(ArgumentFault::Special {
                at: self.at,
                name: name.into_owned(),
            });
        }
        let from = match value {
            Some(Value::Known { outside: true, .. }) => From::NonTransactional,
            Some(Value::Unknown { certain }) if found.form != Form::Test || !certain => {
                From::Unknown
            }
            _ => From::Script,
        };
        let known = match value {
            Some(Value::Known { text, .. }) => Some(text.as_str()),
            Some(Value::Unknown { .. }) => Some(STAND_IN),
            None => None,
        };
        match (found.form, known) {
            (Form::Test, value) => {
                text.extend_from_slice(if value.is_some() { b"TRUE" } else { b"FALSE" })
            }
            (Form::Plain, Some(value)) => text.extend_from_slice(value.as_bytes()),
            (Form::Literal, Some(value)) => text.extend_from_slice(quote_literal(value).as_bytes()),
            (Form::Identifier, Some(value)) => {
                text.extend_from_slice(quote_identifier(value).as_bytes())
            }
            (_, None) => text.extend_from_slice(&self.bytes[self.at..found.end]),
        }
        self.at = found.end;
        Ok(Some(from))
    }
}

/// Origin of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Script,
    NonTransactional,
    Unknown,
}

const UNTERMINATED: &str = "unterminated quoted string";

/// `space` of psqlscanslash.l.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0C)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &str) -> Result<Vec<String>, ArgumentFault> {
        let mut variables = Variables::default();
        variables.set("v", "a'b c").expect("a good name");
        let mut arguments = Arguments::new(line.as_bytes(), 0, Some(&variables));
        let mut out = Vec::new();
        while let Some(argument) = arguments.next()? {
            out.push(argument.text);
        }
        Ok(out)
    }

    #[test]
    fn quotes_and_variables() {
        assert_eq!(
            all(r#"a "d e" x'y''z' :v :'v' :"v" :u :{?v}:{?u} a::v"#).map(|v| v.join("|")),
            Ok(r#"a|"d e"|xy'z|a'b c|'a''b c'|"a'b c"|:u|TRUEFALSE|a:a'b c"#.into())
        );
        assert_eq!(all("''"), Ok(vec![String::new()]));
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(all("a `date`"), Err(ArgumentFault::Shell { at: 2 }));
        assert_eq!(
            all("'a"),
            Err(ArgumentFault::Bad {
                at: 0,
                problem: UNTERMINATED
            })
        );
        assert!(matches!(all(r"'\377'"), Err(ArgumentFault::Bad { .. })));
        assert!(matches!(all(r"'\0'"), Err(ArgumentFault::Bad { .. })));
        assert!(matches!(all(":HOST"), Err(ArgumentFault::Special { .. })));
    }

    #[test]
    fn semicolons_outside_quotes_can_be_dropped() {
        let variables = Variables::default();
        let text = |line: &str| {
            let argument = Arguments::new(line.as_bytes(), 0, Some(&variables))
                .next()
                .expect("no fault")
                .expect("one");
            argument.without_semicolons().text
        };
        assert_eq!(text("a.sql;;"), "a.sql");
        assert_eq!(text("'a;'"), "a;");
    }
}
