//! Cuts a statement into tokens, by the rules of the server's scan.l.

use super::{Kind, Token};
use crate::lexemes::{is_identifier_byte, is_identifier_start, span};
use crate::position::count_characters;

/// The server's 1-based character position of a byte.
pub(crate) fn character(sql: &str, byte: usize) -> u32 {
    count_characters(&sql.as_bytes()[..byte.min(sql.len())]).saturating_add(1)
}

/// The byte of the first token, after white space and comments.
pub(crate) fn first_token(sql: &str) -> usize {
    skip(sql.as_bytes(), 0).unwrap_or(sql.len())
}

pub(super) fn scan(sql: &str, most: usize) -> Vec<Token> {
    let bytes = sql.as_bytes();
    let mut list = Vec::new();
    let mut at = 0;
    while list.len() < most {
        let Some(start) = skip(bytes, at) else {
            list.push(Token {
                kind: Kind::Broken,
                start: at,
                end: bytes.len(),
            });
            return list;
        };
        let Some(first) = bytes.get(start) else {
            return list;
        };
        let (kind, end) = token(bytes, start, *first).unwrap_or((Kind::Broken, bytes.len()));
        list.push(Token { kind, start, end });
        at = end;
    }
    list
}

/// The same text with blanks in the place of its comments, byte by byte, also of those between the parts of a literal:
/// squawk obeys comments, and acknowledgements belong in release.toml, where they are signed and shown.
pub fn without_comments(sql: &str) -> String {
    let bytes = sql.as_bytes();
    let mut out = bytes.to_vec();
    let mut blank = |range: std::ops::Range<usize>| {
        out[range]
            .iter_mut()
            .filter(|byte| !matches!(**byte, b'\n' | b'\r'))
            .for_each(|byte| *byte = b' ');
    };
    let mut at = 0;
    while at < bytes.len() {
        let start = skip(bytes, at).unwrap_or(bytes.len());
        blank(at..start);
        let Some((kind, end)) = bytes
            .get(start)
            .and_then(|first| token(bytes, start, *first))
        else {
            break;
        };
        at = match kind {
            Kind::Text => {
                let quote = start
                    + bytes[start..end]
                        .iter()
                        .position(|byte| *byte == b'\'')
                        .unwrap_or(0);
                let escapes = matches!(bytes[start], b'e' | b'E');
                let part = |from| {
                    if escapes {
                        escaped(bytes, from)
                    } else {
                        quoted(bytes, from, b'\'')
                    }
                };
                let mut behind = part(quote + 1).unwrap_or(end);
                while let Some(next) = continued(bytes, behind) {
                    blank(behind..next - 1);
                    behind = part(next).unwrap_or(end);
                }
                behind
            }
            Kind::Quoted { unicode: true } => quoted(bytes, start + 3, b'"').unwrap_or(end),
            _ => end,
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The token that starts here; `None` if it is not closed.
fn token(bytes: &[u8], start: usize, first: u8) -> Option<(Kind, usize)> {
    let next = bytes.get(start + 1).copied();
    let after_next = bytes.get(start + 2).copied();
    match (first, next, after_next) {
        (b'\'', ..) => Some((Kind::Text, text(bytes, start + 1, false)?)),
        (b'e' | b'E', Some(b'\''), _) => Some((Kind::Text, text(bytes, start + 2, true)?)),
        (b'b' | b'B' | b'x' | b'X' | b'n' | b'N', Some(b'\''), _) => {
            Some((Kind::Text, text(bytes, start + 2, false)?))
        }
        (b'u' | b'U', Some(b'&'), Some(b'\'')) => Some((
            Kind::Text,
            behind_uescape(bytes, text(bytes, start + 3, false)?),
        )),
        (b'u' | b'U', Some(b'&'), Some(b'"')) => Some((
            Kind::Quoted { unicode: true },
            behind_uescape(bytes, quoted(bytes, start + 3, b'"')?),
        )),
        (b'"', ..) => Some((
            Kind::Quoted { unicode: false },
            quoted(bytes, start + 1, b'"')?,
        )),
        (b'$', ..) => dollar(bytes, start),
        _ if is_identifier_start(first) => Some((
            Kind::Word,
            span(bytes, start, bytes.len(), is_identifier_byte),
        )),
        _ if first.is_ascii_digit() => Some((
            Kind::Number,
            span(bytes, start, bytes.len(), |b| b.is_ascii_digit()),
        )),
        _ => Some((Kind::Mark(first), start + 1)),
    }
}

/// The byte after the closing quote; a doubled one does not close.
pub(crate) fn quoted(bytes: &[u8], mut i: usize, quote: u8) -> Option<usize> {
    loop {
        i += bytes.get(i..)?.iter().position(|b| *b == quote)? + 1;
        if bytes.get(i) != Some(&quote) {
            return Some(i);
        }
        i += 1;
    }
}

/// The byte after a literal and its continuations, which follow white space with a line break.
fn text(bytes: &[u8], mut i: usize, escapes: bool) -> Option<usize> {
    loop {
        i = if escapes {
            escaped(bytes, i)?
        } else {
            quoted(bytes, i, b'\'')?
        };
        match continued(bytes, i) {
            Some(next) => i = next,
            None => return Some(i),
        }
    }
}

pub(crate) fn escaped(bytes: &[u8], mut i: usize) -> Option<usize> {
    loop {
        match (bytes.get(i)?, bytes.get(i + 1)) {
            (b'\\', _) | (b'\'', Some(b'\'')) => i += 2,
            (b'\'', _) => return Some(i + 1),
            _ => i += 1,
        }
    }
}

/// The byte after `UESCAPE '!'`, which the server's parser joins with the name or literal before
/// it; otherwise `end`.
fn behind_uescape(bytes: &[u8], end: usize) -> usize {
    let escape = || {
        let word = skip(bytes, end)?;
        let behind = word + UESCAPE.len();
        if !bytes.get(word..behind)?.eq_ignore_ascii_case(UESCAPE) {
            return None;
        }
        let start = skip(bytes, behind)?;
        let (kind, end) = token(bytes, start, *bytes.get(start)?)?;
        matches!(kind, Kind::Text | Kind::Dollar).then_some(end)
    };
    escape().unwrap_or(end)
}

pub(crate) const UESCAPE: &[u8] = b"uescape";

pub(crate) fn continued(bytes: &[u8], mut i: usize) -> Option<usize> {
    let mut broken = false;
    loop {
        match bytes.get(i)? {
            b'\n' | b'\r' => {
                broken = true;
                i += 1;
            }
            b' ' | b'\t' | 0x0C => i += 1,
            b'-' if bytes.get(i + 1) == Some(&b'-') => i = line_end(bytes, i),
            b'\'' if broken => return Some(i + 1),
            _ => return None,
        }
    }
}

fn dollar(bytes: &[u8], start: usize) -> Option<(Kind, usize)> {
    let tagged = |b: u8| b != b'$' && is_identifier_byte(b);
    let after = span(bytes, start + 1, bytes.len(), tagged);
    let parameter = bytes.get(start + 1).is_some_and(u8::is_ascii_digit);
    if parameter || bytes.get(after) != Some(&b'$') {
        let digits = span(bytes, start + 1, bytes.len(), |b| b.is_ascii_digit());
        return Some((Kind::Mark(b'$'), digits));
    }
    let tag = &bytes[start..=after];
    let mut i = after + 1;
    loop {
        i += bytes.get(i..)?.iter().position(|b| *b == b'$')?;
        if bytes[i..].starts_with(tag) {
            return Some((Kind::Dollar, i + tag.len()));
        }
        i += 1;
    }
}

/// The byte after white space and comments; `None` if a comment is not closed.
fn skip(bytes: &[u8], mut i: usize) -> Option<usize> {
    loop {
        match (bytes.get(i), bytes.get(i + 1)) {
            (Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C), _) => i += 1,
            (Some(b'-'), Some(b'-')) => i = line_end(bytes, i),
            (Some(b'/'), Some(b'*')) => i = behind_comment(bytes, i + 2)?,
            _ => return Some(i),
        }
    }
}

fn behind_comment(bytes: &[u8], mut i: usize) -> Option<usize> {
    let mut depth = 1u32;
    while depth > 0 {
        match (bytes.get(i)?, bytes.get(i + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                i += 2;
            }
            (b'*', Some(b'/')) => {
                depth -= 1;
                i += 2;
            }
            _ => i += 1,
        }
    }
    Some(i)
}

fn line_end(bytes: &[u8], i: usize) -> usize {
    span(bytes, i, bytes.len(), |b| b != b'\n' && b != b'\r')
}
