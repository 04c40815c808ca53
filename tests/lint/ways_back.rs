//! What a rollback script takes back, and what only looks so: a finding for each object that stays, and none for a good release.

use super::{Release, text};

/// The lines of the tier that something is left of.
fn left(tiers: &str, back: &str) -> String {
    let open = Release::with([("tiers/01.sql", tiers), ("rollback/01.sql", back)]).open();
    let left = open.iter().filter_map(|found| found.strip_prefix("missing-rollback tiers/01.sql:"));
    left.collect::<Vec<_>>().join(" ")
}

/// Checks each case: the tier, the rollback script, the lines.
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
    check(&[("select 1 as a into temp w;\ncreate index wi on w(a);\n", "select 1;\n", "")]);
    // Not what only has the name of something temporary.
    check(&[
        (&format!("{temp}create index wi on public.w(a);\n"), "select 1;\n", "2"),
        (&format!("create function w() returns int return 1;\n{temp}drop function w();\n"), "select 1;\n", ""),
        (&format!("{temp}alter table u add column w int;\n"), "alter table u drop column w;\n", ""),
    ]);
}

#[test]
fn what_is_dropped_temporary_is_not_what_a_tier_made() {
    check(&[
        ("create table t(a int);\n", "create temp table t(a int);\ndrop table t;\n", "1"),
        ("create view t as select 1 as a;\n", "create temp view t as select 1 as a;\ndrop view t;\n", "1"),
        ("create type t as (a int);\n", "create type pg_temp.t as (a int);\ndrop type t;\n", "1"),
        ("create table t(a int);\n", "drop table if exists pg_temp.t;\n", "1"),
        ("create table t(a int);\n", "create temp table t(a int);\ndrop table t;\ndrop table t;\n", ""),
    ]);
}

#[test]
fn ways_back_of_other_names_and_kinds() {
    let owned = "create sequence s;\nalter sequence s owned by public.t.a;\n";
    let hanging = "create view v as select * from t;\ncreate view w as select * from v;\n";
    let trigger = "create trigger g before insert on t for each row execute function f();\n";
    check(&[
        ("create view v as select 1 as a;\nalter table v rename to w;\n", "drop view w;\n", ""),
        ("create index i on t(a);\nalter table i rename to j;\n", "drop index j;\n", ""),
        ("create table U&\"\\0064ata\" (a int);\n", "drop table data;\n", ""),
        ("create table t(a int);\ncreate sequence s owned by t.a;\n", "drop table t;\n", ""),
        (owned, "alter table public.t drop column a;\n", ""),
        (owned, "alter table public.t drop column b;\n", "1"),
        (&format!("{owned}alter sequence s owned by none;\n"), "drop table public.t;\n", "1"),
        (hanging, "drop table t cascade;\n", ""),
        (hanging, "drop table u cascade;\n", "1 2"),
        (hanging, "drop table t;\n", "1 2"),
        (trigger, "drop function f() cascade;\n", ""),
        ("create table p1(a int);\nalter table p attach partition p1 default;\n", "drop table p;\n", ""),
        ("create schema s;\ncreate table s.t(a int);\ndrop schema s cascade;\n", "select 1;\n", ""),
        ("create function f(a int) returns int return 1;\n", "drop function f(integer);\n", ""),
        ("create function f(out a int, b text = 'x') return 1;\n", "drop function f(b pg_catalog.text);\n", ""),
        ("create view v as select 1 as a;\nalter view v set schema arch;\n", "drop view arch.v;\n", ""),
    ]);
}

#[test]
fn joined_statements_are_seen_one_by_one() {
    check(&[
        ("select 1 \\; create table public.t(a int);\n", "select 1;\n", "1"),
        ("create table t(a int) \\; drop table t;\n", "select 1;\n", ""),
        ("create table t(a int);\n", "select 1 \\; drop table t;\n", ""),
        ("select 1 as a into public.t;\n", "select 1;\n", "1"),
        ("with x as (select 1 as a) select a into table public.t from x;\n", "drop table public.t;\n", ""),
        ("with x as (select 1 as a) insert into public.t select a from x;\n", "select 1;\n", ""),
    ]);
}

#[test]
fn a_file_that_is_included_again_happens_again() {
    let missing = |tiers| {
        let create = ("tiers/c.sql", "create table public.t(a int);\n");
        let drop = ("tiers/d.sql", "drop table public.t;\n");
        let release = Release::with([("tiers/01.sql", tiers), create, drop, ("rollback/01.sql", "select 1;\n")]);
        release.open().into_iter().filter(|found| found.starts_with("missing")).collect::<Vec<_>>()
    };
    assert_eq!(missing("\\ir c.sql\n\\ir d.sql\n\\ir c.sql\n"), ["missing-rollback tiers/c.sql:1"]);
    assert_eq!(missing("\\ir c.sql\n\\ir d.sql\n"), [""; 0]);
}

#[test]
fn what_is_renamed_kept_or_made_again_stays() {
    let table = "create table public.t(a int);\n";
    let renamed = "alter table public.t rename to t_old;\n";
    let view = "create view v as select 1 as a;\n";
    let view_before = "drop view v;\ncreate view v as select 2 as a;\n";
    let index = "create index j on t(a, b);\ndrop index i;\nalter index j rename to i;\n";
    check(&[
        (table, renamed, "1"),
        (table, "create table if not exists public.t(a int);\n", "1"),
        (table, "drop table public.t;\ncreate table public.t(a int);\n", "1"),
        ("create index i on t(a);\n", "create index if not exists i on t(a);\n", "1"),
        (table, &format!("{renamed}drop table public.t_old;\n"), ""),
        // What was there before is made again.
        (&format!("drop view v;\n{view}"), view_before, ""),
        (&format!("drop table t cascade;\n{view}"), view_before, ""),
        ("create or replace view v as select 1 as a;\n", "create or replace view v as select 2 as a;\n", ""),
        ("alter table t rename to o;\ncreate table t(a int);\n", "drop table t;\ncreate table t(a int);\n", ""),
        (index, "drop index i;\ncreate index i on t(a);\n", ""),
    ]);
    let release = Release::with([("tiers/01.sql", table), ("rollback/01.sql", renamed)]);
    let told = release.problems().0.iter().map(|found| text(&found["message"]).to_owned()).collect::<Vec<_>>();
    let said = "no rollback script drops the table public.t: one renames it to t_old";
    assert!(told.iter().any(|told| told == said), "{told:?}");
}

#[test]
fn what_is_dropped_is_another() {
    let functions = "create function f(a int) returns int return 1;\ncreate function f(text) returns int return 1;\n";
    let partition = "create table p(a int) partition by list (a);\ncreate table q partition of p default;\n";
    let unnamed = "create index on t(a);\ncreate index on t(b);\n";
    let (table, moved) = ("create table public.t(a int);\n", "alter table public.t set schema arch;\n");
    let gone = "drop table if exists public.t;\n";
    let column = "alter table t add column a int;\nalter table t rename column a to b;\n";
    check(&[
        (functions, "drop function f(int);\n", "2"),
        (functions, "drop function f(text);\ndrop function f(int4);\n", ""),
        (&format!("{table}{moved}"), gone, "1"),
        (table, &format!("{moved}{gone}"), "1"),
        (&format!("{table}{moved}"), "drop table arch.t;\n", ""),
        (column, "alter table t drop column if exists a;\n", "1"),
        (column, "alter table t drop column b;\n", ""),
        (partition, "alter table p detach partition q;\ndrop table p;\n", "2"),
        (partition, "drop table p;\n", ""),
        ("create index i on app.t(a);\n", "drop index if exists other.i;\n", "1"),
        ("create index i on app.t(a);\n", "drop index if exists app.i;\n", ""),
        (unnamed, "drop index t_b_idx;\n", "1"),
        (unnamed, "drop index t_a_idx, t_b_idx;\n", ""),
    ]);
}

#[test]
fn each_way_through_a_script_is_followed() {
    let ask = "select true as x \\gset\n";
    let nothing = "select 1;\n";
    for (tiers, back, expected) in [
        ("\\if :x\ncreate table t(a int);\ndrop table t;\n\\else\ncreate table t(a int);\n\\endif\n", nothing, "6"),
        ("create table t(a int);\n\\if :x\ndrop table t;\n\\endif\n", nothing, "2"),
        // The same condition twice, for all that is known.
        ("\\if :x\ncreate table t(a int);\n\\endif\n\\if :x\ndrop table t;\n\\endif\n", nothing, ""),
        ("\\if :x\ncreate index on t(a);\n\\else\ncreate index on t(a);\n\\endif\n", "drop index t_a_idx;\n", ""),
    ] {
        check(&[(&format!("{ask}{tiers}"), back, expected)]);
    }
    let asked = "select true as x \\gset\n\\if :x\ndrop table t;\n\\endif\n";
    check(&[("create table t(a int);\n", asked, "")]);
}
