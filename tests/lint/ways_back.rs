//! `missing-rollback`: a finding for each object whose name no rollback script drops, and none for a good release.

use super::Release;

/// Returns the lines of the tier whose objects the rollback script leaves behind.
fn left(tiers: &str, back: &str) -> String {
    let open = Release::with([("tiers/01.sql", tiers), ("rollback/01.sql", back)]).open();
    let left = open
        .iter()
        .filter_map(|found| found.strip_prefix("missing-rollback tiers/01.sql:"));
    left.collect::<Vec<_>>().join(" ")
}

/// Checks each case: the tier, the rollback script, the expected lines.
fn check(cases: &[(&str, &str, &str)]) {
    let wrong = cases.iter().filter_map(|(tiers, back, expected)| {
        let found = left(tiers, back);
        (found != *expected).then(|| format!("{tiers:?}, {back:?}: {found:?} and not {expected:?}"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_belongs_to_something_temporary_is_temporary() {
    let temp = "create temp table w(a int) on commit drop;\n";
    for more in [
        "create unique index wi on w(a);\n",
        "alter table w add column b int;\n",
        "create view v as select * from w;\n",
        "create index on w(a);\nalter table w rename to x;\ncreate index xi on x(a);\n",
        "create view pg_temp.v as select 1;\ncreate temp view u as select 1;\n",
    ] {
        check(&[(&format!("{temp}{more}"), "select 1;\n", "")]);
    }
    check(&[(
        "select 1 as a into temp w;\ncreate index wi on w(a);\n",
        "select 1;\n",
        "",
    )]);
    // Counterexamples: only the name looks temporary.
    check(&[
        (
            &format!("{temp}create index wi on public.w(a);\n"),
            "select 1;\n",
            "2",
        ),
        (
            &format!("create function w() returns int return 1;\n{temp}drop function w();\n"),
            "select 1;\n",
            "",
        ),
        (
            &format!("{temp}alter table u add column w int;\n"),
            "alter table u drop column w;\n",
            "",
        ),
    ]);
}

#[test]
fn ways_back_of_other_names_and_kinds() {
    let owned = "create sequence s;\nalter sequence s owned by public.t.a;\n";
    let hanging = "create view v as select * from t;\ncreate view w as select * from v;\n";
    let trigger = "create trigger g before insert on t for each row execute function f();\n";
    check(&[
        (
            "create view v as select 1 as a;\nalter table v rename to w;\n",
            "drop view w;\n",
            "",
        ),
        (
            "create index i on t(a);\nalter table i rename to j;\n",
            "drop index j;\n",
            "",
        ),
        (
            "create table U&\"\\0064ata\" (a int);\n",
            "drop table data;\n",
            "",
        ),
        (
            "create table t(a int);\ncreate sequence s owned by t.a;\n",
            "drop table t;\n",
            "",
        ),
        (owned, "alter table public.t drop column a;\n", ""),
        (owned, "alter table public.t drop column b;\n", "1"),
        (hanging, "drop table t cascade;\n", ""),
        (hanging, "drop table u cascade;\n", "1 2"),
        (hanging, "drop table t;\n", "1 2"),
        (trigger, "drop function f() cascade;\n", ""),
        (
            "create table p1(a int);\nalter table p attach partition p1 default;\n",
            "drop table p;\n",
            "",
        ),
        (
            "create schema s;\ncreate table s.t(a int);\ndrop schema s cascade;\n",
            "select 1;\n",
            "",
        ),
        (
            "create function f(a int) returns int return 1;\n",
            "drop function f(integer);\n",
            "",
        ),
        (
            "create view v as select 1 as a;\nalter view v set schema arch;\n",
            "drop view arch.v;\n",
            "",
        ),
    ]);
}

#[test]
fn joined_statements_are_seen_one_by_one() {
    check(&[
        (
            "select 1 \\; create table public.t(a int);\n",
            "select 1;\n",
            "1",
        ),
        (
            "create table t(a int) \\; drop table t;\n",
            "select 1;\n",
            "",
        ),
        (
            "create table t(a int);\n",
            "select 1 \\; drop table t;\n",
            "",
        ),
        ("select 1 as a into public.t;\n", "select 1;\n", "1"),
        (
            "with x as (select 1 as a) select a into table public.t from x;\n",
            "drop table public.t;\n",
            "",
        ),
        (
            "with x as (select 1 as a) insert into public.t select a from x;\n",
            "select 1;\n",
            "",
        ),
    ]);
}

#[test]
fn names_that_no_rollback_script_drops() {
    let table = "create table public.t(a int);\n";
    let index = "create index i on app.t(a);\n";
    let constraint = "alter table t add constraint c check (a > 0);\n";
    let view = "create view v as select 1 as a;\n";
    check(&[
        (table, "create table if not exists public.t(a int);\n", "1"),
        (table, "drop table other.t;\n", "1"),
        (table, "drop view t;\n", "1"),
        (table, "alter table public.t rename to kept;\n", ""),
        (index, "create index if not exists i on app.t(a);\n", "1"),
        (index, "drop index if exists other.i;\n", "1"),
        (index, "drop index if exists app.i;\n", ""),
        (index, "alter index i rename to j;\n", "1"),
        (index, "alter index i rename to j;\ndrop index j;\n", ""),
        (constraint, "alter table t drop constraint d;\n", "1"),
        (
            constraint,
            "alter table t drop constraint if exists c;\n",
            "",
        ),
        (constraint, "alter table t drop column a;\n", ""),
        (view, "create or replace view v as select 2 as a;\n", ""),
        // The name is dropped before it is created.
        (&format!("drop view v;\n{view}"), "select 1;\n", "2"),
        (
            &format!("{view}drop view v;\n{view}"),
            "drop view w;\n",
            "3",
        ),
        (&format!("{view}drop view v;\n"), "select 1;\n", ""),
        (
            "alter table t add column a int;\nalter table t rename column a to b;\n",
            "alter table t drop column b;\n",
            "",
        ),
        (
            "create table t(a int);\nalter table t set schema arch;\n",
            "drop table arch.t;\n",
            "",
        ),
    ]);
}

#[test]
fn other_kinds_of_objects_are_compared_by_name_too() {
    for (create, drop) in [
        ("create policy p on t using (true);", "drop policy p on t;"),
        (
            "create rule r as on insert to t do instead nothing;",
            "drop rule r on t;",
        ),
        ("create role r;", "drop role r;"),
        ("create statistics s on a, b from t;", "drop statistics s;"),
        ("create domain d as int;", "drop domain d;"),
    ] {
        let (create, drop) = (format!("{create}\n"), format!("{drop}\n"));
        check(&[(&create, "select 1;\n", "1"), (&create, &drop, "")]);
    }
}
