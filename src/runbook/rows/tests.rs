use std::collections::BTreeMap;
use std::io::Read;

use psql_script::{FileError, Files, Variables};

use super::{SHOWN, Scripts};

struct Memory(BTreeMap<&'static str, String>);

impl Files for Memory {
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError> {
        let text = self.0.get(path).ok_or(FileError::NotFound)?;
        Ok(Box::new(text.as_bytes()))
    }
}

/// The tables of a script `a.sql`.
fn shown(script: &str) -> String {
    let files = [
        ("a.sql", script.to_owned()),
        ("b.sql", "insert into b values (2);".to_owned()),
        (
            "c.csv",
            "k,v\n1,\"x, \"\"y\"\"\nz\"\n2,\n3,\"\"\n".to_owned(),
        ),
    ];
    let files = Memory(files.into());
    let mut variables = Variables::default();
    variables.set_unknown("code", true).unwrap();
    let scripts = Scripts {
        files: &files,
        variables,
    };
    scripts.rows("a.sql").unwrap().markdown()
}

#[test]
fn copy_as_text() {
    let script = "\n\\set x 1\ncopy s.t (id, \"A b\") from stdin with (delimiter '|', null 'no');\n\
                  1|a\\|b\\tc\n2|no\n3|\\N\n4|\n5|\\x41\\101\\\\\n\\.\nselect 1;\n";
    let table = "**s.t**: 5 rows (a.sql:3)\n\n| id | A b |\n| --- | --- |\n| 1 | a\\|b\\u{9}c |\n| 2 | `NULL` |\n\
                 | 3 | N |\n| 4 |  |\n| 5 | AA\\\\ |";
    assert_eq!(shown(script), table);
    // Without names, and with values that go on behind a line feed.
    assert_eq!(
        shown("copy t from stdin;\na\\\nb\tc\n\\.\n"),
        "**t**: 1 row (a.sql:1)\n\n| 1 | 2 |\n| --- | --- |\n| a\\u{a}b | c |"
    );
}

#[test]
fn copy_as_csv() {
    let table = "**t**: 3 rows (a.sql:1)\n\n| k | v |\n| --- | --- |\n| 1 | x, \"y\"\\u{a}z |\n| 2 | `NULL` |\n| 3 |  |";
    assert_eq!(
        shown("\\copy t from 'c.csv' with (format csv, header)"),
        table
    );
    assert_eq!(shown("\\copy t from 'c.csv' csv header"), table);
}

#[test]
fn insert_of_literals() {
    let script = "insert into t (a, b) values ('it''s', -1.5e3), (null, default);\n\
                  insert into t (a, b) values (:'code', true);";
    let table = "**t**: 3 rows (2 statements from a.sql:1 on)\n\n| a | b |\n| --- | --- |\n| it's | -1.5e3 |\n\
                 | `NULL` | `DEFAULT` |\n| VALUE | true |";
    assert_eq!(shown(script), table);
}

#[test]
fn what_is_not_shown_is_named() {
    let at =
        |verbs: &str| format!("Other statements that can change rows, not shown here: {verbs}.");
    for (script, verbs) in [
        ("insert into t values (now());", "INSERT at a.sql:1"),
        (
            "insert into t values (1) on conflict do nothing;",
            "INSERT at a.sql:1",
        ),
        ("insert into t select 1;", "INSERT at a.sql:1"),
        (
            "insert into t values (1)\\; delete from t;",
            "INSERT at a.sql:1",
        ),
        (
            "insert into t values ($1) \\bind 1 \\g",
            "INSERT at a.sql:1",
        ),
        (
            "copy t from stdin where a > 1;\n1\n\\.\n",
            "COPY at a.sql:1",
        ),
        (
            "copy t from stdin (force_null (a), format csv);\n1\n\\.\n",
            "COPY at a.sql:1",
        ),
        (
            "select 1;\nupdate t set a = 1;\n\\i b.sql\n",
            "UPDATE at a.sql:2",
        ),
    ] {
        assert!(
            shown(script).ends_with(&at(verbs)),
            "{script}: {}",
            shown(script)
        );
    }
    let many = "update t set a = 1;\n".repeat(7);
    assert!(shown(&many).ends_with("UPDATE at a.sql:5, and 2 more."));
    assert!(shown("\\i b.sql\n").starts_with("**b**: 1 row (b.sql:1)"));
}

#[test]
fn a_condition_is_named() {
    let script = "\\if :code\ninsert into t values (1);\n\\else\ninsert into t values (2);\n\\endif\ninsert into t values (3);";
    let text = shown(script);
    let table =
        "**t**: 2 rows (2 statements from a.sql:2 on; only if a condition of the script holds)";
    assert!(text.starts_with(table), "{text}");
    assert!(text.contains("**t**: 1 row (a.sql:6)\n"), "{text}");
}

#[test]
fn a_page_has_an_end() {
    let rows = "insert into t values (1);\n".repeat(SHOWN) + "copy t from stdin;\n1\n2\n\\.\n";
    let text = shown(&rows);
    assert_eq!(text.matches("| 1 |\n").count(), SHOWN + 1, "with the head");
    assert!(
        text.ends_with("The first 500 rows; 2 more are in the file."),
        "{text}"
    );
    let copied = shown(&format!(
        "copy t from stdin;\n{}\\.\n",
        "1\n".repeat(SHOWN + 2)
    ));
    assert_eq!(
        copied.matches("| 1 |\n").count(),
        SHOWN + 1,
        "with the head"
    );
    assert!(copied.contains("**t**: 502 rows"), "{copied}");
    let long = shown(&format!("insert into t values ('{}');", "x".repeat(300)));
    assert!(
        long.contains(&format!("| {} … |", "x".repeat(200))),
        "{long}"
    );
}

#[test]
fn foreign_text_is_no_markdown() {
    let script = "insert into t values ('<b>*a*|`c`_d_ e_f [x](y) &amp; ~~z~~ {{q}}');";
    let cell =
        "| \\<b\\>\\*a\\*\\|\\`c\\`\\_d\\_ e_f \\[x\\](y) \\&amp; \\~\\~z\\~\\~ \\{\\{q\\}\\} |";
    assert!(shown(script).contains(cell), "{}", shown(script));
}
