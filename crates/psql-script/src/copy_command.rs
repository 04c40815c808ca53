//! Parser of `\copy`, a small language of its own (`copy.c` in psql): it yields a COPY statement
//! and a source of data.

/// A parsed `\copy`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CopyCommand {
    /// The statement that psql sends, with psql's own blanks.
    pub sql: String,
    pub end: End,
}

/// The client's end of the data.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `from stdin`: the lines after the command.
    Script,
    /// `from 'file'`
    File(String),
    /// `to stdout`, `to pstdout`, and `/dev/null`
    Nowhere,
    /// A form that is refused here.
    Refused {
        reason: &'static str,
        hint: &'static str,
    },
}

const BLANK: &[u8] = b" \t\n\r";
const NAME: Lexer = Lexer {
    marks: b".,()",
    quotes: b"\"",
    e_strings: false,
};
const IN_QUERY: Lexer = Lexer {
    marks: b"()",
    quotes: b"\"'",
    e_strings: true,
};
const COLUMNS: Lexer = Lexer {
    marks: b"()",
    quotes: b"\"",
    e_strings: false,
};
const FILE: Lexer = Lexer {
    marks: b";",
    quotes: b"'",
    e_strings: false,
};

/// Parses the text after `\copy`.
pub(super) fn parse(text: &str, escapes_everywhere: bool) -> Result<CopyCommand, String> {
    let mut words = Words {
        rest: text,
        escapes_everywhere,
    };
    let mut before = String::new();
    let push = |before: &mut String, token: &str| {
        before.push(' ');
        before.push_str(token);
    };
    let error = |words: &Words<'_>| match words.rest.is_empty() {
        true => "parse error at end of line".to_owned(),
        false => format!("parse error before {:?}", words.rest),
    };
    let next = |words: &mut Words<'_>, lexer: Lexer| words.next(lexer).ok_or_else(|| error(words));
    let mut token = words.next(NAME).ok_or("arguments required")?;
    if token.eq_ignore_ascii_case("binary") {
        before.push_str(&token);
        token = next(&mut words, NAME)?;
    }
    if token == "(" {
        let mut depth = 1;
        while depth > 0 {
            push(&mut before, &token);
            token = next(&mut words, IN_QUERY)?;
            match token.as_str() {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
        }
    }
    push(&mut before, &token);
    token = next(&mut words, NAME)?;
    if token == "." {
        before.push_str(&token);
        before.push_str(&next(&mut words, NAME)?);
        token = next(&mut words, NAME)?;
    }
    if token == "(" {
        while token != ")" {
            push(&mut before, &token);
            token = next(&mut words, COLUMNS)?;
        }
        before.push_str(" )");
        token = next(&mut words, NAME)?;
    }
    let from = token.eq_ignore_ascii_case("from");
    if !from && !token.eq_ignore_ascii_case("to") {
        return Err(format!("parse error at {token:?}: FROM or TO is expected"));
    }
    let target = next(&mut words, FILE)?;
    let end = end(from, &target, &mut words)?;
    let direction = if from { " FROM STDIN " } else { " TO STDOUT " };
    Ok(CopyCommand {
        sql: format!("COPY {before}{direction}{}", words.rest),
        end,
    })
}

fn end(from: bool, target: &str, words: &mut Words<'_>) -> Result<End, String> {
    let is = |word: &str| target.eq_ignore_ascii_case(word);
    Ok(match (from, target) {
        _ if is("program") => {
            words.next(FILE);
            End::Refused {
                reason: super::meta::SHELL,
                hint: "put the data into a file of the release",
            }
        }
        (true, _) if is("pstdin") => End::Refused {
            reason: "it reads psql's own input, which a release has not",
            hint: "\\copy ... from stdin takes the lines behind it",
        },
        (true, _) if is("stdin") || is("stdout") => End::Script,
        (false, _) if is("stdin") || is("stdout") || is("pstdin") || is("pstdout") => End::Nowhere,
        (false, "/dev/null" | "'/dev/null'") => End::Nowhere,
        (false, _) => End::Refused {
            reason: "it writes a file on the host",
            hint: "keep exports apart from the release",
        },
        (true, path) => End::File(unquote(path)),
    })
}

fn unquote(token: &str) -> String {
    match token.strip_prefix('\'') {
        Some(inner) => inner.strip_suffix('\'').unwrap_or(inner).replace("''", "'"),
        None => token.to_owned(),
    }
}

/// Word separators and quotes of psql's `strtokx` (`stringutils.c`).
#[derive(Clone, Copy)]
struct Lexer {
    /// Bytes that are words by themselves.
    marks: &'static [u8],
    quotes: &'static [u8],
    /// True if `E'...'` has escapes.
    e_strings: bool,
}

struct Words<'a> {
    rest: &'a str,
    escapes_everywhere: bool,
}

impl Words<'_> {
    fn next(&mut self, lexer: Lexer) -> Option<String> {
        let bytes = self.rest.as_bytes();
        let start = bytes
            .iter()
            .position(|b| !BLANK.contains(b))
            .unwrap_or(bytes.len());
        let first = *bytes.get(start)?;
        let end = if lexer.marks.contains(&first) {
            start + 1
        } else {
            self.end_of_word(lexer, start, first)
        };
        let word = self.rest[start..end].to_owned();
        // psql overwrites one blank after a word
        let behind = end + usize::from(bytes.get(end).is_some_and(|b| BLANK.contains(b)));
        self.rest = &self.rest[behind..];
        Some(word)
    }

    fn end_of_word(&self, lexer: Lexer, start: usize, first: u8) -> usize {
        let bytes = self.rest.as_bytes();
        let e_string =
            lexer.e_strings && first | 0x20 == b'e' && bytes.get(start + 1) == Some(&b'\'');
        let open = start + usize::from(e_string);
        if !lexer.quotes.contains(&bytes[open]) {
            let stops =
                |b: &u8| BLANK.contains(b) || lexer.marks.contains(b) || lexer.quotes.contains(b);
            return bytes[start..]
                .iter()
                .position(stops)
                .map_or(bytes.len(), |n| start + n);
        }
        let quote = bytes[open];
        let escapes = e_string || (lexer.e_strings && self.escapes_everywhere);
        let mut i = open + 1;
        while i < bytes.len() {
            let doubled = bytes[i] == quote && bytes.get(i + 1) == Some(&quote);
            match bytes[i] {
                b'\\' if escapes && i + 1 < bytes.len() => i += 2,
                _ if doubled => i += 2,
                byte if byte == quote => return i + 1,
                _ => i += 1,
            }
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_in_strings_of_a_query() {
        let parsed = parse("(select ')' , f(E'\\')') from t) to stdout", false);
        assert_eq!(
            parsed.expect("a good command").sql,
            "COPY  ( select ')' , f ( E'\\')' ) from t ) TO STDOUT "
        );
    }

    #[test]
    fn where_the_data_are() {
        let end = |text: &str| parse(text, false).expect("a good command").end;
        assert_eq!(end("t from 'a b''c.csv'"), End::File("a b'c.csv".into()));
        assert_eq!(end("t from STDIN"), End::Script);
        assert_eq!(end("t to /dev/null"), End::Nowhere);
        for refused in ["t from program 'ls'", "t to 'x'", "t from pstdin"] {
            assert!(matches!(end(refused), End::Refused { .. }), "{refused}");
        }
        for bad in ["", "t", "t at 'x'", "t from", "(select 1"] {
            assert!(parse(bad, false).is_err(), "{bad}");
        }
    }
}
