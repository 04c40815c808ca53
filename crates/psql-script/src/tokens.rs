//! The server's view of one statement: tokens by the rules of the server's scan.l.
//!
//! White space and comments are left out. A text that ends inside a quote or a comment yields a
//! last [`Kind::Broken`]. This is separate from [`super::scanner`] on purpose: one follows the
//! server, the other psql.

use super::lexemes::{is_identifier_byte, is_identifier_start, span};
use super::literals;
use super::outside::ObjectName;
use super::position::count_characters;

/// Kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An unquoted identifier or a keyword.
    Word,
    /// `"..."`, or `U&"..."` with its `UESCAPE`.
    Quoted {
        /// Whether it begins with `U&`.
        unicode: bool,
    },
    /// Any literal in single quotes, with its continuations and its `UESCAPE`.
    Text,
    /// `$tag$...$tag$`
    Dollar,
    /// A number, with a sign as a mark of its own.
    Number,
    /// Punctuation or one character of an operator.
    Mark(u8),
    /// A quote or comment that is not closed.
    Broken,
}

/// One token: its kind and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its kind.
    pub kind: Kind,
    /// Its first byte.
    pub start: usize,
    /// The byte after its last one.
    pub end: usize,
}

/// A statement's tokens, with the predicates that its readers need.
pub struct Tokens<'a> {
    /// The text of the statement.
    pub sql: &'a str,
    /// Its tokens in order.
    pub list: Vec<Token>,
}

impl<'a> Tokens<'a> {
    /// Cuts a statement into all its tokens.
    pub fn new(sql: &'a str) -> Self {
        Self::first(sql, usize::MAX)
    }

    /// Only as many tokens as are asked for, of a statement that may be long.
    pub fn first(sql: &'a str, most: usize) -> Self {
        Self { sql, list: scan(sql, most) }
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The byte at which a token begins; 0 behind the last.
    pub fn start(&self, i: usize) -> usize {
        self.list.get(i).map_or(0, |token| token.start)
    }

    /// The text of a token; empty after the last.
    pub fn text(&self, i: usize) -> &'a str {
        self.list.get(i).map_or("", |token| &self.sql[token.start..token.end])
    }

    /// The unquoted word at `i`; empty for anything else.
    pub fn word(&self, i: usize) -> &'a str {
        if self.list.get(i).is_some_and(|token| token.kind == Kind::Word) { self.text(i) } else { "" }
    }

    /// Whether the token at `i` is this keyword or mark.
    pub fn is(&self, i: usize, keyword: &str) -> bool {
        match self.kind(i) {
            Some(Kind::Word) => self.text(i).eq_ignore_ascii_case(keyword),
            Some(Kind::Mark(mark)) => keyword.as_bytes() == [mark],
            _ => false,
        }
    }

    /// Whether a token is one of these keywords.
    pub fn is_any(&self, i: usize, keywords: &[&str]) -> bool {
        let word = self.word(i);
        !word.is_empty() && keywords.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
    }

    /// True if the words from `i` on are these.
    pub fn are(&self, i: usize, keywords: &[&str]) -> bool {
        keywords.iter().enumerate().all(|(n, keyword)| self.is(i + n, keyword))
    }

    /// The place behind these words if they are at `i`; else `i` itself.
    pub fn behind(&self, i: usize, keywords: &[&str]) -> usize {
        if self.are(i, keywords) { i + keywords.len() } else { i }
    }

    /// The name at `i` and the place behind it. Of `a.b.c` the last two count.
    pub fn name(&self, mut i: usize) -> Option<(ObjectName, usize)> {
        let (mut schema, mut name) = (None, self.identifier(i)?);
        while self.mark(i + 1, b'.') {
            let Some(next) = self.identifier(i + 2) else { break };
            schema = Some(std::mem::replace(&mut name, next));
            i += 2;
        }
        Some((ObjectName { schema, name }, i + 1))
    }

    /// The string literals as written, with their quotes.
    pub fn literals(&self) -> impl Iterator<Item = &'a str> {
        let texts = self.list.iter().filter(|token| matches!(token.kind, Kind::Text | Kind::Dollar));
        texts.map(|token| &self.sql[token.start..token.end])
    }

    /// Whether a token is this mark.
    pub fn mark(&self, i: usize, mark: u8) -> bool {
        self.list.get(i).is_some_and(|token| token.kind == Kind::Mark(mark))
    }

    /// The kind of a token; `None` after the last.
    pub fn kind(&self, i: usize) -> Option<Kind> {
        self.list.get(i).map(|token| token.kind)
    }

    /// The identifier at `i`, as the server folds it; `None` for other tokens.
    pub fn identifier(&self, i: usize) -> Option<String> {
        match self.kind(i)? {
            Kind::Word => Some(self.text(i).to_ascii_lowercase()),
            Kind::Quoted { unicode: false } => {
                let text = self.text(i);
                Some(text.get(1..text.len() - 1)?.replace("\"\"", "\""))
            }
            Kind::Quoted { unicode: true } => literals::unicode(self.text(i), '"'),
            _ => None,
        }
    }

    /// The value of the string literal at `i`; `None` for other tokens and for values that cannot
    /// be read with certainty.
    pub fn literal(&self, i: usize) -> Option<String> {
        match self.kind(i)? {
            Kind::Text | Kind::Dollar => literals::value(self.text(i)),
            _ => None,
        }
    }

    /// The token after the parenthesis that closes the one at `i`; the end if none does.
    pub fn behind_parenthesis(&self, i: usize) -> usize {
        let mut depth = 0usize;
        for at in i..self.list.len() {
            if self.mark(at, b'(') {
                depth += 1;
            } else if self.mark(at, b')') {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
        }
        self.list.len()
    }

    /// The ranges of tokens between top-level semicolons, without empty ones.
    pub fn statements(&self) -> Vec<(usize, usize)> {
        let mut out = Vec::new();
        let (mut start, mut depth, mut body) = (0, 0usize, 0usize);
        for i in 0..self.list.len() {
            match self.kind(i) {
                Some(Kind::Mark(b'(')) => depth += 1,
                Some(Kind::Mark(b')')) => depth = depth.saturating_sub(1),
                Some(Kind::Word) if depth == 0 => {
                    if self.is(i, "begin") && self.is(i + 1, "atomic") || body > 0 && self.is(i, "case") {
                        body += 1;
                    } else if body > 0 && self.is(i, "end") {
                        body -= 1;
                    }
                }
                Some(Kind::Mark(b';')) if depth == 0 && body == 0 => {
                    if i > start {
                        out.push((start, i));
                    }
                    start = i + 1;
                }
                _ => {}
            }
        }
        if self.list.len() > start {
            out.push((start, self.list.len()));
        }
        out
    }
}

/// The server's 1-based character position of a byte.
pub(super) fn character(sql: &str, byte: usize) -> u32 {
    count_characters(&sql.as_bytes()[..byte.min(sql.len())]).saturating_add(1)
}

/// The byte of the first token, after white space and comments.
pub(super) fn first_token(sql: &str) -> usize {
    skip(sql.as_bytes(), 0).unwrap_or(sql.len())
}

fn scan(sql: &str, most: usize) -> Vec<Token> {
    let bytes = sql.as_bytes();
    let mut list = Vec::new();
    let mut at = 0;
    while list.len() < most {
        let Some(start) = skip(bytes, at) else {
            list.push(Token { kind: Kind::Broken, start: at, end: bytes.len() });
            return list;
        };
        let Some(first) = bytes.get(start) else { return list };
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
        out[range].iter_mut().filter(|byte| !matches!(**byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    };
    let mut at = 0;
    while at < bytes.len() {
        let start = skip(bytes, at).unwrap_or(bytes.len());
        blank(at..start);
        let Some((kind, end)) = bytes.get(start).and_then(|first| token(bytes, start, *first)) else { break };
        at = match kind {
            Kind::Text => {
                let quote = start + bytes[start..end].iter().position(|byte| *byte == b'\'').unwrap_or(0);
                let escapes = matches!(bytes[start], b'e' | b'E');
                let part = |from| if escapes { escaped(bytes, from) } else { quoted(bytes, from, b'\'') };
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
        (b'b' | b'B' | b'x' | b'X' | b'n' | b'N', Some(b'\''), _) => Some((Kind::Text, text(bytes, start + 2, false)?)),
        (b'u' | b'U', Some(b'&'), Some(b'\'')) => {
            Some((Kind::Text, behind_uescape(bytes, text(bytes, start + 3, false)?)))
        }
        (b'u' | b'U', Some(b'&'), Some(b'"')) => {
            Some((Kind::Quoted { unicode: true }, behind_uescape(bytes, quoted(bytes, start + 3, b'"')?)))
        }
        (b'"', ..) => Some((Kind::Quoted { unicode: false }, quoted(bytes, start + 1, b'"')?)),
        (b'$', ..) => dollar(bytes, start),
        _ if is_identifier_start(first) => Some((Kind::Word, span(bytes, start, bytes.len(), is_identifier_byte))),
        _ if first.is_ascii_digit() => Some((Kind::Number, span(bytes, start, bytes.len(), |b| b.is_ascii_digit()))),
        _ => Some((Kind::Mark(first), start + 1)),
    }
}

/// The byte after the closing quote; a doubled one does not close.
pub(super) fn quoted(bytes: &[u8], mut i: usize, quote: u8) -> Option<usize> {
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
        i = if escapes { escaped(bytes, i)? } else { quoted(bytes, i, b'\'')? };
        match continued(bytes, i) {
            Some(next) => i = next,
            None => return Some(i),
        }
    }
}

pub(super) fn escaped(bytes: &[u8], mut i: usize) -> Option<usize> {
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

pub(super) const UESCAPE: &[u8] = b"uescape";

pub(super) fn continued(bytes: &[u8], mut i: usize) -> Option<usize> {
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

#[cfg(test)]
mod tests;
