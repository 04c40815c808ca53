//! pgseal's own statements, executed by a superuser: they call no code of a role that may create in the database.

use std::thread;

use super::between::Between;
use super::gate_races::{SNAP, as_role, assert_snaps, snapped};
use super::small;
use pgseal::database::{Connect, Purpose};
use pgseal::postgres::Connector;
use pgseal::record::ledger;
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::wait_until;

/// Creates a role that may create in the database and in schema public.
fn mallory(db: &TestDatabase<'_>) -> (String, postgres::Client) {
    let role = format!("mallory_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {role} login; grant create on schema public to {role}; grant create on database {} to {role}",
            db.name()
        ))
        .unwrap();
    let client = postgres::Client::connect(&as_role(db, &role), postgres::NoTls).unwrap();
    (role, client)
}

fn without(db: &TestDatabase<'_>, role: &str) {
    assert_snaps(db);
    db.client()
        .batch_execute(&format!("drop owned by {role} cascade; drop role {role}"))
        .unwrap();
}

/// She creates schema and ledger between the query that finds none and the statement that creates them, with code for
/// new rows.
#[test]
fn a_ledger_that_comes_before_its_own() {
    for made in [
        "create schema pgseal",
        "create schema pgseal; create table pgseal.ledger (id bigint);
         create function pgseal.f() returns trigger language plpgsql as $$ begin {SNAP} return new; end $$;
         create trigger t before insert on pgseal.ledger for each row execute function pgseal.f();
         grant all on schema pgseal to public; grant all on pgseal.ledger to public",
    ] {
        let db = Cluster::shared().database("firstledger");
        let (role, mut client) = mallory(&db);
        let made = made.replace("{SNAP}", SNAP);
        let mut is_made = false;
        let session = Connector::new(db.url().parse().unwrap()).connect(Purpose::Write).unwrap();
        let mut session = Between::new(session, |sql| {
            if sql.contains("create table pgseal.ledger") {
                client.batch_execute(&made).unwrap();
                is_made = true;
            }
        });
        let ensured = ledger::ensure(&mut session);
        drop(session);
        assert!(is_made && ensured.is_err(), "{made}: {ensured:?}");
        assert!(!snapped(&db), "{made}");
        drop(client);
        without(&db, &role);
    }
}

/// Default privileges of the role that runs would give her all rights on the ledger, including TRIGGER, while a script
/// runs.
#[test]
fn default_privileges_give_no_ledger_away() {
    let (db, release, site) = small("givenledger");
    let (role, client) = mallory(&db);
    db.client()
        .batch_execute(&format!(
            "alter default privileges for role postgres grant all on tables to {role};
             alter default privileges for role postgres grant all on tables to public"
        ))
        .unwrap();
    let operator = site.operator(&site.pack(&release), &db.url());
    operator.run().done();
    let given = "select count(*) from pg_class c, aclexplode(c.relacl) a
                 where c.relname in ('ledger', 'steps') and a.grantee <> c.relowner";
    assert_eq!(db.ask(given), "0");
    operator.rollback().done();
    db.client()
        .batch_execute(&format!("grant trigger on pgseal.steps to {role}"))
        .unwrap();
    operator.run().fails_saying(
        22,
        &[
            "pgseal.steps",
            "others may put triggers on it (revoke trigger on",
        ],
    );
    db.client()
        .batch_execute(&format!("revoke trigger on pgseal.steps from {role}"))
        .unwrap();
    operator.run().done();
    drop(client);
    without(&db, &role);
    db.client()
        .batch_execute(
            "alter default privileges for role postgres revoke all on tables from public",
        )
        .unwrap();
}

/// A script or the release puts `public` before `pg_catalog`, and pgseal queries the time limits under that path.
#[test]
fn time_limits_by_the_path_of_a_script() {
    for (target, sql) in [
        ("search_path = [\"public\", \"pg_catalog\"]", ""),
        ("", "set local search_path = public, pg_catalog;"),
    ] {
        let (db, release, site) = small("limitspath");
        let (role, mut client) = mallory(&db);
        client
            .batch_execute(&format!(
                "create function public.same(text, text) returns boolean language plpgsql as $$ begin {SNAP} return true; end $$;
                 create operator public.= (leftarg = text, rightarg = text, function = public.same)"
            ))
            .unwrap();
        let sql =
            format!("{sql} set local lock_timeout = '1s'; create table public.made (a integer);");
        let release = release
            .target(target)
            .tier("made", &sql)
            .rollback("made", "drop table public.made;");
        let answer = site.operator(&site.pack(&release), &db.url()).run();
        assert!(!snapped(&db), "{answer}");
        // Before PostgreSQL 14 no guarded query runs next to such an operator.
        if db.ask("select current_setting('server_version_num')::integer >= 140000") == "t" {
            answer.done();
        }
        drop(client);
        without(&db, &role);
    }
}

/// A script's path is active while it stores and describes a column of a type that is not built in; no lookup of the
/// type uses the path.
#[test]
fn types_of_columns_by_the_path_of_a_script() {
    let (db, release, site) = small("typespath");
    let (role, mut client) = mallory(&db);
    db.client()
        .batch_execute("create type public.mood as enum ('sad', 'happy')")
        .unwrap();
    client
        .batch_execute(&format!(
            "create function public.same(oid, oid) returns boolean language plpgsql as $$ begin {SNAP} return true; end $$;
             create operator public.= (leftarg = oid, rightarg = oid, function = public.same)"
        ))
        .unwrap();
    let sql = "set local search_path = public, pg_catalog;
select 'happy'::public.mood as mood \\gset
select 'sad'::public.mood as mood \\gdesc
create table public.made as select :'mood'::public.mood as mood;
";
    let release = release
        .tier("made", sql)
        .rollback("made", "drop table public.made;");
    let answer = site.operator(&site.pack(&release), &db.url()).run();
    assert!(!snapped(&db), "{answer}");
    answer.done();
    assert_eq!(db.ask("select mood from public.made"), "happy");
    drop(client);
    without(&db, &role);
}

/// She locks one sequence while `check` reads all of them, and replaces another one by a view.
#[test]
fn a_sequence_that_becomes_a_view() {
    let (db, release, site) = small("sequences");
    let (role, mut holds) = mallory(&db);
    let sql = "select 'x' as name, (select count(*) = 0 from pg_catalog.pg_class where relname = 'nope') as ok, 'y' as detail;";
    let release = release.verify("nothing", "baseline", "rolled-back", sql);
    let bundle = site.pack(&release);
    holds
        .batch_execute(&format!(
            "create schema m; create sequence m.a; create sequence m.z;
             create function m.f() returns bigint language plpgsql as $$ begin {SNAP} return 1; end $$"
        ))
        .unwrap();
    holds
        .batch_execute("begin; alter sequence m.z increment 2")
        .unwrap();
    let waits = |relation: &str| {
        let waiting = format!(
            "select count(*) from pg_locks where not granted and relation = '{relation}'::regclass
               and database = (select oid from pg_database where datname = current_database())"
        );
        wait_until(relation, || db.ask(&waiting) == "1");
    };
    let (url, operator) = (as_role(&db, &role), site.operator(&bundle, &db.url()));
    let answer = thread::scope(|scope| {
        let check = scope.spawn(|| operator.check());
        waits("m.z");
        let swap = scope.spawn(|| {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            client
                .batch_execute("do $$ begin drop sequence m.a; create view m.a as select m.f() as last_value; end $$")
                .unwrap();
        });
        waits("m.a");
        holds.batch_execute("commit").unwrap();
        swap.join().unwrap();
        check.join().unwrap()
    });
    assert!(!snapped(&db), "{answer}");
    drop(holds);
    without(&db, &role);
}
