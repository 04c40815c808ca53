//! Regressions: attacks by roles that may use the database, each of which succeeded once.

use super::{small, small_without_gate_user};
use pgseal_testkit::release::{assert_same, dump};

/// A table owner places code where the server runs it implicitly: in a literal's input function, in the planner, in a
/// partition. None of it may run because of a gate, whichever role evaluates it.
const TRAPS: &str = "
    create table public.fired (at text);
    create function public.bang() returns boolean language plpgsql volatile as $$
        begin insert into public.fired values ('bang'); return true; end $$;
    create function public.trap(int) returns int language plpgsql immutable as $$
        begin perform public.bang(); return $1; end $$;
    create domain public.dm as int check (public.bang());
    create type public.cp as (a public.dm);
    create table public.indexed (a int);
    create index on public.indexed (a) where public.trap(1) > 0;
    create table public.parted (a int) partition by range (a);
    create extension file_fdw;
    create server f foreign data wrapper file_fdw;
    create foreign table public.part partition of public.parted for values from (0) to (9)
        server f options (program 'echo 1');";

const GATES: [&str; 9] = [
    "select count(*) >= 0 as ready, 'x' as reason from public.indexed where a > 0",
    "select count(*) >= 0 as ready, 'x' as reason from public.parted",
    "select '{1}'::public.dm[] is not null as ready, 'x' as reason",
    "select '(1)'::public.cp is not null as ready, 'x' as reason",
    "select public.dm '1' is not null as ready, 'x' as reason",
    "select cast('{1}' as public.dm[]) is not null as ready, 'x' as reason",
    "select json_populate_record(null::public.cp, '{\"a\":1}') is not null as ready, 'x' as reason",
    "select count(*) > 0 as ready, 'x' as reason from json_to_record('{\"a\":1}') as x(a public.dm)",
    "select domain_in('1', 'public.dm'::regtype, -1) is not null as ready, 'x' as reason",
];

#[test]
fn code_where_nobody_looks_for_it() {
    let (db, release, site) = small("traps");
    db.client().batch_execute(TRAPS).unwrap();
    db.client().batch_execute("truncate public.fired").unwrap();
    let bundle = site.path("trap.pgseal");
    for gate in GATES {
        let packed = site.try_pack(
            &release.clone().gate("approved", &format!("{gate};\n")),
            &bundle,
        );
        assert_eq!(packed.code, 0, "{gate}: {packed}");
        let operator = site.operator(&bundle, &db.url());
        for answer in [operator.gate(), operator.run()] {
            assert_eq!(answer.code, 21, "{gate}: {answer}");
        }
        std::fs::remove_file(&bundle).unwrap();
    }
    assert_eq!(db.ask("select count(*) from public.fired"), "0");
}

/// Session options of the caller could redirect an unqualified name, or set a value that a gate reads.
#[test]
fn session_options_and_several_hosts() {
    let (db, release, site) = small("options");
    let bundle = site.pack(&release);
    for extra in [
        "&options=-csearch_path%3Dmine",
        "&options=-cmy.approved%3Dyes",
    ] {
        site.operator(&bundle, &format!("{}{extra}", db.url()))
            .gate()
            .fails_saying(2, &["session options", "refused"]);
    }
    // Several hosts are tried in order. tests/postgres/connection.rs checks that one command stays with one of them.
    let two = "host=/nowhere,/elsewhere dbname=x user=y";
    site.operator(&bundle, two)
        .gate()
        .fails_saying(21, &["/nowhere", "/elsewhere"]);
}

/// A role may set its own search_path; names of the release still resolve by the signed path.
#[test]
fn a_search_path_of_the_role() {
    // A gate without schemas is refused where a superuser runs it by default.
    let (db, release, site) = small_without_gate_user("rolepath");
    let name = db.name();
    db.client()
        .batch_execute(&format!(
            "create schema mine; create table mine.approvals (who text); insert into mine.approvals values ('me');
             create function mine.current_database() returns name language sql as $$ select 'fooled'::name $$;
             alter database {name} set search_path = mine, pg_catalog; delete from public.approvals"
        ))
        .unwrap();
    let gate = "select count(*) > 0 as ready, 'x' as reason from approvals;\n";
    let bundle = site.pack(&release.gate("approved", gate));
    let answer = site.operator(&bundle, &db.url()).gate();
    assert_eq!(answer.code, 20, "{answer}");
}

/// A ledger created beforehand could run code as the role that writes to it, or drop the row.
#[test]
fn a_ledger_with_a_life_of_its_own() {
    for trap in [
        "create trigger t before insert on pgseal.ledger for each row execute function public.lose()",
        "create rule r as on insert to pgseal.ledger do instead nothing",
        "alter table pgseal.ledger enable row level security",
        "alter table pgseal.ledger rename to hidden; create view pgseal.ledger as select * from pgseal.hidden",
    ] {
        let (db, release, site) = small("ledger");
        let operator_bundle = site.pack(&release);
        let operator = site.operator(&operator_bundle, &db.url());
        operator.run().done();
        operator.rollback().done();
        let lose = "create function public.lose() returns trigger language plpgsql as $$ begin return null; end $$;";
        db.client()
            .batch_execute(&format!("{lose} {trap}"))
            .unwrap();
        let before = dump(&db);
        operator
            .run()
            .fails_saying(22, &["not one that pgseal made"]);
        operator
            .rollback()
            .fails_saying(22, &["not one that pgseal made"]);
        assert_same(&before, &dump(&db));
    }
}

/// Two releases, the second on top of the first, are rolled back one after the other.
#[test]
fn an_upgrade_and_its_way_back() {
    let (db, release, site) = small("upgrade");
    let first = site.pack(&release);
    let one = site.operator(&first, &db.url());
    one.run().done();
    let probe = "select pg_catalog.to_regclass('public.more') is not null as widgets;\n";
    let next = release
        .named("small", "1.1.0", 2)
        .without_tiers()
        .tier("more", "create table public.more (a int);\n");
    let next = next.rollback("more", "drop table if exists public.more;\n");
    let next = next
        .file("verify/baseline_probe.sql", probe)
        .file("verify/finalized_probe.sql", probe);
    let second = site.pack(&next);
    let two = site.operator(&second, &db.url());
    two.run().done();
    one.rollback().fails_saying(22, &["1.1.0 is in effect"]);
    one.check().fails_saying(22, &["1.1.0 is in effect"]);
    two.rollback().done();
    two.rollback().done().says(&["nothing to do"]);
    one.check().done();
    one.run().fails_saying(22, &["already applied"]);
    one.rollback().done();
    one.rollback().done().says(&["nothing to do"]);
}

/// Rows of the ledger sort by number, not by digits.
#[test]
fn more_than_ten_rows() {
    let (db, release, site) = small("many");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    for _ in 0..7 {
        operator.run().done();
        operator.run().fails_saying(22, &["already applied"]);
        operator.rollback().done();
    }
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "14");
    assert_eq!(
        db.ask("select pg_catalog.to_regclass('public.widgets') is null"),
        "t"
    );
}

/// A check must not pass if its rows are never read.
#[test]
fn checks_that_nobody_reads() {
    let (_, release, site) = small("unread");
    let bundle = site.path("x.pgseal");
    for check in [
        "select false as ok from public.widgets for update;\n",
        "insert into public.widgets default values returning false as ok;\n",
        "prepare p as select false as ok; execute p;\n",
    ] {
        let packed = site.try_pack(
            &release
                .clone()
                .verify("unread", "finalized", "rolled-back", check),
            &bundle,
        );
        packed.fails_saying(2, &["verify/unread.sql", "no plain SELECT"]);
    }
}
