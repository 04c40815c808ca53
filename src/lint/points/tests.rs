use std::collections::BTreeMap;

use super::*;
use crate::bundle::source::Source;
use crate::bundle::steps;
use psql_script::{Script, inspect};

/// The effect of a rollback script on one statement: the line, or a keyword.
fn undone(sql: &str, rollback_script: &str) -> String {
    let mut rollback = Rollback::default();
    let files = BTreeMap::from([(
        "r.sql".parse().expect("a path"),
        Arc::from(rollback_script.as_bytes()),
    )]);
    let files = Source::from_files(files);
    let mut script =
        Script::open(&files, "r.sql", psql_script::Variables::default()).expect("a script");
    while let Some(step) = script.next_step().expect("a good script") {
        if let psql_script::Step::Statement(statement) = step {
            rollback.note(1, &statement);
        }
    }
    rollback.next_script();
    let rollback = rollback.finish();
    match undo(sql, &steps::step(sql, &inspect(sql)), &rollback) {
        Undo::Nothing => "nothing".to_owned(),
        Undo::By(at) => at.line.to_string(),
        Undo::Left(what) => format!("left: {what}"),
        Undo::Unseen => "unseen".to_owned(),
    }
}

#[test]
fn statements_and_what_takes_them_back() {
    let index = "create index concurrently i on s.t (a)";
    let detach = "alter table p detach partition q concurrently";
    for (sql, rollback, found) in [
        ("vacuum t", "", "nothing"),
        ("reindex table concurrently t", "", "nothing"),
        ("analyze t", "", "nothing"),
        ("set work_mem = '1MB'", "", "nothing"),
        ("select a from t", "", "nothing"),
        ("select f()", "", "unseen"),
        (
            "create index concurrently I on s.t (a)",
            "select 1;\ndrop index if exists s.i;",
            "2",
        ),
        (index, "drop index if exists r.i;", "unseen"),
        (index, "drop index j;\ndrop table s.t;", "2"),
        (index, "drop schema s cascade;", "1"),
        (index, "do $$ begin drop index I; end $$;", "1"),
        (index, "alter index s.i rename to j;", "unseen"),
        (
            index,
            "alter index i rename to j;\ndrop index if exists j;",
            "2",
        ),
        (
            index,
            "alter index i rename to j;\nalter index i rename to k;\ndrop index k;",
            "3",
        ),
        (
            "drop index concurrently s.i",
            "create unique index if not exists i on s.t (a);",
            "1",
        ),
        ("drop index concurrently s.i", "drop index s.i;", "unseen"),
        (detach, "alter table p attach partition q default;", "1"),
        (
            detach,
            "alter table p attach partition r default;",
            "unseen",
        ),
        (
            "alter table p attach partition q default",
            "alter table only p detach partition q;",
            "1",
        ),
        ("create table t (a int)", "drop table if exists t;", "1"),
        ("drop table t", "create table t (a int);", "1"),
        ("insert into s.t values (1)", "truncate s.t;", "1"),
        ("insert into s.t values (1)", "delete from r.t;", "unseen"),
        ("copy t from stdin", "delete from t;", "1"),
        ("alter type e add value 'x'", "drop type e;", "1"),
        (
            "grant select on t to r",
            "revoke select on t from r;",
            "unseen",
        ),
        ("do $$ begin null; end $$", "drop table t;", "unseen"),
        ("call p()", "drop table t;", "unseen"),
        (
            "create index concurrently i on t (a)",
            "do $$ begin analyze t; end $$;",
            "unseen",
        ),
        (
            "create index concurrently i on t (a)",
            "alter table t set schema s;",
            "unseen",
        ),
    ] {
        assert_eq!(undone(sql, rollback), found, "{sql}; {rollback}");
    }
}

#[test]
fn what_stays() {
    for (sql, words) in [
        ("alter system set work_mem = 1", "work_mem stays"),
        ("alter system reset all", "stays empty"),
        ("alter type s.e add value 'x'", "the value of s.e stays"),
    ] {
        let found = undone(sql, "drop table t;");
        assert!(
            found.starts_with("left: ") && found.contains(words),
            "{sql}: {found}"
        );
    }
}

#[test]
fn beginnings_are_short_and_without_comments() {
    assert_eq!(beginning("/* a */ vacuum -- b\n  t ;"), "vacuum t");
    let long = beginning(&format!("insert into t values ('{}')", "é".repeat(5000)));
    assert_eq!(long.chars().count(), TEXT + 3);
}
