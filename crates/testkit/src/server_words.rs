//! Splits messages to the [`crate::recorder`] into statements, as far as psql can observe. Written
//! from the server's lexical rules, independently of the program under test.

use std::ops::Range;

/// A statement, by its effect on the connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Statement {
    /// COPY ... FROM STDIN
    CopyIn,
    /// COPY ... TO STDOUT
    CopyOut,
    /// BEGIN, START TRANSACTION
    Begin,
    /// COMMIT, END, PREPARE TRANSACTION
    Commit { chain: bool },
    /// ROLLBACK and ABORT, not to a savepoint
    Rollback { chain: bool },
    /// Changes a setting that the server reports; no value resets it to the default.
    Set {
        name: String,
        value: Option<String>,
        local: bool,
    },
    /// Any other statement.
    Other,
}

/// The statements of a message, without empty ones.
pub fn statements(sql: &[u8]) -> Vec<Statement> {
    split(sql)
        .into_iter()
        .filter_map(|(_, words)| kind(&words))
        .collect()
}

/// The statements' texts, without surrounding semicolons and white space, and without empty ones.
pub fn texts(sql: &str) -> Vec<String> {
    let text = |range: Range<usize>| {
        sql[range]
            .trim_matches(|c: char| c.is_whitespace() || c == ';')
            .to_owned()
    };
    split(sql.as_bytes())
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(range, _)| text(range))
        .collect()
}

/// Each statement's range, including its semicolon, and its words outside parentheses.
fn split(sql: &[u8]) -> Vec<(Range<usize>, Vec<String>)> {
    let mut list = Vec::new();
    let mut words = Vec::new();
    let mut start = 0;
    let mut lexer = Lexer {
        bytes: sql,
        at: 0,
        depth: 0,
    };
    while let Some(token) = lexer.token() {
        // Semicolons in an SQL function body do not end the statement.
        let body = matches!(words.first().map(String::as_str), Some("create"))
            && words
                .windows(2)
                .any(|pair| pair[0] == "begin" && pair[1] == "atomic");
        match token {
            Token::Semicolon if body => {}
            Token::Semicolon => list.push((
                std::mem::replace(&mut start, lexer.at)..lexer.at,
                std::mem::take(&mut words),
            )),
            Token::Word(word) => words.push(word),
        }
    }
    list.push((start..sql.len(), words));
    list
}

fn kind(words: &[String]) -> Option<Statement> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let follows = |first, second: &[&str]| {
        words
            .windows(2)
            .any(|pair| pair[0] == first && second.contains(&pair[1]))
    };
    let chain = follows("and", &["chain"]);
    Some(match *words.first()? {
        // The server accepts either name for the client's end.
        "copy" if follows("from", &["stdin", "stdout"]) => Statement::CopyIn,
        "copy" if follows("to", &["stdin", "stdout"]) => Statement::CopyOut,
        "begin" => Statement::Begin,
        "start" => Statement::Begin,
        "commit" | "end" if words.get(1) != Some(&"prepared") => Statement::Commit { chain },
        "prepare" if words.get(1) == Some(&"transaction") => Statement::Commit { chain: false },
        "rollback" if words.get(1) == Some(&"prepared") || words.contains(&"to") => {
            Statement::Other
        }
        "rollback" | "abort" => Statement::Rollback { chain },
        "set" => setting(&words[1..]).unwrap_or(Statement::Other),
        "reset" => match words.get(1) {
            Some(name @ (&"client_encoding" | &"standard_conforming_strings")) => Statement::Set {
                name: (*name).to_owned(),
                value: None,
                local: false,
            },
            _ => Statement::Other,
        },
        _ => Statement::Other,
    })
}

fn setting(words: &[&str]) -> Option<Statement> {
    let (local, words) = match words {
        ["local", rest @ ..] => (true, rest),
        ["session", rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (name, value) = match words {
        ["names", value @ ..] => ("client_encoding", value),
        [
            name @ ("client_encoding" | "standard_conforming_strings"),
            "to" | "=",
            value @ ..,
        ] => (*name, value),
        _ => return None,
    };
    let value = value
        .first()
        .filter(|value| **value != "default")
        .map(|value| value.trim_matches('\'').to_owned());
    Some(Statement::Set {
        name: name.to_owned(),
        value,
        local,
    })
}

enum Token {
    /// Outside parentheses: a word in lower case, an operator's character, or a string with its
    /// quotes.
    Word(String),
    /// Outside parentheses.
    Semicolon,
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl Lexer<'_> {
    fn token(&mut self) -> Option<Token> {
        loop {
            let start = self.at;
            let rest = &self.bytes[start..];
            let byte = *rest.first()?;
            self.at += 1;
            match byte {
                b'(' => self.depth += 1,
                b')' => self.depth = self.depth.saturating_sub(1),
                b';' if self.depth == 0 => return Some(Token::Semicolon),
                b'-' if rest.starts_with(b"--") => {
                    self.skip_to(|byte| byte == b'\n' || byte == b'\r')
                }
                b'/' if rest.starts_with(b"/*") => self.comment(),
                b'\'' | b'"' => {
                    let escapes = byte == b'\''
                        && start > 0
                        && self.bytes[start - 1].eq_ignore_ascii_case(&b'e');
                    self.quoted(byte, escapes);
                }
                b'$' => self.dollar(start),
                byte if is_word(byte) => self.skip_to(|byte| !is_word(byte) && byte != b'$'),
                byte if byte.is_ascii_whitespace() => continue,
                _ => {}
            }
            if self.depth == 0 && !rest.starts_with(b"--") && !rest.starts_with(b"/*") {
                let text = String::from_utf8_lossy(&self.bytes[start..self.at]);
                return Some(Token::Word(text.to_ascii_lowercase()));
            }
        }
    }

    fn skip_to(&mut self, stop: impl Fn(u8) -> bool) {
        while self.bytes.get(self.at).is_some_and(|byte| !stop(*byte)) {
            self.at += 1;
        }
    }

    fn comment(&mut self) {
        let mut depth = 1;
        self.at += 1;
        while depth > 0 && self.at < self.bytes.len() {
            let rest = &self.bytes[self.at..];
            let (step, change) = match rest {
                [b'/', b'*', ..] => (2, 1),
                [b'*', b'/', ..] => (2, -1),
                _ => (1, 0),
            };
            self.at += step;
            depth += change;
        }
    }

    fn quoted(&mut self, quote: u8, escapes: bool) {
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1;
            if *byte == quote {
                return;
            }
            if escapes && *byte == b'\\' {
                self.at += 1;
            }
        }
        self.at = self.at.min(self.bytes.len());
    }

    fn dollar(&mut self, start: usize) {
        let mut end = self.at;
        while self.bytes.get(end).is_some_and(|byte| is_word(*byte)) {
            end += 1;
        }
        let opens = self.bytes.get(end) == Some(&b'$') && !self.bytes[self.at].is_ascii_digit();
        if opens {
            let tag = &self.bytes[start..=end];
            let close = self.bytes[end + 1..]
                .windows(tag.len())
                .position(|window| window == tag);
            self.at = close.map_or(self.bytes.len(), |close| end + 1 + close + tag.len());
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
