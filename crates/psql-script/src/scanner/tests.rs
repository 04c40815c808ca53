use super::super::lexemes::Form;
use super::*;
use proptest::prelude::*;

/// The pieces between semicolons, scanned line by line.
fn split(text: &str) -> Result<Vec<&str>, Fault> {
    let mut scanner = Scanner::default();
    let (mut out, mut start, mut begin) = (Vec::new(), 0, 0);
    for line in text.split('\n').map(str::as_bytes) {
        scanner.begin_line(line);
        let mut i = 0;
        loop {
            match scanner.next(line, i, begin + i)? {
                (_, Stop::EndOfLine) => break,
                (at, Stop::Semicolon | Stop::Disputed) => {
                    out.push(text[start..begin + at].trim_start());
                    (start, i) = (begin + at, at);
                }
                (_, Stop::Variable(found)) => i = found.end,
                (at, Stop::Forced) => i = at + 2,
                (at, Stop::Backslash) => i = at + 1,
            }
        }
        scanner.end_line(line);
        begin += line.len() + 1;
    }
    if !text[start..].trim().is_empty() {
        out.push(text[start..].trim_start());
    }
    Ok(out)
}

#[test]
fn quoted_names_begin_no_body() {
    assert_eq!(
        split("select 1 as \"create\" \"function\" begin; end;").map(|v| v.len()),
        Ok(2)
    );
}

#[test]
fn variables_stand_outside_of_quotes() {
    let found = |text: &str| {
        let mut scanner = Scanner::default();
        match scanner.next(text.as_bytes(), 0, 0) {
            Ok((at, Stop::Variable(r))) => Some((at, r.form, text[r.name.0..r.name.1].to_owned())),
            _ => None,
        }
    };
    assert_eq!(found("a :b"), Some((2, Form::Plain, "b".into())));
    assert_eq!(found(":'b'"), Some((0, Form::Literal, "b".into())));
    assert_eq!(found(":\"ü1\""), Some((0, Form::Identifier, "ü1".into())));
    assert_eq!(found(":{?b}"), Some((0, Form::Test, "b".into())));
    assert_eq!(found(":::b"), Some((2, Form::Plain, "b".into())));
    for text in [
        "a::b", "a := b", "':b'", "$$:b$$", "-- :b", "/* :b */", ": b", ":'a b'", ":{?a b}",
        "\":b\"",
    ] {
        assert_eq!(found(text), None, "{text}");
    }
}

#[test]
fn places_where_psql_and_the_server_part() {
    for text in [
        "select E'a'\n'b\\'c'",
        "select E'a' -- x\n\n'b'\n'c\\d'",
        "select 1e'x'",
        "select 1u&'x'",
        "select 1e-",
        "select $1a",
    ] {
        assert!(split(text).is_err(), "{text}");
    }
    for text in [
        "select E'a'\n'b';",
        "select E'a' 'b\\';",
        "select 'a'\n'b\\';",
        "select 1e from t;",
    ] {
        assert_eq!(split(text), Ok(vec![text]), "{text}");
    }
    assert_eq!(
        split("select E'a'\r'b\\';';"),
        Ok(vec!["select E'a'\r'b\\';';"]),
        "a carriage return is no line for psql"
    );
}

#[test]
fn strings_escape_everywhere_when_the_script_says_so() {
    let mut scanner = Scanner {
        escapes_everywhere: true,
        ..Scanner::default()
    };
    let line = b"select '\\';', n'\\';', B'\\';";
    assert_eq!(scanner.next(line, 0, 0), Ok((line.len(), Stop::Semicolon)));
}

#[test]
fn what_is_open_is_named_where_it_began() {
    for (text, what, at) in [
        ("a 'b", "quoted string", 2),
        ("a (b (c)", "parenthesis", 2),
        ("/* /* */", "comment", 0),
        ("x $a$ $b$", "dollar-quoted string", 2),
        ("E'\\'", "quoted string", 0),
    ] {
        let mut scanner = Scanner::default();
        scanner.next(text.as_bytes(), 0, 0).expect("no fault");
        assert_eq!(scanner.open(), Some((what, at)), "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_scanned_to_their_end(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"'\"$;\\:-/*()E\n eabn&U1"[..])], 0..200)) {
        let mut scanner = Scanner::default();
        let mut i = 0;
        while i < bytes.len() {
            match scanner.next(&bytes, i, i) {
                Ok((_, Stop::EndOfLine)) | Err(_) => break,
                Ok((at, Stop::Semicolon | Stop::Disputed)) => i = at,
                Ok((at, Stop::Backslash)) => i = at + 1,
                Ok((at, Stop::Forced)) => i = at + 2,
                Ok((_, Stop::Variable(found))) => i = found.end,
            }
        }
    }
}
