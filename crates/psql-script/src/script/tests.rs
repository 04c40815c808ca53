use super::super::tokens;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

mod limits;
mod refusals;

struct Memory(BTreeMap<String, Arc<[u8]>>);

impl Files for Memory {
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError> {
        self.0
            .get(path)
            .map(|bytes| Box::new(&**bytes) as Box<dyn Read>)
            .ok_or(FileError::NotFound)
    }
}

fn files(list: &[(&str, &str)]) -> Memory {
    Memory(
        list.iter()
            .map(|(name, text)| ((*name).to_owned(), Arc::from(text.as_bytes())))
            .collect(),
    )
}

fn variables(list: &[(&str, &str)]) -> Variables {
    let mut variables = Variables::default();
    for (name, value) in list {
        variables.set(name, *value).expect("a good name");
    }
    variables
}

/// All steps of `a.sql`.
fn steps(files: &Memory, set: &[(&str, &str)]) -> Result<Vec<Step>, ScriptError> {
    let mut script = Script::open(files, "a.sql", variables(set))?;
    let mut out = Vec::new();
    while let Some(step) = script.next_step()? {
        match step {
            Step::Await => script.answered(Some(0)),
            step => out.push(step),
        }
    }
    Ok(out)
}

fn statements(text: &str, set: &[(&str, &str)]) -> Vec<Statement> {
    let steps = steps(&files(&[("a.sql", text)]), set).expect("a good script");
    steps
        .into_iter()
        .filter_map(|step| {
            if let Step::Statement(statement) = step {
                Some(statement)
            } else {
                None
            }
        })
        .collect()
}

fn sent(text: &str) -> Vec<String> {
    statements(text, &[("x", "5"), ("s", "it's")])
        .into_iter()
        .map(|statement| statement.sql)
        .collect()
}

fn error(text: &str) -> String {
    match steps(&files(&[("a.sql", text)]), &[("x", "5"), ("s", "a;b")]) {
        Ok(steps) => format!("accepted: {steps:?}"),
        Err(error) => format!(
            "{}: {error}",
            error.origin().map(ToString::to_string).unwrap_or_default()
        ),
    }
}

#[test]
fn undefined_variables_have_a_place() {
    let found = statements(
        "select :nope,\n :'other', a[1:2], a[i:j], 'a:b', x::y;",
        &[],
    );
    let names: Vec<_> = found[0]
        .undefined
        .iter()
        .map(|(name, at)| format!("{name}@{at}"))
        .collect();
    assert_eq!(names, ["nope@a.sql:1:8", "other@a.sql:2:2"]);
}

/// The statements of `a.sql`, each with its COPY data.
fn with_data(files: &Memory) -> Result<Vec<(String, Option<String>)>, ScriptError> {
    let mut script = Script::open(files, "a.sql", Variables::default())?;
    let mut out = Vec::new();
    while let Some(step) = script.next_step()? {
        let Step::Statement(statement) = step else {
            continue;
        };
        let mut data = String::new();
        let copy = statement.copy.is_some();
        script
            .copy_data(&statement)?
            .read_to_string(&mut data)
            .expect("readable");
        out.push((statement.sql, copy.then_some(data)));
    }
    Ok(out)
}

#[test]
fn copy_data_are_the_following_lines() {
    let text = "copy t from stdin; select 1;\na;\n\\.x\n\\.\r\nselect 2;copy u from stdin\n;\n1\n";
    let found = with_data(&files(&[("a.sql", text)])).expect("a good script");
    let seen: Vec<_> = found
        .iter()
        .map(|(sql, data)| (sql.as_str(), data.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [
            ("copy t from stdin;", Some("a;\n\\.x\n")),
            ("select 1;", None),
            ("select 2;", None),
            ("copy u from stdin\n;", Some("1\n")),
        ]
    );
    let found = statements(text, &[]);
    assert_eq!(
        found[2].origin.to_string(),
        "a.sql:5:1",
        "data that nobody reads are passed over"
    );
    assert_eq!(found[0].copy, Some(CopySource::Script { line: 2 }));
}

#[test]
fn copy_takes_files_and_lines() {
    let text = "select 1 \\copy t (a, b) from 'd/x.csv' with csv\n+ 1;\n\\copy t from stdin\n7\n\\.\nselect 2;";
    let found =
        with_data(&files(&[("a.sql", text), ("d/x.csv", "1,2\n\\.\n")])).expect("a good script");
    let seen: Vec<_> = found
        .iter()
        .map(|(sql, data)| (sql.as_str(), data.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [
            ("COPY  t ( a, b ) FROM STDIN with csv", Some("1,2\n")),
            ("select 1 \n+ 1;", None),
            ("COPY  t FROM STDIN ", Some("7\n")),
            ("select 2;", None),
        ]
    );
    let cut = files(&[("a.sql", "\\copy t from x"), ("x", "1\n\\.\n2\n")]);
    let mut script = Script::open(&cut, "a.sql", Variables::default()).expect("there");
    let Ok(Some(Step::Statement(statement))) = script.next_step() else {
        panic!("a statement")
    };
    let read = script
        .copy_data(&statement)
        .expect("there")
        .read_to_end(&mut Vec::new());
    assert!(read.is_err(), "what psql drops silently is refused");
}

/// The corpus of `tests/psql` compares the other conditions and commands with the real psql.
#[test]
fn conditions_and_options_in_one_line() {
    for (text, wanted) in [
        (
            "\\if 0 \\elif yes \\\\ select 1; \\elif on \\\\ select 2; \\else \\\\ select 3; \\endif",
            "select 1;",
        ),
        (
            "\\set c 1\n\\if :c\n\\set c 0\n\\endif -- end\n\\if :c\nselect 1;\n\\endif\nselect 2;",
            "select 2;",
        ),
        (
            "select 1;\n\\g (format=csv) /dev/null\n",
            "select 1;|select 1;",
        ),
    ] {
        assert_eq!(sent(text).join("|"), wanted, "{text}");
    }
}

#[test]
fn commands_decide_what_follows_a_statement() {
    let found = statements(
        "select 1 as a \\gset p_\nselect 'x' \\gexec\nselect $1 \\bind 5 \\g",
        &[],
    );
    assert_eq!(
        found[0].then,
        Then::Store {
            prefix: "p_".into()
        }
    );
    assert_eq!(found[1].then, Then::Execute);
    assert_eq!(found[2].parameters, Some(vec!["5".into()]));
}

#[test]
fn answers_become_variables() {
    let files = files(&[(
        "a.sql",
        "select 1 as n, null as o \\gset p_\nselect :p_n, :ROW_COUNT, :{?p_o};",
    )]);
    let mut script = Script::open(&files, "a.sql", variables(&[("p_o", "x")])).expect("there");
    let Ok(Some(Step::Statement(first))) = script.next_step() else {
        panic!("a statement")
    };
    let columns = ["n".to_owned(), "o".to_owned()];
    assert!(script.store(&first, &columns, &[]).is_err(), "no row");
    script
        .store(&first, &columns, &[vec![Some("7".into()), None]])
        .expect("one row");
    assert!(matches!(script.next_step(), Ok(Some(Step::Await))));
    script.answered(Some(1));
    assert!(
        matches!(script.next_step(), Ok(Some(Step::Statement(s))) if s.sql == "select 7, 1, FALSE;")
    );
}

#[test]
fn whoever_packs_sees_every_way() {
    let text = "select 1 as yes \\gset\n\\if :yes\nselect 'a';\n\\elif :yes\nselect 'b';\n\\else\nselect :no;\n\\endif\n\
                select :yes;";
    let mut seen = std::collections::BTreeSet::new();
    super::super::explore(
        &files(&[("a.sql", text)]),
        "a.sql",
        &Variables::default(),
        |way, step| {
            if let (_, Step::Statement(s)) = step.expect("no error") {
                let missing: Vec<_> = s.undefined.iter().map(|(name, _)| name.as_str()).collect();
                seen.insert(format!("{way} {} {missing:?}", s.sql));
            }
        },
    );
    for wanted in [
        "1 select 'a'; []",
        "2 select :no; [\"no\"]",
        "3 select 'b'; []",
        "3 select pgseal_value; []",
    ] {
        assert!(
            seen.iter().any(|line| line[1..] == wanted[1..]),
            "{wanted}: {seen:?}"
        );
    }
}

#[test]
fn includes_know_where_they_come_from() {
    let files = files(&[
        (
            "a.sql",
            "select 1;\n\\i dir/b.sql \\\\ select 'behind';\n\\ir ./dir/b.sql;\n",
        ),
        ("dir/b.sql", "\\ir ../c.sql\nselect 2"),
        ("c.sql", "\\q\nnever"),
    ]);
    let mut script = Script::open(&files, "a.sql", Variables::default()).expect("there");
    let mut seen = Vec::new();
    while let Some(step) = script.next_step().expect("a good script") {
        if let Step::Statement(statement) = step {
            seen.push(format!("{} {}", statement.sql, statement.origin));
        }
    }
    assert_eq!(
        seen,
        [
            "select 1; a.sql:1:1",
            "select 2 dir/b.sql:2:1 (included from a.sql:2:1)",
            "select 'behind'; a.sql:2:17",
            "select 2 dir/b.sql:2:1 (included from a.sql:3:1)",
        ]
    );
    assert_eq!(script.included(), ["a.sql", "dir/b.sql", "c.sql"]);
}

#[test]
fn a_head_comment_does_not_stop_an_include() {
    let files = files(&[
        ("a.sql", "/* head */\n\\i b.sql\nselect 2; /* tail */ \\q\n"),
        ("b.sql", "select 1;"),
    ]);
    let seen: Vec<_> = steps(&files, &[])
        .expect("a good script")
        .into_iter()
        .map(|step| {
            if let Step::Statement(statement) = step {
                statement.sql
            } else {
                String::new()
            }
        })
        .collect();
    assert_eq!(seen, ["select 1;", "/* head */\nselect 2;", "/* tail */ "]);
}

#[test]
fn a_caller_changes_variables_between_two_pulls() {
    let files = files(&[("a.sql", "select 1;\nselect :v;")]);
    let mut script = Script::open(&files, "a.sql", Variables::default()).expect("there");
    script.next_step().expect("fine");
    script.variables_mut().set("v", "7").expect("a good name");
    assert!(matches!(script.next_step(), Ok(Some(Step::Statement(s))) if s.sql == "select 7;"));
}

#[test]
fn echo_and_set() {
    let found = steps(
        &files(&[(
            "a.sql",
            "\\set v a 'b c'\n\\echo -n :v;\n\\warn \"q\" 'x''y'\n\\qecho",
        )]),
        &[],
    )
    .expect("fine");
    let seen: Vec<_> = found
        .iter()
        .filter_map(|step| {
            if let Step::Echo { to, text, .. } = step {
                Some((*to, text.as_str()))
            } else {
                None
            }
        })
        .collect();
    assert_eq!(
        seen,
        [
            (EchoTarget::Stdout, "ab c;"),
            (EchoTarget::Stderr, "\"q\" x'y\n"),
            (EchoTarget::Query, "\n")
        ]
    );
}

#[test]
fn locate_finds_the_source() {
    let statement = &statements(
        "-- x\n\nselect :v, é,\n\n  :'w' || oops;",
        &[("v", "12345"), ("w", "long value")],
    )[0];
    let at = |needle: &str| {
        let byte = statement.sql.find(needle).expect("there");
        statement
            .locate(tokens::character(&statement.sql, byte))
            .to_string()
    };
    assert_eq!(statement.locate(1).to_string(), "a.sql:3:1");
    assert_eq!(at("345"), "a.sql:3:8");
    assert_eq!(at("é"), "a.sql:3:12");
    assert_eq!(at("value"), "a.sql:5:3");
    assert_eq!(at("oops"), "a.sql:5:11");
    assert_eq!(statement.locate(u32::MAX).to_string(), "a.sql:5:16");
}

fn piece() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "select 1;",
        "select ';' , $$;$$;",
        "select E'\\';', \"a;\"\n, 2;",
        "/* ; */ select (1;2);",
        "create table t (a int) -- ;\n;",
        "create function f() returns int begin atomic select 1; select case when true then 1 end; end;",
        "select U&'\\;';",
        "insert into t values ('é', a$b$, $é$ ; $é$);",
        "select 'a'\n'b;';",
        ";",
    ])
}

proptest! {
    #[test]
    fn concatenated_statements_come_back(pieces in proptest::collection::vec((piece(), proptest::sample::select(vec!["", " ", "\n", "\n\n", " -- c\n"])), 0..12)) {
        let text: String = pieces.iter().map(|(piece, gap)| format!("{piece}{gap}")).collect();
        let found = statements(&text, &[]);
        let wanted: Vec<_> = pieces.iter().map(|(piece, _)| (*piece).to_owned()).collect();
        prop_assert_eq!(found.iter().map(|s| s.sql.clone()).collect::<Vec<_>>(), wanted);
        // every character is at the position of its text in the source
        let lines: Vec<Vec<char>> = text.split('\n').map(|line| line.chars().collect()).collect();
        for statement in &found {
            for (i, c) in statement.sql.chars().enumerate().filter(|(_, c)| *c != '\n') {
                let at = statement.locate(u32::try_from(i).expect("short") + 1);
                prop_assert_eq!(lines[at.line as usize - 1][at.column as usize - 1], c);
            }
        }
    }

    #[test]
    fn nothing_panics(text in "([a-z]|;|'|\"|\\$|\\\\|:|\n|\r| |\\(|\\)|\\[|--|/\\*|\\*/|begin |end |case |create function |E'|:x|:'s'|\\\\echo |\\\\set x |copy t from stdin;|\\.|é){0,60}") {
        if let Ok(steps) = steps(&files(&[("a.sql", &text)]), &[("x", "5"), ("s", "it's")]) {
            for step in steps {
                if let Step::Statement(statement) = step {
                    statement.inspect();
                    super::super::is_single_select(&statement.sql);
                    for i in 0..80 {
                        statement.locate(i);
                    }
                }
            }
        }
    }
}
