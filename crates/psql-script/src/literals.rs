//! Values of string literals, and of names with Unicode escapes, as the server's scan.l and
//! parser.c read them while `standard_conforming_strings` is on.

use super::tokens::{UESCAPE, continued, escaped, quoted};

/// The value of `'...'`, `E'...'`, `U&'...'` or `$tag$...$tag$`, with its continuations. `None` for
/// bit strings and `N'...'`, which have other types, and for text that servers could read
/// differently.
pub(super) fn value(text: &str) -> Option<String> {
    match *text.as_bytes() {
        [b'$', ..] => {
            let tag = text.get(1..)?.find('$')? + 2;
            text.get(tag..text.len().checked_sub(tag)?)
                .map(str::to_owned)
        }
        [b'\'', ..] => Some(segments(text, 1, false)?.0.concat().replace("''", "'")),
        [b'e' | b'E', ..] => {
            let bytes: Option<Vec<_>> = segments(text, 2, true)?
                .0
                .into_iter()
                .map(unescape)
                .collect();
            String::from_utf8(bytes?.concat()).ok()
        }
        [b'u' | b'U', ..] => unicode(text, '\''),
        _ => None,
    }
}

/// The value of `U&"..."` or `U&'...'`. `UESCAPE` may change the escape character.
pub(super) fn unicode(text: &str, quote: char) -> Option<String> {
    const LEAD: usize = 3;
    let (inner, end) = if quote == '\'' {
        let (segments, end) = segments(text, LEAD, false)?;
        (segments.concat(), end)
    } else {
        let end = quoted(text.as_bytes(), LEAD, b'"')?;
        (text.get(LEAD..end - 1)?.to_owned(), end)
    };
    let inner = inner.replace(&format!("{quote}{quote}"), &quote.to_string());
    Some(decode(&inner, escape_character(text.get(end..)?)?))
}

/// The character of the `UESCAPE` after the closing quote; a backslash without one.
fn escape_character(rest: &str) -> Option<char> {
    if rest.is_empty() {
        return Some('\\');
    }
    let tokens = super::tokens::Tokens::new(rest);
    let named = tokens.word(0).as_bytes().eq_ignore_ascii_case(UESCAPE);
    let escape = tokens.literal(1).filter(|_| named)?;
    let mut characters = escape.chars();
    characters.next().filter(|_| characters.next().is_none())
}

/// The pieces between the quotes, from byte `at` on, and the byte after the last quote.
fn segments(text: &str, mut at: usize, escapes: bool) -> Option<(Vec<&str>, usize)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    loop {
        let end = if escapes {
            escaped(bytes, at)?
        } else {
            quoted(bytes, at, b'\'')?
        };
        found.push(text.get(at..end - 1)?);
        match continued(bytes, end) {
            Some(next) => at = next,
            None => return Some((found, end)),
        }
    }
}

/// The bytes of a piece of an `E'...'`.
fn unescape(piece: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(piece.len());
    let mut rest = piece;
    while let Some(at) = rest.find(['\\', '\'']) {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let behind = rest.get(at + 1..)?;
        rest = if rest.as_bytes()[at] == b'\'' {
            bytes.push(b'\'');
            behind.get(1..)? // the other of two
        } else {
            escape(behind, &mut bytes)?
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// Decodes one escape after its backslash; returns the rest of the text.
fn escape<'t>(text: &'t str, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let first = text.chars().next()?;
    let behind = &text[first.len_utf8()..];
    let digits = |text: &str, radix: u32, most: usize| {
        text.chars()
            .take(most)
            .take_while(|c| c.is_digit(radix))
            .count()
    };
    let number = |text: &str, radix| u32::from_str_radix(text, radix).ok();
    match first {
        '0'..='7' => {
            let (octal, behind) = text.split_at(digits(text, 8, 3));
            bytes.push((number(octal, 8)? & 0xFF) as u8);
            Some(behind)
        }
        'x' if digits(behind, 16, 2) > 0 => {
            let (hex, behind) = behind.split_at(digits(behind, 16, 2));
            bytes.push(number(hex, 16)? as u8);
            Some(behind)
        }
        'u' | 'U' => {
            let (hex, behind) = behind.split_at_checked(if first == 'u' { 4 } else { 8 })?;
            let character = char::from_u32(number(hex, 16)?)?;
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            Some(behind)
        }
        // A quote depends on backslash_quote, and `\v` on the version.
        '\'' | 'v' => None,
        _ => {
            let byte = match first {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            };
            bytes.extend_from_slice(byte.encode_utf8(&mut [0; 4]).as_bytes());
            Some(behind)
        }
    }
}

/// Decodes `\XXXX`, `\+XXXXXX` and a doubled escape character; malformed escapes stay.
fn decode(text: &str, escape: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(escape) {
        out.push_str(&rest[..at]);
        let tail = &rest[at + escape.len_utf8()..];
        let (lead, digits) = if tail.starts_with('+') {
            (1, 6)
        } else {
            (0, 4)
        };
        let code = tail
            .get(lead..lead + digits)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        if let Some(behind) = tail.strip_prefix(escape) {
            out.push(escape);
            rest = behind;
        } else if let Some(c) = code.and_then(char::from_u32) {
            out.push(c);
            rest = &tail[lead + digits..];
        } else {
            out.push(escape);
            rest = tail;
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::super::tokens::Tokens;

    fn read(sql: &str) -> Option<String> {
        let tokens = Tokens::new(sql);
        assert_eq!(tokens.list.len(), 1, "{sql}");
        tokens.literal(0).or_else(|| tokens.identifier(0))
    }

    #[test]
    fn every_spelling_has_one_value() {
        for sql in [
            "'data'",
            "'da' -- it's\n  'ta'",
            "E'data'",
            r"e'\x64a\164\u0061'",
            r"E'\U00000064\141ta'",
            "E'da'\n'\\x74a'",
            r"U&'d\0061t\+000061'",
            "U&'d\\00'\n'61ta'",
            "U&'d!0061ta' UESCAPE '!'",
            "u&'d!0061ta' /* x */ uescape -- y\n $$!$$",
            r#"U&"d\0061ta""#,
            r#"U&"d!0061ta" UESCAPE E'!'"#,
            "$$data$$",
            "$a$data$a$",
        ] {
            assert_eq!(read(sql).as_deref(), Some("data"), "{sql}");
        }
        assert_eq!(read("'it''s'").as_deref(), Some("it's"));
        assert_eq!(read(r"'a\'").as_deref(), Some(r"a\"));
        assert_eq!(read(r"E'a\\\n''b'").as_deref(), Some("a\\\n'b"));
        assert_eq!(read("E'größe\\é'").as_deref(), Some("größeé"));
    }

    #[test]
    fn what_servers_read_otherwise_has_none() {
        for sql in [
            "N'data'",
            "B'1'",
            "X'1F'",
            r"E'\''",
            r"E'\v'",
            r"E'\xff'",
            r"E'\ud800'",
            r"E'\u00'",
        ] {
            assert_eq!(read(sql), None, "{sql}");
        }
    }
}
