//! The server's view of one statement: tokens by the rules of the server's scan.l.
//!
//! White space and comments are left out. A text that ends inside a quote or a comment yields a
//! last [`Kind::Broken`]. This is separate from [`super::scanner`] on purpose: one follows the
//! server, the other psql.

use super::literals;
use super::non_transactional::ObjectName;

mod cut;

use cut::scan;
pub use cut::without_comments;
pub(crate) use cut::{UESCAPE, character, continued, escaped, first_token, quoted};

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
        Self {
            sql,
            list: scan(sql, most),
        }
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
        self.list
            .get(i)
            .map_or("", |token| &self.sql[token.start..token.end])
    }

    /// The unquoted word at `i`; empty for anything else.
    pub fn word(&self, i: usize) -> &'a str {
        if self
            .list
            .get(i)
            .is_some_and(|token| token.kind == Kind::Word)
        {
            self.text(i)
        } else {
            ""
        }
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
        !word.is_empty()
            && keywords
                .iter()
                .any(|keyword| word.eq_ignore_ascii_case(keyword))
    }

    /// Whether a token is one of these keywords, which are separated by blanks.
    pub fn is_listed(&self, i: usize, keywords: &str) -> bool {
        let word = self.word(i);
        !word.is_empty()
            && keywords
                .split(' ')
                .any(|keyword| word.eq_ignore_ascii_case(keyword))
    }

    /// True if the words from `i` on are these.
    pub fn are(&self, i: usize, keywords: &[&str]) -> bool {
        keywords
            .iter()
            .enumerate()
            .all(|(n, keyword)| self.is(i + n, keyword))
    }

    /// The place behind these words if they are at `i`; else `i` itself.
    pub fn behind(&self, i: usize, keywords: &[&str]) -> usize {
        if self.are(i, keywords) {
            i + keywords.len()
        } else {
            i
        }
    }

    /// The name at `i` and the place behind it. Of `a.b.c` the last two count.
    pub fn name(&self, mut i: usize) -> Option<(ObjectName, usize)> {
        let (mut schema, mut name) = (None, self.identifier(i)?);
        while self.mark(i + 1, b'.') {
            let Some(next) = self.identifier(i + 2) else {
                break;
            };
            schema = Some(std::mem::replace(&mut name, next));
            i += 2;
        }
        Some((ObjectName { schema, name }, i + 1))
    }

    /// The string literals as written, with their quotes.
    pub fn literals(&self) -> impl Iterator<Item = &'a str> {
        let texts = self
            .list
            .iter()
            .filter(|token| matches!(token.kind, Kind::Text | Kind::Dollar));
        texts.map(|token| &self.sql[token.start..token.end])
    }

    /// Whether a token is this mark.
    pub fn mark(&self, i: usize, mark: u8) -> bool {
        self.list
            .get(i)
            .is_some_and(|token| token.kind == Kind::Mark(mark))
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
                    if self.is(i, "begin") && self.is(i + 1, "atomic")
                        || body > 0 && self.is(i, "case")
                    {
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

#[cfg(test)]
mod tests;
