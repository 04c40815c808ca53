//! Session state of a tier ends with the tier.

use super::{small, small_without_gate_user};
use pgseal_testkit::release::{assert_same, dump};

/// Tiers that change settings, in the ways that packing accepts, and a tier that asserts a fresh session.
#[test]
fn settings_end_with_their_tier() {
    let (db, release, site) = small_without_gate_user("settings");
    let name = db.name();
    // Each tier begins with the defaults of a session in this database.
    db.client()
        .batch_execute(&format!(
            "alter database {name} set search_path = public, pg_temp"
        ))
        .unwrap();
    db.client()
        .batch_execute("create schema evil; create table evil.approvals (who text)")
        .unwrap();
    let leaves = "set search_path = evil, public;
set lock_timeout = '1ms';
set statement_timeout = '1h';
set timezone = 'Asia/Kathmandu';
set local datestyle = 'German, DMY';
select set_config('work_mem', '64kB', false);
select set_config('role', 'pg_read_all_data', false);
do $$ begin execute 'set session authorization gate_reader'; end $$;
";
    let asserts = "do $$
begin
    assert current_setting('search_path') = 'public', current_setting('search_path');
    assert current_setting('lock_timeout') = '5s', current_setting('lock_timeout');
    assert current_setting('statement_timeout') = '1min', current_setting('statement_timeout');
    assert current_setting('timezone') = 'UTC', current_setting('timezone');
    assert current_setting('datestyle') = 'ISO, MDY', current_setting('datestyle');
    assert current_setting('work_mem') <> '64kB', 'work_mem';
    assert current_user = 'postgres', current_user;
    assert session_user = 'postgres', session_user;
end $$;
";
    let again = leaves.replace("lock_timeout = '1ms'", "lock_timeout = '2ms'");
    let probe = "select count(*) as widgets, current_setting('search_path') as path, current_user::text as who,
       current_setting('datestyle') as datestyle from widgets;\n";
    let expect =
        "{ widgets = 2, path = \"public, pg_temp\", who = \"postgres\", datestyle = \"ISO, MDY\" }";
    let release = release
        .tier("leaves", leaves)
        .tier("asserts", asserts)
        .tier("leaves_again", &again);
    let release = release
        .verify("asserts", "finalized", "rolled-back", asserts)
        .finalized(probe, expect);
    // Unqualified: with the tier's search_path the gate would read another table.
    let gate =
        "select count(*) > 0 as ready, current_setting('search_path') as reason from approvals;\n";
    let bundle = site.pack(&release.gate("approved", gate));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    assert_eq!(db.ask("select role from pgseal.ledger"), "postgres");
    for gate in operator.receipt()["gates"].as_array().unwrap() {
        assert_eq!(gate["reason"], "public, pg_temp");
    }
    operator.check().done();
    operator.rollback().done();
}

#[test]
fn a_ledger_in_the_way_of_the_search_path() {
    let (db, release, site) = small("path");
    // Functions and tables of users, with names that pgseal uses.
    db.client()
        .batch_execute(
            "create schema first;
             create function first.current_database() returns name language sql as $$ select 'fooled'::name $$;
             create function first.pg_try_advisory_lock(bigint) returns boolean language sql as $$ select true $$;
             create function first.to_regclass(text) returns regclass language sql as $$ select null::regclass $$;
             create function first.count(text) returns bigint language sql as $$ select 1::bigint $$;
             create table first.pg_settings (name text);",
        )
        .unwrap();
    let name = db.name();
    db.client()
        .batch_execute(&format!(
            "alter database {name} set search_path = first, pg_catalog, public"
        ))
        .unwrap();
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    operator.run().fails_saying(22, &["already applied"]);
    operator.check().done();
    operator.rollback().done();
}

#[test]
fn temporary_tables_and_prepared_statements() {
    let (db, release, site) = small("temporary");
    let first = "create temporary table scratch (n integer) on commit drop;
insert into scratch select generate_series(1, 3);
prepare three as select count(*) from scratch;
execute three;
deallocate three;
declare c cursor for select * from scratch;
fetch 2 from c;
close c;
";
    let second = "insert into public.widgets select 10 + n, 'scratch ' || n from scratch;\n";
    // A temporary table hides a real one of the same name from unqualified names, in every later tier too.
    let hides = "create temporary table widgets (id integer, name text);\ninsert into public.widgets values (20, 'real');\n";
    let release = release
        .tier("first", first)
        .tier("second", second)
        .tier("hides", hides);
    let probe = "select count(*) as widgets from public.widgets;\n";
    let bundle = site.pack(&release.finalized(probe, "{ widgets = 6 }"));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    operator.run().done();
    operator.rollback().done();
    assert_same(&before, &dump(&db));
}

/// Statements that make server and pgseal disagree about the executed text or its role do not pack.
#[test]
fn changes_of_the_session_that_are_refused() {
    let (db, release, site) = small("refusals");
    let bundle = site.path("refused.pgseal");
    for (what, sql) in [
        ("COMMIT", "create table public.t (a integer);\ncommit;\n"),
        ("ROLLBACK", "rollback;\n"),
        ("BEGIN", "begin;\n"),
        ("START", "start transaction;\n"),
        ("SAVEPOINT", "savepoint a;\n"),
        ("ABORT", "abort;\n"),
        ("END", "end;\n"),
        ("PREPARE", "prepare transaction 'a';\n"),
        ("joined", "select 1 \\; commit;\n"),
        ("in a comment's shadow", "/* begin */ commit;\n"),
        (
            "SET SESSION AUTHORIZATION",
            "set session authorization postgres;\n",
        ),
        (
            "standard_conforming_strings",
            "set standard_conforming_strings = off;\n",
        ),
        ("client_encoding", "set client_encoding = 'LATIN1';\n"),
        ("SET NAMES", "set names 'LATIN1';\n"),
        ("VACUUM", "vacuum public.approvals;\n"),
        (
            "CREATE INDEX CONCURRENTLY",
            "create index concurrently i on public.approvals (who);\n",
        ),
        ("CREATE DATABASE", "create database other;\n"),
        ("ALTER SYSTEM", "alter system set work_mem = '1MB';\n"),
        ("NOTIFY", "notify somebody;\n"),
        ("COPY PROGRAM", "copy public.approvals to program 'cat';\n"),
        (
            "COPY to a file",
            "copy public.approvals to '/tmp/pgseal-test-never';\n",
        ),
        ("dblink", "select dblink_exec('dbname=x', 'select 1');\n"),
        ("a shell", "\\! true\n"),
        ("another database", "\\c other\n"),
    ] {
        let answer = site.try_pack(&release.clone().tier("tried", sql), &bundle);
        assert_eq!(answer.code, 2, "{what}: {answer}");
        assert!(
            answer.stderr.contains("tiers/tried.sql:"),
            "{what}: {answer}"
        );
        assert!(
            !bundle.exists(),
            "{what}: a refused release leaves no bundle"
        );
    }
    let _ = db;
}
