//! CREATE INDEX CONCURRENTLY and DROP INDEX CONCURRENTLY.

use pgseal::database::{DatabaseError, Session};
use pgseal::release::evidence::{Before, Effect, before, find};
use psql_script::classify;

use super::bench::{Bench, KILLS, Kill, Somebody, fill, refused, session, shop};
use crate::crash::{ServerAgain, durable, pg_ctl};
use pgseal_testkit::cluster::{Cluster, TestDatabase};

const CREATE: &str = r#"CREATE INDEX CONCURRENTLY "by ""kind""" ON items (kind)"#;
const SHOWN: &str = r#""The ""Shop"""."by ""kind""""#;

/// `valid ready live` of each index with this name.
fn state(db: &TestDatabase<'_>, name: &str) -> String {
    db.ask(&format!(
        "select coalesce(string_agg(concat(indisvalid, ' ', indisready, ' ', indislive), '; '), 'absent')
         from pg_index join pg_class c on c.oid = indexrelid where relname = '{name}'"
    ))
}

#[test]
fn an_index_is_created() {
    let db = shop();
    let mut bench = Bench::new(&db, CREATE);
    assert!(bench.not_there().contains("there is no index"));
    // The server reported no success, so none may be confirmed.
    assert!(
        bench
            .confirm()
            .unwrap_err()
            .message
            .contains("there is no index")
    );
    bench.looker.execute(CREATE).unwrap();
    assert_eq!(bench.confirmed(), None);
    assert!(
        bench.took().contains("CREATE INDEX"),
        "it shows what is there"
    );
    // A state recorded after the statement doesn't attribute the index to it.
    let mut second = Bench::new(&db, CREATE);
    assert_eq!(
        second.looker.execute(CREATE).unwrap_err().code(),
        Some("42P07")
    );
    assert!(second.not_there().contains("was there before"));
    // IF NOT EXISTS skips it, and the operator gets a notice.
    let mut third = Bench::new(
        &db,
        &CREATE.replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS"),
    );
    third.looker.execute(&third.sql).unwrap();
    assert!(third.confirmed().unwrap().contains("was there before"));
    assert!(third.not_there().contains("was there before"));
}

#[test]
fn a_table_that_is_not_there() {
    let db = shop();
    let mut bench = Bench::new(&db, "CREATE INDEX CONCURRENTLY i ON nowhere (kind)");
    assert_eq!(
        bench.looker.execute(&bench.sql).unwrap_err().code(),
        Some("42P01")
    );
    assert!(bench.not_there().contains("its table was not there"));
    assert!(bench.confirm().is_err());
}

/// Interrupts at each of its commits: waiting for its first lock, for writers, and for old snapshots.
#[test]
fn creating_an_index_is_interrupted() {
    let db = shop();
    for kill in KILLS {
        let mut bench = Bench::new(&db, CREATE);
        let somebody = Somebody::does(&db, "lock table items in share row exclusive mode");
        let sent = bench.send().waits("for its table");
        assert!(
            bench
                .still_running()
                .contains(&format!("process {} still works", sent.pid))
        );
        sent.kill(kill);
        assert!(bench.not_there().contains("there is no index"));
        somebody.ends();

        let somebody = Somebody::does(&db, "insert into items values (0)");
        let sent = bench.send().waits("for writers");
        assert_eq!(state(&db, r#"by "kind""#), "f f t");
        assert!(bench.still_running().contains(&sent.pid));
        sent.kill(kill);
        // A new session gets the remedy, whether or not its statement would skip the index.
        for sql in [
            CREATE.to_owned(),
            CREATE.replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS"),
        ] {
            let failure = refused(&db, &sql);
            assert!(failure.message.contains("INVALID"), "{failure:?}");
            assert!(
                failure
                    .hint
                    .unwrap()
                    .contains(&format!("DROP INDEX CONCURRENTLY {SHOWN}"))
            );
        }
        // The cleanup is interrupted too.
        assert_eq!(
            bench.leftover(),
            [format!("DROP INDEX CONCURRENTLY {SHOWN}")]
        );
        Bench::new(&db, &format!("DROP INDEX CONCURRENTLY {SHOWN}"))
            .send()
            .waits("for the same writer")
            .kill(kill);
        somebody.ends();
        assert!(matches!(bench.clear(), Effect::NotThere(_)));
        assert!(bench.not_there().contains("there is no index"));

        let somebody = Somebody::remembers(&db);
        let sent = bench.send().waits("for snapshots");
        assert_eq!(state(&db, r#"by "kind""#), "f t t");
        assert!(bench.still_running().contains(&sent.pid));
        sent.kill(kill);
        somebody.ends();
        assert!(matches!(bench.clear(), Effect::NotThere(_)));
        bench.again();
        assert_eq!(state(&db, r#"by "kind""#), "t t t");
        bench
            .looker
            .execute(&format!("drop index {SHOWN}"))
            .unwrap();
    }
}

#[test]
fn a_unique_index_finds_duplicates() {
    let db = shop();
    let mut bench = Bench::new(
        &db,
        "create unique index concurrently \"by \"\"kind\"\"\" on items (kind)",
    );
    assert_eq!(
        bench.looker.execute(&bench.sql).unwrap_err().code(),
        Some("23505")
    );
    assert!(matches!(bench.clear(), Effect::NotThere(_)));
    bench
        .looker
        .execute("delete from items where id > 7")
        .unwrap();
    bench.again();
}

/// Threat 31: the server reports success, but the index that it skipped is INVALID.
#[test]
fn if_not_exists_passes_over_an_invalid_index() {
    let db = shop();
    let sql = CREATE.replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS");
    let mut bench = Bench::new(&db, &sql);
    // Another session interferes in between.
    let somebody = Somebody::does(&db, "insert into items values (0)");
    let theirs = Bench::new(&db, CREATE).send().waits("for writers");
    theirs.kill(Kill::Terminate);
    somebody.ends();
    bench.looker.execute(&sql).unwrap();
    let failure = bench.confirm().unwrap_err();
    assert!(
        failure
            .message
            .contains(&format!("index {SHOWN} is INVALID")),
        "{failure:?}"
    );
    assert!(matches!(bench.clear(), Effect::NotThere(_)));
    bench.again();
}

/// Other objects that IF NOT EXISTS would skip without building an index.
#[test]
fn something_else_has_the_name() {
    let db = shop();
    let mut client = db.client();
    let taken = r#"create table "The ""Shop""".others (kind integer); create index elsewhere on "The ""Shop""".others (kind);
                   create table "The ""Shop""".a_table ();"#;
    client.batch_execute(taken).unwrap();
    for (name, what) in [
        ("elsewhere", "an index of another table"),
        ("a_table", "no index"),
    ] {
        let failure = refused(
            &db,
            &format!("create index concurrently if not exists {name} on items (kind)"),
        );
        assert!(failure.message.contains(what), "{failure:?}");
        // Without IF NOT EXISTS the server reports an error.
        let mut bench = Bench::new(
            &db,
            &format!("create index concurrently {name} on items (kind)"),
        );
        assert_eq!(
            bench.looker.execute(&bench.sql).unwrap_err().code(),
            Some("42P07")
        );
        assert!(bench.not_there().contains("was there before"));
        assert!(bench.confirm().unwrap_err().message.contains(what));
    }
}

/// An INVALID index is not dropped while another session may be building it.
#[test]
fn somebody_builds_an_index_of_that_name() {
    let db = shop();
    let mut bench = Bench::new(&db, CREATE);
    let somebody = Somebody::does(&db, "insert into items values (0)");
    let mut theirs = db.client();
    let builder = std::thread::spawn(move || {
        theirs.batch_execute(
            r#"create index concurrently "by ""kind""" on "The ""Shop""".items (id)"#,
        )
    });
    pgseal_testkit::release::wait_until("they build", || state(&db, r#"by "kind""#) == "f f t");
    assert!(bench.still_running().contains("works on the table"));
    assert!(refused(&db, CREATE).message.contains("may be building it"));
    somebody.ends();
    builder.join().unwrap().unwrap();
    // The other index is on another column: only a person knows its purpose.
    assert!(
        bench.undecidable().contains("(id)"),
        "what is there is shown"
    );
}

#[test]
fn an_index_is_dropped() {
    let db = shop();
    db.client()
        .batch_execute(&CREATE.replace("items", r#""The ""Shop""".items"#))
        .unwrap();
    let drop = r#"DROP INDEX CONCURRENTLY IF EXISTS "by ""kind""""#;
    let mut bench = Bench::new(&db, drop);
    assert!(bench.not_there().contains("still there and valid"));
    assert!(bench.confirm().unwrap_err().message.contains("still there"));
    bench.looker.execute(drop).unwrap();
    assert_eq!(bench.confirmed(), None);
    assert!(bench.took().contains("gone"));
    let mut second = Bench::new(&db, drop);
    assert_eq!(second.before, Before::DropIndex { index: None });
    second.looker.execute(drop).unwrap();
    assert_eq!(second.confirmed(), None);
    assert!(second.not_there().contains("no such index"));
}

/// Interrupts at each of its commits: marked invalid, and marked dead.
#[test]
fn dropping_an_index_is_interrupted() {
    let db = shop();
    let drop = r#"DROP INDEX CONCURRENTLY "by ""kind""""#;
    let read = "select count(*) from items";
    for kill in KILLS {
        session(&db).execute(CREATE).unwrap();
        let mut bench = Bench::new(&db, drop);
        let first = Somebody::does(&db, read);
        let sent = bench.send().waits("for readers");
        assert_eq!(state(&db, r#"by "kind""#), "f t t");
        assert!(bench.still_running().contains(&sent.pid));
        sent.kill(kill);
        assert!(bench.not_there().contains("dropped in part"));
        first.ends();
        // The index is not in use, so the second wait is for a later reader.
        session(&db).execute(drop).unwrap();
        session(&db).execute(CREATE).unwrap();
        let mut bench = Bench::new(&db, drop);
        let first = Somebody::does(&db, read);
        let sent = bench.send().waits("for the first reader");
        let second = Somebody::does(&db, read);
        first.ends();
        pgseal_testkit::release::wait_until("it is dead", || state(&db, r#"by "kind""#) == "f f f");
        assert!(bench.still_running().contains(&sent.pid));
        sent.kill(kill);
        second.ends();
        assert!(bench.not_there().contains("dropped in part"));
        bench.looker.execute(drop).unwrap();
        assert_eq!(bench.confirmed(), None);
        assert!(bench.took().contains("gone"));
    }
}

/// The index is gone, and its name now resolves to another schema. By name it would seem to exist, and repeating the
/// statement would drop the other one.
#[test]
fn a_name_that_leads_elsewhere_afterwards() {
    let db = shop();
    session(&db)
        .execute("create index twice on items (kind)")
        .unwrap();
    db.client()
        .batch_execute("create table other.t (n integer); create index twice on other.t (n)")
        .unwrap();
    let drop = "drop index concurrently twice";
    let mut bench = Bench::new(&db, drop);
    bench.looker.execute(drop).unwrap();
    assert!(bench.took().contains("gone"));
    assert_eq!(state(&db, "twice"), "t t t");
    // Renamed in between: the statement would find the other one.
    session(&db)
        .execute("create index twice on items (kind)")
        .unwrap();
    let mut bench = Bench::new(&db, drop);
    bench
        .looker
        .execute(r#"alter index "The ""Shop""".twice rename to once"#)
        .unwrap();
    assert!(bench.undecidable().contains("once"));
}

/// Operators that precede the server's own on the release's path are not used.
#[test]
fn operators_of_somebody() {
    let db = shop();
    db.client()
        .batch_execute(
            "create schema evil;
            create function evil.no(oid, oid) returns boolean language plpgsql as $$ begin raise 'used'; end $$;
            create function evil.no(name, name) returns boolean language plpgsql as $$ begin raise 'used'; end $$;
            create operator evil.= (leftarg = oid, rightarg = oid, function = evil.no);
            create operator evil.= (leftarg = name, rightarg = name, function = evil.no);
            create domain evil.text as integer; create domain evil.oid as integer; create domain evil.name as integer;",
        )
        .unwrap();
    let mut looker = session(&db);
    looker
        .batch(r#"SET search_path = evil, "The ""Shop""", pg_catalog"#)
        .unwrap();
    let used = looker
        .rows(
            "select oid from pg_catalog.pg_class where oid = 1259::pg_catalog.oid",
            1,
        )
        .unwrap_err();
    assert_eq!(used.code(), Some("P0001"), "they would be used");
    let statement = classify(CREATE).unwrap();
    let remembered = before(&mut looker, &statement).unwrap();
    looker.execute(CREATE).unwrap();
    let effect = find(&mut looker, &statement, &remembered, CREATE).unwrap();
    assert!(matches!(effect, Effect::Took(_)), "{effect:?}");
}

#[test]
fn what_was_remembered_of_another_statement() {
    let db = shop();
    let statement = classify(CREATE).unwrap();
    let error = find(&mut session(&db), &statement, &Before::Nothing, CREATE).unwrap_err();
    assert!(matches!(error, DatabaseError::Unsound(_)), "{error:?}");
}

/// The whole server crashes during the build, and restarts.
#[test]
fn the_server_dies() {
    let cluster = Cluster::own();
    let db = cluster.database_named("dies");
    durable(&db);
    fill(&db);
    let bench = Bench::new(&db, CREATE);
    let writer = Somebody::does(&db, "insert into items values (0)");
    let sent = bench.send().waits("for writers");
    pg_ctl(&cluster, &["stop", "--mode=immediate"]);
    sent.end().unwrap_err();
    drop(writer);
    let back = ServerAgain::start(&cluster);
    let mut bench = bench.anew();
    assert!(matches!(bench.clear(), Effect::NotThere(_)));
    bench.again();
    assert_eq!(state(&db, r#"by "kind""#), "t t t");
    drop(back);
}
