//! CREATE and DROP DATABASE and TABLESPACE.

use pgseal::database::Session;
use pgseal::release::evidence::Effect;

use super::bench::{Bench, KILLS, refused, session, shop};
use pgseal_testkit::cluster::Cluster;

#[test]
fn a_database_is_created_and_dropped() {
    let db = shop();
    let template = Cluster::shared().database("template");
    let name = format!("new \"{}\"", db.name());
    let quoted = format!("\"new \"\"{}\"\"\"", db.name());
    let create = format!("create database {quoted} template {}", template.name());
    let drop = format!("drop database {quoted}");
    for kill in KILLS {
        let mut bench = Bench::new(&db, &create);
        assert!(bench.not_there().contains("there is no database"));
        assert!(bench.confirm().is_err());
        // The server waits five seconds for other sessions in the template.
        let user = template.client();
        let sent = bench.send();
        pgseal_testkit::release::wait_until("it runs", || {
            matches!(bench.find(), Effect::StillRunning(_))
        });
        assert!(bench.still_running().contains(&sent.pid));
        sent.kill(kill);
        assert!(bench.not_there().contains("there is no database"));
        std::mem::drop(user);
        pgseal_testkit::release::wait_until("nobody uses it", || {
            db.ask(&format!(
                "select count(*) from pg_stat_activity where datname = '{}'",
                template.name()
            )) == "0"
        });
        bench.looker.execute(&create).unwrap();
        assert_eq!(bench.confirmed(), None);
        assert!(bench.took().contains("was not before"));
        let mut second = Bench::new(&db, &create);
        assert_eq!(
            second.looker.execute(&create).unwrap_err().code(),
            Some("42P04")
        );
        assert!(second.not_there().contains("was there before"));

        let mut bench = Bench::new(&db, &drop);
        assert!(bench.not_there().contains("still there"));
        assert!(bench.confirm().unwrap_err().message.contains("still there"));
        // An interrupted DROP DATABASE leaves this row: files may be missing.
        let broken = format!("update pg_database set datconnlimit = -2 where datname = '{name}'");
        db.client().batch_execute(&broken).unwrap();
        assert!(bench.not_there().contains("dropped in part"));
        let failure = refused(&db, &create);
        assert!(failure.message.contains("dropped in part"), "{failure:?}");
        assert!(
            failure
                .hint
                .unwrap()
                .contains(&format!("DROP DATABASE {quoted}"))
        );
        bench.looker.execute(&drop).unwrap();
        assert_eq!(bench.confirmed(), None);
        assert!(bench.took().contains("gone"));
        let mut second = Bench::new(&db, &format!("drop database if exists {quoted}"));
        second.looker.execute(&second.sql).unwrap();
        assert_eq!(second.confirmed(), None);
        assert!(second.not_there().contains("there was no database"));
    }
}

/// The name now belongs to another database: no drop by guessing.
#[test]
fn a_database_is_renamed() {
    let db = shop();
    let (name, kept) = (format!("{}_a", db.name()), format!("{}_b", db.name()));
    db.client()
        .batch_execute(&format!("create database {name}"))
        .unwrap();
    let mut bench = Bench::new(&db, &format!("drop database {name}"));
    let mut created = Bench::new(&db, &format!("create database {name}"));
    db.client()
        .batch_execute(&format!("alter database {name} rename to {kept}"))
        .unwrap();
    assert!(bench.undecidable().contains("not called"));
    assert!(created.not_there().contains("there is no database"));
    created
        .looker
        .execute(&format!("create database {name}"))
        .unwrap();
    assert!(bench.undecidable().contains("not called"));
    assert!(created.took().contains("was not before"));
    for name in [name, kept] {
        db.client()
            .batch_execute(&format!("drop database {name}"))
            .unwrap();
    }
}

#[test]
fn a_tablespace_is_created_and_dropped() {
    let db = shop();
    let name = format!("space_{}", db.name());
    let create = format!("create tablespace {name} location ''");
    let mut bench = Bench::new(&db, &create);
    assert!(bench.not_there().contains("there is no tablespace"));
    assert!(bench.confirm().is_err());
    bench
        .looker
        .execute("set allow_in_place_tablespaces = on")
        .unwrap();
    bench.looker.execute(&create).unwrap();
    assert_eq!(bench.confirmed(), None);
    assert!(bench.took().contains("was not before"));
    assert!(
        Bench::new(&db, &create)
            .not_there()
            .contains("was there before")
    );
    let drop = format!("drop tablespace {name}");
    let mut bench = Bench::new(&db, &drop);
    assert!(bench.not_there().contains("still there"));
    assert!(bench.confirm().is_err());
    session(&db).execute(&drop).unwrap();
    assert_eq!(bench.confirmed(), None);
    assert!(bench.took().contains("gone"));
    let mut second = Bench::new(&db, &format!("drop tablespace if exists {name}"));
    assert_eq!(second.confirmed(), None);
    assert!(second.not_there().contains("there was no tablespace"));
}
