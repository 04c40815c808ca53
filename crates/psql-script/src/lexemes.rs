//! Small pieces of psqlscan.l: character classes, numbers, variables, white space, continued
//! strings.

use super::variables::is_name_byte;

/// A reference to a variable; offsets into the scanned bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub form: Form,
    pub name: (usize, usize),
    pub end: usize,
}

/// `:name`, `:'name'`, `:"name"`, `:{?name}`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Literal,
    Identifier,
    Test,
}

/// A byte at which psql and the server (or two servers) would diverge.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub at: usize,
    pub problem: &'static str,
}

pub(super) const GLUED: &str = "a number runs into the word or quote behind it";
pub(super) const CONTINUED: &str = "an E'...' string with a backslash goes on in the next line";

/// The byte where an escape string that closed before `i` continues within the line: after a
/// carriage return, which psql and the server treat as a line break. `None` if it does not
/// continue.
pub(super) fn continued_in_line(bytes: &[u8], i: usize, end: usize) -> Option<usize> {
    let (next, carriage_return) = skip_blank(&bytes[..end], i);
    (carriage_return && peek(bytes, next, end) == Some(b'\'')).then_some(next + 1)
}

/// True if only white space and a comment follow from `i` on.
pub(super) fn is_blank_from(bytes: &[u8], i: usize, end: usize) -> bool {
    skip_blank(&bytes[..end], i).0 == end
}

/// Skips white space and `--` comments; true if a carriage return was among them.
fn skip_blank(bytes: &[u8], mut i: usize) -> (usize, bool) {
    let mut carriage_return = false;
    while let Some(byte) = bytes.get(i) {
        match byte {
            b' ' | b'\t' | 0x0C => i += 1,
            b'\n' | b'\r' => {
                carriage_return = true;
                i += 1;
            }
            b'-' if bytes.get(i + 1) == Some(&b'-') => {
                i = span(bytes, i, bytes.len(), |b| b != b'\n' && b != b'\r')
            }
            _ => break,
        }
    }
    (i, carriage_return)
}

/// Skips the white space and `--` comments that psql drops before a statement.
pub(super) fn skip_leading(bytes: &[u8], i: usize, end: usize) -> usize {
    skip_blank(&bytes[..end], i).0
}

/// The variable at a colon, if there is one.
pub(super) fn reference(bytes: &[u8], colon: usize, end: usize) -> Option<Reference> {
    let (form, lead, close): (_, _, &[u8]) = match peek(bytes, colon + 1, end)? {
        b'\'' => (Form::Literal, 2, b"'"),
        b'"' => (Form::Identifier, 2, b"\""),
        b'{' if peek(bytes, colon + 2, end) == Some(b'?') => (Form::Test, 3, b"}"),
        _ => (Form::Plain, 1, b""),
    };
    let start = colon + lead;
    let stop = span(bytes, start, end, is_name_byte);
    let found = stop > start && bytes[stop..end].starts_with(close);
    found.then_some(Reference {
        form,
        name: (start, stop),
        end: stop + close.len(),
    })
}

/// The end of a number, with the one letter that psql 15 includes. Servers differ on a quote
/// directly after it.
pub(super) fn number(bytes: &[u8], mut i: usize, end: usize) -> Result<usize, Fault> {
    let start = i;
    let digits = |i| span(bytes, i, end, |b| b.is_ascii_digit());
    i = digits(i);
    if peek(bytes, i, end) == Some(b'.') && peek(bytes, i + 1, end) != Some(b'.') {
        i = digits(i + 1);
    }
    while let Some(letter) = peek(bytes, i, end).filter(|b| is_identifier_start(*b)) {
        let after = peek(bytes, i + 1, end);
        match (letter | 0x20, after) {
            (b'e', Some(b'0'..=b'9')) => i = digits(i + 1),
            (b'e', Some(b'+' | b'-'))
                if peek(bytes, i + 2, end).is_some_and(|b| b.is_ascii_digit()) =>
            {
                i = digits(i + 2)
            }
            (b'e', Some(b'+' | b'-')) | (_, Some(b'\'' | b'&')) => {
                return Err(Fault {
                    at: start,
                    problem: GLUED,
                });
            }
            _ => return Ok(i + 1),
        }
    }
    Ok(i)
}

pub(super) fn end_of_comment(bytes: &[u8], i: usize, end: usize) -> usize {
    find(bytes, i, end, b'\r').unwrap_or(end)
}

pub(super) fn peek(bytes: &[u8], i: usize, end: usize) -> Option<u8> {
    if i < end { bytes.get(i).copied() } else { None }
}

pub(super) fn find(bytes: &[u8], i: usize, end: usize, wanted: u8) -> Option<usize> {
    memchr::memchr(wanted, bytes.get(i..end)?).map(|n| i + n)
}

pub(super) fn span(bytes: &[u8], i: usize, end: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(i..end).unwrap_or_default();
    i + rest.iter().position(|b| !belongs(*b)).unwrap_or(rest.len())
}

pub(super) fn is_identifier_start(byte: u8) -> bool {
    CLASS[usize::from(byte)] == WORD
}

pub(super) fn is_identifier_byte(byte: u8) -> bool {
    matches!(CLASS[usize::from(byte)], WORD | DIGIT) || byte == b'$'
}

pub(super) const SKIP: u8 = 0;
pub(super) const WORD: u8 = 1;
pub(super) const DIGIT: u8 = 2;
pub(super) const ACT: u8 = 3;

/// Class of each byte outside of quotes.
pub(super) const CLASS: [u8; 256] = {
    let mut table = [SKIP; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 {
            table[i] = WORD;
        } else if byte.is_ascii_digit() {
            table[i] = DIGIT;
        } else if matches!(
            byte,
            b'\'' | b'"' | b'-' | b'/' | b'$' | b'(' | b')' | b'[' | b']' | b';' | b'\\' | b':'
        ) {
            table[i] = ACT;
        }
        i += 1;
    }
    table
};
