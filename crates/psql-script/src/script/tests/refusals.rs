//! Refusals, with their place and reason.

use super::*;

#[test]
fn refusals_name_the_place_and_the_reason() {
    for (text, wanted) in [
        (
            "select 1;\n  \\! rm",
            "a.sql:2:3: \\! is refused: it reaches the shell",
        ),
        (
            "\\set x `date`",
            "a.sql:1:8: \\set is refused: back quotes reach the shell",
        ),
        (
            "\\copy t from program 'x'",
            "\\copy is refused: it reaches the shell",
        ),
        ("\\copy t to 'x'", "writes a file"),
        ("\\copy t from '../x'", "leaves the release"),
        ("\\copy t from 'x'", "can't read \"x\""),
        ("\\o |cat", "\\o is refused: it reaches the shell"),
        ("\\o x.txt", "writes a file"),
        ("\\c other", "another database"),
        ("select 1;\n \\if true", "a.sql:2:2: unterminated \\if"),
        ("\\else", "no matching \\if"),
        ("\\if 1\n\\else\n\\elif 1", "cannot occur after"),
        ("\\set FETCH_COUNT 10", "cursors"),
        ("select 1 \\g |cat", "shell"),
        ("select 1 \\g out.txt", "writes a file"),
        ("select 1 \\watch", "repeats"),
        ("\\nonsense", "not a command of psql"),
        ("\\if maybe\n\\endif", "unrecognized value \"maybe\""),
        ("1\n\\.\n", "a.sql:2:1: \\. is not a command"),
        ("\\i", "missing required argument"),
        ("\\i missing.sql", "a.sql:1:1: can't read \"missing.sql\""),
        ("\\i a.sql", "includes itself"),
        ("\\i /etc/passwd", "leaves the release"),
        ("\\i x/../../y", "leaves the release"),
        ("\\encoding latin1", "scripts are UTF-8 here"),
        ("\\set AUTOCOMMIT off", "never commit it"),
        ("\\set ON_ERROR_ROLLBACK 1", "stops at the first error"),
        ("\\set a-b c", "invalid variable name"),
        (
            "\\restrict k\n\\echo x",
            "a.sql:2:1: \\echo is refused: between \\restrict",
        ),
        ("\\restrict k\n\\unrestrict j", "the key is not the one"),
        (
            "select 'é', :s",
            "a.sql:1:13: the value of :s holds a semicolon",
        ),
        ("select :HOST", "psql's own variable HOST"),
        ("select a[1:x]", "array slice"),
        ("select E'a'\n'b\\''", "a.sql:2:3: psql and the server"),
        (
            "create function f() returns int begin atomic select 1 as end; end;",
            "psql counts this END",
        ),
        ("copy t from stdin \\; select 1;", "can't be joined"),
        (
            "select 1;\nselect (\n'a",
            "a.sql:3:1: unterminated quoted string",
        ),
        ("select (1", "a.sql:1:8: unterminated parenthesis"),
        (
            "create function f() begin atomic select 1;",
            "a.sql:1:21: unterminated BEGIN",
        ),
        ("/* a\n/* b */\n", "a.sql:1:1: unterminated comment"),
        ("é\0", "a.sql:1:2: a NUL character"),
    ] {
        let message = error(text);
        assert!(message.contains(wanted), "{text:?}: {message}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_their_place() {
    let files = Memory(BTreeMap::from([(
        "a.sql".to_owned(),
        Arc::from(&b"select 1;\n ab\xff"[..]),
    )]));
    let error = steps(&files, &[]).expect_err("not UTF-8");
    assert_eq!(
        error.origin().map(ToString::to_string).as_deref(),
        Some("a.sql:2:4")
    );
}

#[test]
fn includes_nest_to_a_limit() {
    let mut list: Vec<(String, String)> = (0..40)
        .map(|i| (format!("{i}"), format!("\\i {}\n", i + 1)))
        .collect();
    list[0].0 = "a.sql".into();
    list[MAX_INCLUDE_DEPTH].1 = "select 1;".into();
    let build = |list: &[(String, String)]| {
        Memory(
            list.iter()
                .map(|(n, t)| (n.clone(), Arc::from(t.as_bytes())))
                .collect(),
        )
    };
    assert!(steps(&build(&list), &[]).is_ok());
    list[MAX_INCLUDE_DEPTH].1 = format!("\\i {}\n", MAX_INCLUDE_DEPTH + 1);
    assert!(matches!(
        steps(&build(&list), &[]),
        Err(ScriptError::TooDeep { .. })
    ));
}

#[test]
fn glued_values_that_change_the_quoting_are_refused() {
    let glued = steps(&files(&[("a.sql", "select :e'a\\';")]), &[("e", "e")]);
    assert!(matches!(glued, Err(ScriptError::Disagreement { .. })));
    assert_eq!(
        statements("select * from t_:e;", &[("e", "dev")])[0].sql,
        "select * from t_dev;"
    );
}
