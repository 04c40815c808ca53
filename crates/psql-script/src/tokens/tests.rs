use super::*;

fn texts(sql: &str) -> Vec<&str> {
    let tokens = Tokens::new(sql);
    (0..tokens.list.len()).map(|i| tokens.text(i)).collect()
}

#[test]
fn comments_are_left_out_and_literals_are_whole() {
    assert_eq!(
        texts("a /* x /* y */ ' */ -- '\n'b'\n 'c' d"),
        ["a", "'b'\n 'c'", "d"]
    );
    assert_eq!(texts(r"E'a\'b' U&'\'"), [r"E'a\'b'", r"U&'\'"]);
    assert_eq!(texts("$a$ $b$ $a$ x$y$ $1"), ["$a$ $b$ $a$", "x$y$", "$1"]);
}

#[test]
fn comments_become_blanks_in_the_same_place() {
    for sql in [
        "drop table t; -- squawk-ignore é\n/* squawk-ignore-file */ select '-- a'",
        "select E'-- a\\'' -- squawk-ignore\n 'b\\' -- c', 1 -- squawk",
        "select U&\"-- a\" /* squawk */ UESCAPE /* squawk */ '!' /* squawk",
    ] {
        let blank = without_comments(sql);
        assert_eq!(blank.len(), sql.len());
        assert!(
            !blank.contains("squawk") && blank.contains("-- a"),
            "{blank}"
        );
        assert_eq!(blank.find('\n'), sql.find('\n'));
    }
}

#[test]
fn names_are_folded_as_the_server_does() {
    let tokens = Tokens::new("create /* x */ table -- y\n App.\"My \"\"T\" (a int)");
    assert!(tokens.are(0, &["create", "table"]));
    let (name, next) = tokens.name(2).expect("a name");
    assert_eq!(
        (name.schema.as_deref(), name.name.as_str()),
        (Some("app"), "My \"T")
    );
    assert_eq!(tokens.behind_parenthesis(next), tokens.len());
}

#[test]
fn no_text_is_too_strange() {
    for sql in [
        "",
        "'",
        "$$",
        "\"",
        "/*",
        "a.",
        ".",
        "\u{feff}é",
        "U&'",
        "U&\"",
        "$1$",
        &"(".repeat(200_000),
    ] {
        assert!(Tokens::new(sql).len() <= sql.len());
        assert_eq!(without_comments(sql).len(), sql.len());
    }
}

#[test]
fn open_ends_are_broken() {
    for sql in ["'a", "\"a", "$$ a", "/* a", "E'a\\'"] {
        assert_eq!(
            Tokens::new(sql).list.last().map(|t| t.kind),
            Some(Kind::Broken),
            "{sql}"
        );
    }
}

#[test]
fn identifiers_fold() {
    let tokens = Tokens::new(r#"Abc "A""b" U&"d\0061t\+000061""#);
    let names: Vec<_> = (0..3).filter_map(|i| tokens.identifier(i)).collect();
    assert_eq!(names, ["abc", "A\"b", "data"]);
}
