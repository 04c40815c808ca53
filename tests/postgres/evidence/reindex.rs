//! REINDEX: `_ccnew`, `_ccold`, also on TOAST tables.

use pgseal::database::Session;
use pgseal::release::evidence::{Before, Effect};

use super::bench::{Bench, KILLS, Kill, Somebody, refused, session, session_as, shop};
use pgseal_testkit::cluster::TestDatabase;

/// Names of INVALID indexes.
fn invalid(db: &TestDatabase<'_>) -> String {
    db.ask(
        "select coalesce(string_agg(relname::text, ' ' order by relname::text), '') from pg_index join pg_class c
         on c.oid = indexrelid where not indisvalid",
    )
}

/// Interrupts while the new index is not yet valid, and while the old one is dropped.
#[test]
fn one_index() {
    let db = shop();
    let sql = "reindex index concurrently items_pkey";
    for kill in KILLS {
        let mut bench = Bench::new(&db, sql);
        assert!(bench.not_there().contains("no harm"));
        let writer = Somebody::does(&db, "insert into items values (0)");
        let sent = bench.send().waits("for writers");
        assert!(bench.still_running().contains(&sent.pid));
        sent.kill(kill);
        writer.ends();
        assert_eq!(invalid(&db), "items_pkey_ccnew");
        let failure = refused(&db, "reindex table concurrently items");
        assert!(
            failure
                .message
                .contains(r#""The ""Shop""".items_pkey_ccnew"#),
            "{failure:?}"
        );
        assert!(
            failure
                .hint
                .unwrap()
                .contains(r#"DROP INDEX CONCURRENTLY "The ""Shop""".items_pkey_ccnew"#)
        );
        assert!(matches!(bench.clear(), Effect::NotThere(_)));

        // The drop of the old index waits even for readers: the new one already has its name.
        let reader = Somebody::does(&db, "select 1 from items limit 1");
        let sent = bench.send().waits("for readers");
        assert!(bench.still_running().contains(&sent.pid));
        sent.kill(kill);
        reader.ends();
        assert_eq!(invalid(&db), "items_pkey_ccold");
        assert!(matches!(bench.clear(), Effect::Took(_)));
        assert_eq!(bench.confirmed(), None);
        assert!(bench.took().contains("another one"));
        assert_eq!(invalid(&db), "");
        bench.again();
    }
    // Without CONCURRENTLY the evidence is a new file.
    let mut bench = Bench::new(&db, sql);
    assert!(
        bench
            .confirm()
            .unwrap_err()
            .message
            .contains("not built anew")
    );
    bench.looker.execute("reindex index items_pkey").unwrap();
    assert_eq!(bench.confirmed(), None);
    assert!(bench.took().contains("another file"));
}

#[test]
fn a_table_and_its_toast() {
    let db = shop();
    session(&db)
        .execute("create index by_kind on items (kind)")
        .unwrap();
    let sql = "reindex table concurrently items";
    for kill in KILLS {
        let mut bench = Bench::new(&db, sql);
        let Before::Reindex {
            tables: Some(tables),
            indexes,
            ..
        } = &bench.before
        else {
            panic!("{:?}", bench.before)
        };
        assert_eq!(
            (tables.len(), indexes.len()),
            (2, 3),
            "the primary key, by_kind, and that of TOAST"
        );
        let writer = Somebody::does(&db, "insert into items values (0)");
        bench.send().waits("for writers").kill(kill);
        writer.ends();
        let left = invalid(&db);
        assert!(
            left.starts_with("by_kind_ccnew items_pkey_ccnew pg_toast_"),
            "{left}"
        );
        assert!(matches!(bench.clear(), Effect::NotThere(_)));
        assert_eq!(invalid(&db), "");

        let reader = Somebody::does(&db, "select 1 from items limit 1");
        bench.send().waits("for readers").kill(kill);
        reader.ends();
        let left = invalid(&db);
        assert!(
            left.starts_with("by_kind_ccold items_pkey_ccold pg_toast_"),
            "{left}"
        );
        assert!(matches!(bench.clear(), Effect::Took(_)));
        assert!(bench.took().contains("every index"));
        assert_eq!(invalid(&db), "");
        bench.again();
    }
    // One rebuilt index of several is not all.
    let mut bench = Bench::new(&db, sql);
    bench
        .looker
        .execute("reindex index concurrently by_kind")
        .unwrap();
    assert!(bench.not_there().contains("no harm"));
}

/// A table owner may rebuild the index of its TOAST table, but not drop the leftovers.
#[test]
fn an_owner_who_is_no_superuser() {
    let db = shop();
    let role = format!("owner_of_{}", db.name());
    db.client()
        .batch_execute(&format!(
            r#"create role {role} login; grant all on schema "The ""Shop""" to {role};
            alter table "The ""Shop""".items owner to {role}"#
        ))
        .unwrap();
    let mut bench = Bench::new(&db, "reindex table concurrently items");
    let writer = Somebody::does(&db, "insert into items values (0)");
    let sent = bench.send().waits("for writers");
    bench.looker = session_as(&db, &role);
    assert!(
        bench.still_running().contains(&sent.pid),
        "the lock shows, though not the text"
    );
    sent.kill(Kill::Terminate);
    writer.ends();
    let question = bench.undecidable();
    let toast = question
        .split("DROP INDEX CONCURRENTLY ")
        .find(|part| part.starts_with("pg_toast."))
        .unwrap();
    let drop = format!(
        "DROP INDEX CONCURRENTLY {}",
        toast.split([';', ',']).next().unwrap()
    );
    assert_eq!(
        bench.looker.execute(&drop).unwrap_err().code(),
        Some("42501")
    );
    db.client().batch_execute(&drop).unwrap();
    assert!(matches!(bench.clear(), Effect::NotThere(_)));
    bench.again();
    db.client()
        .batch_execute(&format!("drop owned by {role} cascade; drop role {role}"))
        .unwrap();
}

/// The server skips the index with a warning, and reports success.
#[test]
fn an_exclusion_constraint() {
    let db = shop();
    session(&db)
        .execute("alter table items add constraint apart exclude (id with =)")
        .unwrap();
    let mut bench = Bench::new(&db, "reindex table concurrently items");
    bench.looker.execute(&bench.sql).unwrap();
    assert_eq!(
        bench.confirmed().unwrap(),
        r#"REINDEX passed over "The ""Shop""".apart"#
    );
    assert!(bench.not_there().contains("no harm"));
}

/// A valid index stays, whatever its name; an INVALID one that is no leftover is reported.
#[test]
fn names_like_leftovers() {
    let db = shop();
    session(&db)
        .execute("create index mine_ccnew on items (kind)")
        .unwrap();
    let duplicates =
        session(&db).execute("create unique index concurrently broken on items (kind)");
    assert_eq!(duplicates.unwrap_err().code(), Some("23505"));
    let mut bench = Bench::new(&db, "reindex table concurrently items");
    let writer = Somebody::does(&db, "insert into items values (0)");
    bench.send().waits("for writers").kill(Kill::Terminate);
    writer.ends();
    let cleanup = bench.leftover();
    let of_mine = cleanup
        .iter()
        .filter(|sql| sql.contains("mine_ccnew"))
        .collect::<Vec<_>>();
    assert_eq!(
        of_mine,
        [r#"DROP INDEX CONCURRENTLY "The ""Shop""".mine_ccnew_ccnew"#]
    );
    assert!(
        cleanup.iter().all(|sql| !sql.contains("broken")),
        "{cleanup:?}"
    );
    bench.clear();
    bench.looker.execute(&bench.sql).unwrap();
    assert!(bench.confirmed().unwrap().contains("broken"));
    assert_eq!(
        db.ask("select count(*) from pg_class where relname = 'mine_ccnew'"),
        "1"
    );
}

/// A whole schema: leftovers that were there before belong to others, and stay.
#[test]
fn many() {
    let db = shop();
    db.client()
        .batch_execute(
            "create table other.t (n integer primary key); insert into other.t values (1)",
        )
        .unwrap();
    let theirs = Bench::new(&db, "reindex index concurrently other.t_pkey");
    let writer = Somebody::does(&db, "insert into other.t values (2)");
    theirs.send().waits("for writers").kill(Kill::Terminate);
    writer.ends();
    let mut bench = Bench::new(&db, r#"reindex schema concurrently "The ""Shop""""#);
    assert!(bench.not_there().contains("no harm"));
    let writer = Somebody::does(&db, "insert into items values (0)");
    let sent = bench.send().waits("for writers");
    assert!(bench.still_running().contains(&sent.pid));
    sent.kill(Kill::Terminate);
    writer.ends();
    assert!(
        bench
            .confirm()
            .unwrap_err()
            .message
            .contains("items_pkey_ccnew")
    );
    assert!(matches!(bench.clear(), Effect::NotThere(_)));
    assert_eq!(invalid(&db), "t_pkey_ccnew");
    bench.again();
}

/// The rebuilt indexes are those of the partitions.
#[test]
fn a_partitioned_table() {
    let db = shop();
    session(&db)
        .batch(
            "create table measures (at integer primary key) partition by range (at);
            create table m1 partition of measures for values from (0) to (10);
            create table m2 partition of measures for values from (10) to (20); insert into measures values (1), (11)",
        )
        .unwrap();
    for sql in [
        "reindex table concurrently measures",
        "reindex index concurrently measures_pkey",
    ] {
        let mut bench = Bench::new(&db, sql);
        let Before::Reindex { indexes, .. } = &bench.before else {
            panic!("{:?}", bench.before)
        };
        assert_eq!(indexes.len(), 2);
        // PostgreSQL 13 refuses the index, and skips the table with a warning but reports success.
        if bench.looker.server_version_num() < 140_000 {
            match bench.looker.execute(sql) {
                Ok(_) => assert!(bench.confirmed().unwrap().contains("passed over")),
                Err(error) => assert_eq!(error.code(), Some("0A000")),
            }
            bench.not_there();
            continue;
        }
        // REINDEX would wait for a writer before any change.
        let somebody = Somebody::remembers(&db);
        bench.send().waits("for snapshots").kill(Kill::Terminate);
        somebody.ends();
        assert_eq!(invalid(&db), "m1_pkey_ccnew");
        assert!(matches!(bench.clear(), Effect::NotThere(_)));
        bench.looker.execute(sql).unwrap();
        assert_eq!(bench.confirmed(), None);
        assert!(bench.took().contains("every index"));
    }
}

#[test]
fn nothing_of_that_name() {
    let db = shop();
    let mut bench = Bench::new(&db, "reindex table concurrently nowhere");
    assert_eq!(
        bench.looker.execute(&bench.sql).unwrap_err().code(),
        Some("42P01")
    );
    assert!(bench.not_there().contains("no harm"));
}
