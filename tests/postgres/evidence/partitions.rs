//! DETACH PARTITION CONCURRENTLY.

use pgseal::database::Session;
use pgseal::release::evidence::Effect;

use super::bench::{Bench, KILLS, Somebody, refused, session, shop};

const SQL: &str = "alter table measures detach partition m1 concurrently";
const FINALIZE: &str = r#"ALTER TABLE "The ""Shop""".measures DETACH PARTITION other.m1 FINALIZE"#;

#[test]
fn a_partition_is_detached() {
    let db = shop();
    let tables = "create table measures (at integer) partition by range (at);
                  create table other.m1 partition of measures for values from (0) to (10);
                  create table m2 partition of measures for values from (10) to (20)";
    session(&db).batch(tables).unwrap();
    let attach = "alter table measures attach partition m1 for values from (0) to (10)";
    for kill in KILLS {
        let mut bench = Bench::new(&db, SQL);
        assert!(bench.not_there().contains("still a partition"));
        assert!(
            bench
                .confirm()
                .unwrap_err()
                .message
                .contains("still a partition")
        );
        if bench.looker.server_version_num() < 140_000 {
            assert_eq!(bench.looker.execute(SQL).unwrap_err().code(), Some("42601"));
            assert!(bench.not_there().contains("still a partition"));
            continue;
        }
        let somebody = Somebody::does(&db, "lock table measures in share row exclusive mode");
        let sent = bench.send().waits("for its table");
        assert!(bench.still_running().contains(&sent.pid));
        sent.kill(kill);
        assert!(bench.not_there().contains("still a partition"));
        somebody.ends();

        let reader = Somebody::does(&db, "select count(*) from measures");
        let sent = bench.send().waits("for readers");
        assert!(bench.still_running().contains(&sent.pid));
        sent.kill(kill);
        reader.ends();
        // The server allows no second one meanwhile.
        let failure = refused(&db, "alter table measures detach partition m2 concurrently");
        assert!(failure.message.contains("detached in part"), "{failure:?}");
        assert!(failure.hint.unwrap().contains(FINALIZE));
        assert!(bench.confirm().is_err());
        assert_eq!(bench.leftover(), [FINALIZE]);
        assert!(matches!(bench.clear(), Effect::Took(_)));
        assert_eq!(bench.confirmed(), None);
        assert!(bench.took().contains("no partition"));

        // The table was no partition before: the server refuses, so this is not the statement's work.
        let mut second = Bench::new(&db, SQL);
        assert_eq!(
            second.looker.execute(SQL).unwrap_err().code(),
            Some("42P01")
        );
        assert!(second.not_there().contains("was no partition"));
        session(&db).execute(attach).unwrap();
        bench.again();
        assert!(bench.took().contains("no partition"));
        session(&db).execute(attach).unwrap();
    }
}
