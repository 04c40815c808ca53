//! Rows: detected changes, and the role and snapshot that read them.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use pgseal::database::{Connect, DatabaseError, Purpose, Session};
use pgseal::fingerprint::{FingerprintError, Progress, Side, changed_rows, rows_on, take};
use pgseal::postgres::Connector;
use pgseal_verify::format::fingerprint::Scope;

use super::{assert_alike, clock, lines, of, roles, try_take};
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::server::session;

fn sql(db: &TestDatabase<'_>, sql: &str) {
    db.client().batch_execute(sql).unwrap();
}

#[test]
fn one_row_among_two_hundred_thousand() {
    let db = Cluster::shared().database("fp_rows");
    sql(
        &db,
        "create table big (n int, t text); insert into big select n, 'row ' || n from generate_series(1, 200000) n",
    );
    let before = of(&db);
    assert_eq!(before.data["public.big"].rows, 200_000);
    sql(&db, "update big set t = 'Row 77777' where n = 77777");
    assert_eq!(
        lines(&before, &of(&db)),
        ["rows of public.big differ: digest"]
    );
    sql(&db, "update big set t = 'row 77777' where n = 77777");
    assert_alike(&before, &of(&db));
}

/// Keys of several columns, values that are NULL, and a table with more values than are compared.
#[test]
fn the_rows_that_two_databases_have_differently() {
    let cluster = Cluster::shared();
    let (a, b) = (cluster.database("fp_rows_a"), cluster.database("fp_rows_b"));
    for db in [&a, &b] {
        sql(
            db,
            "create table \"it's\" (v text, k2 text, k1 int, primary key (k1, k2)); \
             insert into \"it's\" select nullif(n, 3), 'k', n from generate_series(1, 5) n; \
             create type mood as enum ('x', 'y'); \
             create function spoken(mood) returns text language plpgsql as \
                 $$begin raise 'a cast of its owner is called'; end$$; \
             create cast (mood as text) with function spoken(mood); \
             create table numbered (n int primary key, m mood); \
             insert into numbered select n, 'x' from generate_series(1, 5) n; \
             create table large (n int, a int, b int, c int); \
             insert into large select n, n, n, n from generate_series(1, 500001) n",
        );
    }
    sql(
        &b,
        "update numbered set m = 'y' where n < 5; \
         update \"it's\" set v = case k1 when 3 then '' end where k1 in (3, 4); update large set a = 0 where n = 1",
    );
    let (before, after) = (of(&a), of(&b));
    let changed = |table: &str| {
        let connect = [&a, &b].map(|db| Connector::new(db.connection().parse().unwrap()));
        changed_rows(
            table,
            Side {
                connect: &connect[0],
                data: &before.data[table],
            },
            Side {
                connect: &connect[1],
                data: &after.data[table],
            },
        )
        .unwrap()
    };
    // A text may be a secret, so a key with one is not shown.
    let found = changed("public.\"it's\"");
    assert_eq!(found.as_deref(), Some("2 of 5 rows: v"));
    let found = changed("public.numbered");
    assert_eq!(found.as_deref(), Some("4 of 5 rows: m; n 1, 2, 3, ..."));
    assert_eq!(changed("public.large"), None);
    sql(
        &a,
        "delete from large where n > 2; delete from \"it's\" where k1 = 1",
    );
    // No longer the rows of the fingerprint.
    assert_eq!(changed("public.\"it's\""), None);
}

#[test]
fn equal_rows_are_counted_and_values_are_not_mixed_up() {
    let db = Cluster::shared().database("fp_values");
    let start = "drop table if exists v; create table v (a text, b text, f float8, at timestamptz, raw bytea, i interval)";
    let with = |rows: &str| {
        sql(&db, &format!("{start}; insert into v (a, b) values {rows}"));
        of(&db).data["public.v"].digest.clone()
    };
    // All of these differ, though some have equal counts, sums or joined texts.
    let tables = [
        "('x', 'y'), ('x', 'y'), ('z', 'z'), ('z', 'z')",
        "('x', 'y'), ('z', 'z'), ('z', 'z'), ('z', 'z')",
        "('x', 'y'), ('x', 'y'), ('x', 'y'), ('x', 'y')",
        "('z', 'z'), ('z', 'z'), ('z', 'z'), ('z', 'z')",
        "('y', 'x'), ('x', 'y'), ('z', 'z'), ('z', 'z')",
        "('x', 'z'), ('x', 'z'), ('z', 'y'), ('z', 'y')",
        "('xy', ''), ('x', 'y'), ('z', 'z'), ('z', 'z')",
        "('xy', null), ('x', 'y'), ('z', 'z'), ('z', 'z')",
        "(null, 'xy'), ('x', 'y'), ('z', 'z'), ('z', 'z')",
        "('', 'xy'), ('x', 'y'), ('z', 'z'), ('z', 'z')",
        "('x,y', null), ('x', 'y'), ('z', 'z'), ('z', 'z')",
        "('(x,y)', null), ('x', 'y'), ('z', 'z'), ('z', 'z')",
        "('\"', '\"\"'), ('x', 'y'), ('z', 'z'), ('z', 'z')",
        "('\"\"', '\"'), ('x', 'y'), ('z', 'z'), ('z', 'z')",
    ];
    let digests: std::collections::BTreeSet<String> =
        tables.iter().map(|rows| with(rows)).collect();
    assert_eq!(digests.len(), tables.len());
    assert_eq!(
        with("('x', 'y'), ('z', 'z')"),
        with("('z', 'z'), ('x', 'y')")
    );
    // The last bit of a number, a microsecond, a byte, a month that has thirty days.
    for (column, one, other) in [
        ("f", "0.1::float8", "0.30000000000000004::float8 - 0.2"),
        (
            "at",
            "'2020-01-01 00:00:00+00'",
            "'2020-01-01 00:00:00.000001+00'",
        ),
        ("raw", r"'\x00ff'", r"'\x00fe'"),
        ("i", "'1 month'", "'30 days'"),
    ] {
        let value = |value: &str| {
            sql(
                &db,
                &format!("{start}; insert into v ({column}) values ({value})"),
            );
            of(&db).data["public.v"].digest.clone()
        };
        assert_ne!(value(one), value(other), "{column}");
    }
}

#[test]
fn a_digest_can_be_made_with_other_tools() {
    let db = Cluster::shared().database("fp_tools");
    sql(
        &db,
        "create table t (b text, a int); insert into t values ('x', 1), (null, 2), ('', 3)",
    );
    let mut hashes: Vec<[u8; 32]> = ["(1,x)", "(2,)", "(3,\"\")"]
        .map(|row| *pgseal_verify::digest::Digest::of(row.as_bytes()).as_bytes())
        .to_vec();
    hashes.sort();
    assert_eq!(
        of(&db).data["public.t"].digest,
        pgseal_verify::digest::Digest::of(&hashes.concat()).to_string()
    );
}

#[test]
fn two_levels_above_a_number_of_rows() {
    let db = Cluster::shared().database("fp_levels");
    sql(
        &db,
        "create table t (n int); insert into t select generate_series(1, 1000)",
    );
    let mut hashes: Vec<[u8; 32]> = (1..=1000)
        .map(|n| *pgseal_verify::digest::Digest::of(format!("({n})").as_bytes()).as_bytes())
        .collect();
    hashes.sort();
    let one = pgseal_verify::digest::Digest::of(&hashes.concat()).to_string();
    let of_byte = hashes
        .chunk_by(|a, b| a[0] == b[0])
        .map(|part| pgseal_verify::digest::Digest::of(&part.concat()));
    let two = of_byte
        .flat_map(|digest| *digest.as_bytes())
        .collect::<Vec<u8>>();
    let two = pgseal_verify::digest::Digest::of(&two).to_string();
    let mut session = session(&db.connection());
    session.batch("begin").unwrap();
    let mut with =
        |most| rows_on(&mut session, &["public.t".to_owned()], most).unwrap()["public.t"].clone();
    assert_eq!((with(1000).rows, with(1000).digest), (1000, one.clone()));
    assert_eq!((with(999).rows, with(999).digest), (1000, two.clone()));
    assert_eq!(with(0).digest, two);
    assert_eq!(of(&db).data["public.t"].digest, one);
}

#[test]
fn some_tables_only() {
    let db = Cluster::shared().database("fp_some");
    sql(
        &db,
        "create table a (n serial); create table \"B b\" (n int); create table c (n int)",
    );
    let some = |names: &[&str]| {
        try_take(
            &db.connection(),
            &Scope::Tables(names.iter().map(|name| (*name).to_owned()).collect()),
        )
    };
    let both = some(&["public.B b", "public.a"]).unwrap();
    assert_eq!(
        both.data.keys().collect::<Vec<_>>(),
        ["public.\"B b\"", "public.a", "public.a_n_seq"]
    );
    assert_eq!(
        both.scope,
        some(&["public.a", "public.\"B b\"", "public.a"])
            .unwrap()
            .scope
    );
    assert_eq!(
        some(&["public.x", "a"]).unwrap_err().to_string(),
        "there is no table public.x, a"
    );
    let none = try_take(&db.connection(), &Scope::Schema).unwrap();
    assert_eq!((none.data.len(), &none.objects), (0, &both.objects));
}

#[test]
fn what_can_not_be_read_is_named() {
    roles();
    let db = Cluster::shared().database("fp_closed");
    sql(
        &db,
        "grant usage on schema public to fp_reader; create table open (n int); grant select on open to fp_reader;
         create table shut (n int); create sequence counter; create table parts (n int, m int);
         grant select (n) on parts to fp_reader; create schema away; create table away.there (n int);
         grant select on away.there to fp_reader",
    );
    let connection = db.connection().replace("user=postgres", "user=fp_reader");
    assert_ne!(connection, db.connection());
    match try_take(&connection, &Scope::All) {
        Err(FingerprintError::NotReadable(tables)) => {
            assert_eq!(
                tables,
                [
                    "away.there",
                    "public.counter",
                    "public.parts",
                    "public.shut"
                ]
            );
        }
        other => panic!("{other:?}"),
    }
    let open = Scope::Tables(vec!["public.open".to_owned()]);
    assert_eq!(
        try_take(&connection, &open).unwrap().objects,
        of(&db).objects,
        "definitions are everybody's"
    );
    sql(
        &db,
        "alter table open enable row level security; create policy p on open using (n > 5)",
    );
    match try_take(&connection, &open) {
        Err(FingerprintError::RowSecurity(tables)) => assert_eq!(tables, ["public.open"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_sessions_see_one_moment() {
    let db = Cluster::shared().database("fp_moment");
    for n in 0..8 {
        sql(
            &db,
            &format!("create table t{n} (n int); insert into t{n} values (1)"),
        );
    }
    let before = of(&db);
    let connect = Connector::new(db.connection().parse().unwrap());
    let meanwhile = std::sync::Once::new();
    let progress = |progress: Progress<'_>| {
        if matches!(progress, Progress::Done { .. }) {
            meanwhile.call_once(|| {
                (0..8).for_each(|n| sql(&db, &format!("insert into t{n} values (2)")))
            });
        }
    };
    let during = take(
        &connect,
        &Scope::All,
        NonZeroUsize::new(2).unwrap(),
        clock(),
        &progress,
    )
    .unwrap();
    assert!(meanwhile.is_completed());
    assert_alike(&before, &during);
    assert_eq!(lines(&before, &of(&db)).len(), 8);
}

#[test]
fn nothing_is_written_and_no_transaction_id_is_used() {
    let db = Cluster::shared().database("fp_quiet");
    sql(
        &db,
        "create table t (n serial primary key); insert into t select generate_series(1, 1000)",
    );
    let moment = "select pg_snapshot_xmax(pg_current_snapshot())";
    let own = Cluster::own();
    let alone = own.database("alone");
    sql(&alone, "create table t (n serial primary key)");
    let before = alone.ask(moment);
    of(&alone);
    assert_eq!(alone.ask(moment), before);
    // One worker gives the same result as many.
    let connect = Connector::new(db.connection().parse().unwrap());
    let by = |workers| {
        take(
            &connect,
            &Scope::All,
            NonZeroUsize::new(workers).unwrap(),
            clock(),
            &|_| {},
        )
        .unwrap()
    };
    assert_alike(&by(1), &by(40));
}

/// Opens a limited number of sessions.
struct Few<'a> {
    connect: &'a dyn Connect,
    left: AtomicUsize,
}

impl Connect for Few<'_> {
    fn connect(&self, purpose: Purpose) -> Result<Box<dyn Session>, DatabaseError> {
        let left = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        left.map_err(|_| DatabaseError::lost("too many clients"))?;
        self.connect.connect(purpose)
    }
}

#[test]
fn a_worker_that_gets_no_session_is_an_error() {
    let db = Cluster::shared().database("fp_few");
    sql(&db, "create table a (n int); create table b (n int)");
    let connect = Connector::new(db.connection().parse().unwrap());
    let few = Few {
        connect: &connect,
        left: AtomicUsize::new(1),
    };
    let error = take(
        &few,
        &Scope::All,
        NonZeroUsize::new(2).unwrap(),
        clock(),
        &|_| {},
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "too many clients");
}
