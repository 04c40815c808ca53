//! Random scripts.
//!
//! A piece is a statement, the beginning of one, or a command. A piece that is valid only at the beginning of a
//! statement, such as COPY with its data, first ends an open one by a statement of its own. So psql reads any sequence
//! of pieces without an error, and pgseal must produce the same statements; a refusal is a failure too.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tempfile::TempDir;

use super::{
    harness::{Outcome, Psql},
    lists::Lists,
};

/// Number of scripts, and of pieces in each.
const SCRIPTS: u32 = 150;
const PIECES: usize = 40;

/// Returns every piece with its name. A family that the engine does not support yet is on the list as `pieces/NAME`.
pub fn pieces() -> Vec<(&'static str, &'static str)> {
    vec![
        ("statement", "select 1, 'a;b', \"c;d\";"),
        ("blank", " "),
        ("tab", "\t"),
        ("feed", "\n"),
        ("feeds", "\n\n"),
        ("cr_feed", "\r\n"),
        ("line_comment", "-- it's; a \"comment\" $$\n"),
        ("block_comment", "/* it's; /* nested */ $$ \" \n */"),
        ("head", "select x -- y;\n,"),
        ("line_in_statement", "select 1\n\n  , 2\n;"),
        ("semicolon", ";"),
        ("quote", "select 'it''s; \\';"),
        ("quote_lines", "select 'a\n\nb;\r\n-- c\n\\q';"),
        ("quote_continued", "select 'a'\n  'b;';"),
        ("escape", "select E'it\\'s; \\\\';"),
        ("escape_lines", "select e'a\\\nb\\';';"),
        ("unicode", "select U&'\\0061;' UESCAPE '!', u&\"a;b\";"),
        ("bits", "select B'01;', x'ab', n'c;';"),
        ("identifier", "select \"a\"\"b;\n--\" from \"größe;\";"),
        ("dollar", "do $$ begin; 'it''s' \" -- \n \\q end $$;"),
        (
            "dollar_tag",
            "select $a$ $b$ ; $b$ $ $a $a$, $größe$;$größe$;",
        ),
        ("parameters", "select $1, a$b$c, $2;"),
        (
            "parentheses",
            "create rule r as on insert to t do (select (1); select 2);",
        ),
        ("unbalanced", "select 1);"),
        ("brackets", "select a[1:2], a[:], a[1:];"),
        ("casts", "select a::int, b :: text, c := d, 'e'::\"f\";"),
        (
            "operators",
            "select a->>'b', c @> d, e - -1, f */* ; */ g, h <> i;",
        ),
        ("numbers", "select 1.5e3, .5, 1..2, 1_000;"),
        ("joined", "select 1\\; select 2 \\;\n select 3;"),
        (
            "atomic",
            "create function f() returns int begin atomic select case when a then 'end;' end; select 2; end;",
        ),
        (
            "procedure",
            "create or replace procedure p() language sql begin atomic insert into t values (1); end;",
        ),
        (
            "function",
            "create function f(a int) returns int language sql as 'select 1; select 2';",
        ),
        ("transaction", "begin; commit;"),
        (
            "copy",
            "select 0;copy t from stdin;\n1\t';\n\\\\.\n\\q\n\\.\n",
        ),
        (
            "copy_csv",
            "select 0;copy t (a, \"b;c\") from stdin with (format csv);\n\"a\n\",:x\n\\.\n",
        ),
        ("copy_empty", "select 0;copy t from stdin;\n\\.\n"),
        (
            "copy_rest",
            "select 0;copy t from stdin; select 1;\n1\n\\.\n",
        ),
        ("copy_out", "copy (select 'from stdin;') to stdout;"),
        ("set", "\\set x 1\n"),
        ("set_words", "\\set y 'it''s' two 'th\\'ree'\n"),
        ("set_from", "\\set z :x :'y'\n"),
        ("unset", "\\unset x\n"),
        ("variable", "select :x;"),
        ("literal", "select :'y', ':y', :'x';"),
        ("name", "select :\"y\" from :\"z\";"),
        ("test", "select :{?x}, :{?nothing};"),
        ("undefined", "select :nothing, :'nothing', a::nothing;"),
        ("variable_comment", "-- :x :'y'\nselect /* :x */ ':x';"),
        ("echo", "\\echo a 'b' :x\n"),
        ("echo_in_statement", "select 1\n\\echo x\n, 2;"),
        ("set_in_statement", "select 1\n\\set x 2\n, :x;"),
        ("display", "\\pset null x\n\\timing on\n"),
        ("separator", "\\set x 1 \\\\ select :x;"),
        ("include", "select 0;\\ir part.sql\n"),
        ("if_true", "\\if true\nselect 1;\n\\endif\n"),
        (
            "if_false",
            "\\if false\nselect 'a;\n\\endif\n' (;\n\\endif\n",
        ),
        (
            "if_else",
            "\\if :{?x}\nselect 1;\n\\else\nselect 2;\n\\endif\n",
        ),
        (
            "if_elif",
            "\\if no\nselect (\n\\elif yes\nselect 2;\n\\else\nselect 3;\n\\endif\n",
        ),
        (
            "if_nested",
            "\\if true\n\\if off\n\\i x\n\\elif on\nselect 1;\n\\endif\n\\else\n\\if nonsense\n\\endif\n\\endif\n",
        ),
        (
            "if_in_statement",
            "select 1\n\\if false\n, (2\n\\else\n, 3\n\\endif\n;",
        ),
        ("g", "select 1 \\g\n"),
        ("g_line", "select 1\n\\g\n"),
        ("g_options", "select (1) \\g (format=csv)\n"),
        ("g_again", "select 1;\n\\g\n"),
        ("gx", "select 2 \\gx\n"),
        ("gset", "select 1 as gset_a \\gset\n"),
        ("gexec", "select 'select 1' \\gexec\n"),
        ("gdesc", "select 1, 2\n\\gdesc\n"),
        ("reset", "select (1\n\\r\n"),
        ("print", "select 1\n\\p\n;"),
        ("copy_file", "select 0;\\copy t from data.tsv\n"),
        (
            "copy_stdin",
            "select 0;\\copy t (a) from stdin with csv\n1\n\\.\n",
        ),
    ]
}

/// Creates a directory with the files that pieces name.
pub fn directory() -> TempDir {
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let files = [
        (
            "part.sql",
            &b"select 'included;';\n\\set x 3\nselect :x\n"[..],
        ),
        ("data.tsv", b"1\n2\n"),
    ];
    super::harness::write(
        dir.path(),
        &files.map(|(path, bytes)| (path.to_owned(), bytes.to_vec())),
    );
    dir
}

/// Intended refusals: a text in the reason, and texts that must be in the script.
const ON_PURPOSE: [(&str, &[&str]); 4] = [
    // `\gset` of a column that has the name of a variable: the server defines the value, and no other text may wait for
    // it.
    ("known only while", &["\\gset"]),
    // psql 15.18 counts the words in the skipped branch of a false `\if`, and misses the BEGIN ATOMIC after them.
    ("they count BEGIN, CASE and END", &["\\if", "begin atomic"]),
    // psql 15.20 mistakes an empty statement after the data of a COPY for another COPY.
    ("for one more COPY", &["copy t"]),
    // psql removes the line feed before a command: the text after two backslashes continues a line comment above.
    ("a meta-command forms", &["--", r"\\ select"]),
];

fn on_purpose(pieces: &[&str], reason: &str) -> bool {
    let has = |text: &&str| pieces.iter().any(|piece| piece.contains(*text));
    ON_PURPOSE
        .iter()
        .any(|(words, needed)| reason.contains(words) && needed.iter().all(has))
}

pub fn check() {
    let lists = Lists::read();
    let pieces: Vec<&str> = pieces()
        .into_iter()
        .filter(|(name, _)| lists.expected(&format!("pieces/{name}")).is_none())
        .map(|(_, piece)| piece)
        .collect();
    let script = prop::collection::vec(prop::sample::select(pieces), 1..PIECES);
    let config = Config {
        cases: SCRIPTS,
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let (psql, dir) = (Psql::find(), directory());
    let ran = TestRunner::new(config).run(&script, |pieces| {
        std::fs::write(dir.path().join("script.sql"), pieces.concat()).unwrap();
        let outcome = psql.compare(dir.path(), "script.sql", &[], false);
        let refused = matches!(&outcome, Outcome::Refused { refusal, .. } if on_purpose(&pieces, &refusal.reason));
        prop_assert!(refused || matches!(outcome, Outcome::Same { .. }), "{}\n{outcome:?}", pieces.concat());
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}
