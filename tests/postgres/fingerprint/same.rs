//! Differences that don't count.

use std::process::{Command, Output};

use pgseal_verify::format::fingerprint::Scope;

use super::super::small;
use super::{assert_alike, every_kind, lines, of, try_take};
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::client;
use pgseal_testkit::server::Server;

#[test]
fn a_restored_dump_is_alike() {
    let db = every_kind();
    let before = of(&db);
    assert!(before.objects.len() > 150, "{}", before.objects.len());
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let plain = Cluster::shared().database("fp_plain");
    done(
        client("pg_dump")
            .args(["-f", path, "--dbname"])
            .arg(db.connection()),
    );
    done(
        client("psql")
            .args(["-Xq", "-v", "ON_ERROR_STOP=1", "-f", path, "--dbname"])
            .arg(plain.connection()),
    );
    assert_alike(&before, &of(&plain));
    let custom = Cluster::shared().database("fp_custom");
    done(
        client("pg_dump")
            .args(["-Fc", "-f", path, "--dbname"])
            .arg(db.connection()),
    );
    done(
        client("pg_restore")
            .args(["--exit-on-error", path, "--dbname"])
            .arg(custom.connection()),
    );
    let restored = of(&custom);
    assert_alike(&before, &restored);
    assert_ne!(before.database, restored.database);
    // A copy of the copy too: after one round trip the server's spelling is stable.
    let again = Cluster::shared().database("fp_again");
    done(
        client("pg_dump")
            .args(["-Fc", "-f", path, "--dbname"])
            .arg(custom.connection()),
    );
    done(
        client("pg_restore")
            .args(["--exit-on-error", path, "--dbname"])
            .arg(again.connection()),
    );
    assert_alike(&before, &of(&again));
}

#[test]
fn a_server_that_was_restarted_is_alike() {
    let mut server = Server::start("local all all trust\n", "");
    let tables = "create table public.a (n int primary key, t text default 'x');
        insert into public.a select generate_series(1, 5000);
        create sequence public.s; select nextval('public.s')";
    server.sql(tables);
    let take = |server: &Server| try_take(&server.local("postgres"), &Scope::All).unwrap();
    let before = take(&server);
    // The restart is immediate: recovery would let the sequence skip the values that it has logged ahead.
    server.sql("checkpoint");
    server.restart();
    assert_alike(&before, &take(&server));
}

#[test]
fn where_things_are_on_disk_does_not_count() {
    let (here, there) = (
        Cluster::shared().database("fp_here"),
        Cluster::shared().database("fp_there"),
    );
    let sql = |db: &TestDatabase<'_>, sql: &str| db.client().batch_execute(sql).unwrap();
    sql(
        &here,
        "create type mood as enum ('sad', 'ok'); create table a (x int, y text, z mood);
         insert into a select n, n::text, 'ok' from generate_series(1, 1000) n; create table b (a a)",
    );
    // Other identifiers, other column numbers, another order of rows, rows that were written twice.
    sql(
        &there,
        "create table other (); drop table other; create type mood as enum ('ok'); alter type mood add value 'sad' before 'ok'",
    );
    sql(
        &there,
        "create table a (gone int, x int, y text); alter table a drop column gone; alter table a add column z mood;
         insert into a select n, n::text, 'sad' from generate_series(1000, 1, -1) n; update a set z = 'ok';
         create table b (a a)",
    );
    sql(&there, "vacuum full analyze a");
    assert_alike(&of(&here), &of(&there));
    // The role that takes the fingerprint does not count either.
    let before = of(&here);
    sql(
        &here,
        &format!(
            "alter role postgres in database {} set search_path = public; alter database {0} set DateStyle = 'German';
             alter database {0} set quote_all_identifiers = on",
            here.name()
        ),
    );
    let mut after = of(&here);
    for name in ["settings of the database", "settings of role postgres"] {
        assert!(after.objects.remove(name).is_some(), "{name}");
    }
    assert_eq!((before.objects, before.data), (after.objects, after.data));
}

/// PostgreSQL 15.20 stamps every new column; here any version does.
#[test]
fn what_the_server_writes_among_a_columns_options_does_not_count() {
    let db = Cluster::shared().database("fp_stamp");
    let sql = |sql: &str| db.client().batch_execute(sql).unwrap();
    let stamp = |column: &str, options: &str| {
        sql(&format!(
            "update pg_attribute set attoptions = '{options}' where attrelid = 'a'::regclass and attname = '{column}'"
        ));
    };
    sql("create table a (x int, y int); alter table a alter y set (n_distinct = 5)");
    let before = of(&db);
    stamp("x", "{pg_attver=22158968}");
    stamp("y", "{pg_attver=22158968,n_distinct=5}");
    assert_alike(&before, &of(&db));
    stamp("y", "{pg_attver=22158968,n_distinct=6}");
    assert_eq!(
        lines(&before, &of(&db)),
        ["column public.a.y differs: options"]
    );
}

#[test]
fn the_ledger_and_temporary_tables_do_not_count() {
    let db = Cluster::shared().database("fp_ledger");
    let before = of(&db);
    let mut client = db.client();
    client
        .batch_execute(
            "create schema pgseal; create table pgseal.ledger (n int primary key, t text not null)",
        )
        .unwrap();
    client
        .batch_execute("comment on table pgseal.ledger is 'x'; comment on schema pgseal is 'y'")
        .unwrap();
    client
        .batch_execute("comment on constraint ledger_pkey on pgseal.ledger is 'z'")
        .unwrap();
    client
        .batch_execute("create temp table t (n int default 1); comment on table t is 'x'")
        .unwrap();
    assert_alike(&before, &of(&db));
}

#[test]
fn a_run_and_its_rollback_leave_nothing_but_the_ledger() {
    let (db, release, site) = small("fp_real_ledger");
    let before = of(&db);
    let operator_file = site.pack(&release);
    let operator = site.operator(&operator_file, &db.url());
    operator.run().done();
    operator.rollback().done();
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "2");
    let after = of(&db);
    assert_eq!(
        lines(&before, &after)
            .iter()
            .filter(|line| line.contains("pgseal"))
            .collect::<Vec<_>>(),
        [""; 0]
    );
    assert_eq!(before.objects, after.objects);
    assert!(before.data.keys().eq(after.data.keys()));
}

#[test]
fn a_dump_that_creates_the_database_carries_what_is_its_own() {
    let admin = Cluster::shared().database("fp_admin");
    let name = format!("{}_whole", admin.name());
    let run = |statements: &[&str]| {
        let mut client = admin.client();
        for sql in statements {
            client.batch_execute(&sql.replace("NAME", &name)).unwrap();
        }
    };
    let is_15 = admin.ask("select current_setting('server_version_num')::int >= 150000") == "true";
    let locale = if is_15 {
        "locale_provider icu icu_locale 'de'"
    } else {
        ""
    };
    run(&[
        &format!(
            "create database NAME template template0 encoding 'UTF8' {locale} connection limit 7 is_template true"
        ),
        "comment on database NAME is 'x'; alter database NAME set work_mem = '8MB'; revoke connect on database NAME from public",
    ]);
    let connection = admin.connection().replace(admin.name(), &name);
    let take = || try_take(&connection, &Scope::All).unwrap();
    let before = take();
    for property in ["template: yes", "connections: 7", "comment: "]
        .iter()
        .chain(is_15.then_some(&"locale: de"))
    {
        assert!(
            before.objects["database"].contains(property),
            "{property}: {}",
            before.objects["database"]
        );
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    done(client("pg_dump").args(["--create", "-f", path, "--dbname", &connection]));
    let dropped = [
        "alter database NAME is_template false",
        "drop database NAME",
    ];
    run(&dropped);
    done(
        client("psql")
            .args(["-Xq", "-v", "ON_ERROR_STOP=1", "-f", path, "--dbname"])
            .arg(admin.connection()),
    );
    assert_alike(&before, &take());
    run(&dropped);
}

#[track_caller]
fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
