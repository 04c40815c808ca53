//! A statement as words and marks, for rules that need no syntax tree. Without recursion, so that nothing nests too deep.

use squawk_lexer::{LiteralKind, TokenKind, tokenize};

use psql_script::decode_unicode;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key word or a name without quotes.
    Word,
    /// A name in quotes.
    Quoted,
    /// A string, also between dollars.
    Text,
    /// Numbers, operators, punctuation.
    Mark,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    pub kind: Kind,
    /// As written.
    pub text: &'a str,
    /// The byte where it begins.
    pub at: usize,
}

/// The name of an object, as the server would fold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    /// The schema, if it is written.
    pub schema: Option<String>,
    /// The name.
    pub name: String,
    /// The byte where it begins.
    pub at: usize,
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The tokens of a statement, without white space and comments.
pub struct Tokens<'a>(Vec<Token<'a>>);

impl<'a> Tokens<'a> {
    /// Cuts a statement.
    pub fn of(sql: &'a str) -> Self {
        Self::first(sql, usize::MAX)
    }

    /// Cuts only as many tokens as are asked for, of a statement that may be long.
    pub fn first(sql: &'a str, most: usize) -> Self {
        let mut at = 0;
        let pieces = tokenize(sql).map(|token| {
            let (start, end) = (at, at + token.len as usize);
            at = end;
            (token.kind, start, sql.get(start..end).unwrap_or_default())
        });
        let seen = pieces.filter_map(|(kind, at, text)| kind_of(kind).map(|kind| Token { kind, text, at }));
        Self(seen.take(most).collect())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The token at a place.
    pub fn get(&self, i: usize) -> Option<&Token<'a>> {
        self.0.get(i)
    }

    /// All.
    pub fn iter(&self) -> std::slice::Iter<'_, Token<'a>> {
        self.0.iter()
    }

    /// Whether a key word stands there, or a mark.
    pub fn is(&self, i: usize, word: &str) -> bool {
        let fits = |t: &Token<'_>| matches!(t.kind, Kind::Word | Kind::Mark) && t.text.eq_ignore_ascii_case(word);
        self.get(i).is_some_and(fits)
    }

    /// Whether these words stand there, one behind the other.
    pub fn are(&self, i: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(n, word)| self.is(i + n, word))
    }

    /// The place behind a run of words, if it is there; else the place itself.
    pub fn behind(&self, i: usize, words: &[&str]) -> usize {
        if self.are(i, words) { i + words.len() } else { i }
    }

    /// The name at a place and the place behind it. Of `a.b.c` the last two count.
    pub fn name(&self, mut i: usize) -> Option<(ObjectName, usize)> {
        let at = self.get(i)?.at;
        let (mut schema, mut name) = (None, folded(self.get(i)?)?);
        while self.is(i + 1, ".") {
            let Some(next) = self.get(i + 2).and_then(folded) else { break };
            schema = Some(std::mem::replace(&mut name, next));
            i += 2;
        }
        Some((ObjectName { schema, name, at }, i + 1))
    }

    /// The one name at a place, whatever stands behind it.
    pub fn name_alone(&self, i: usize) -> Option<String> {
        self.get(i).and_then(folded)
    }

    /// The place behind the parenthesis that opens at a place, or the end.
    pub fn behind_parenthesis(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for i in open..self.len() {
            if self.is(i, "(") {
                depth += 1;
            } else if self.is(i, ")") {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return i + 1;
                }
            }
        }
        self.len()
    }
}

/// The same text with blanks in the place of its comments, byte by byte: squawk obeys comments, and what somebody
/// lets stay belongs into release.toml, where it is signed and shown.
pub fn without_comments(sql: &str) -> String {
    let (mut out, mut at) = (String::with_capacity(sql.len()), 0);
    for token in tokenize(sql) {
        let piece = sql.get(at..at + token.len as usize).unwrap_or_default();
        at += piece.len();
        if matches!(token.kind, TokenKind::LineComment | TokenKind::BlockComment { .. }) {
            out.extend(piece.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        } else {
            out.push_str(piece);
        }
    }
    out
}

fn kind_of(kind: TokenKind) -> Option<Kind> {
    match kind {
        TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. } | TokenKind::Eof => None,
        TokenKind::Ident => Some(Kind::Word),
        TokenKind::QuotedIdent { .. } => Some(Kind::Quoted),
        TokenKind::Literal { kind: LiteralKind::Int { .. } | LiteralKind::Numeric { .. } } => Some(Kind::Mark),
        TokenKind::Literal { .. } => Some(Kind::Text),
        _ => Some(Kind::Mark),
    }
}

fn folded(token: &Token<'_>) -> Option<String> {
    match token.kind {
        Kind::Word => Some(token.text.to_ascii_lowercase()),
        Kind::Quoted if token.text.starts_with(['u', 'U']) => {
            let inner = token.text.get(3..).and_then(|text| text.strip_suffix('"'));
            Some(decode_unicode(&inner.unwrap_or(token.text).replace("\"\"", "\"")))
        }
        Kind::Quoted => {
            let inner = token.text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            Some(inner.unwrap_or(token.text).replace("\"\"", "\""))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_as_the_server_does() {
        let tokens = Tokens::of("create /* x */ table -- y\n App.\"My \"\"T\" (a int)");
        assert!(tokens.are(0, &["create", "table"]));
        let (name, next) = tokens.name(2).expect("a name");
        assert_eq!((name.schema.as_deref(), name.name.as_str()), (Some("app"), "My \"T"));
        assert_eq!(tokens.behind_parenthesis(next), tokens.len());
    }

    #[test]
    fn escapes_in_names_are_read() {
        let names = Tokens::of(r#"U&"\0064ata" u&"a""\\" "U&""#);
        let names: Vec<_> = (0..3).filter_map(|i| names.name_alone(i)).collect();
        assert_eq!(names, ["data", r#"a"\"#, "U&"]);
    }

    #[test]
    fn comments_become_blanks_in_the_same_place() {
        let sql = "drop table t; -- squawk-ignore é\n/* squawk-ignore-file */ select '-- a'";
        let blank = without_comments(sql);
        assert_eq!(blank.len(), sql.len());
        assert!(!blank.contains("squawk") && blank.contains("'-- a'"));
        assert_eq!(blank.find('\n'), sql.find('\n'));
    }

    #[test]
    fn no_text_is_too_strange() {
        for sql in ["", "'", "$$", "\"", "/*", "a.", ".", "\u{feff}é", "U&'", "$1$", &"(".repeat(200_000)] {
            assert!(Tokens::of(sql).len() <= sql.len());
            assert_eq!(without_comments(sql).len(), sql.len());
        }
    }
}
