//! Statements that can be repeated, and statements without visible evidence.

use pgseal::database::Session;

use super::bench::{Bench, Kill, Somebody, refused, shop};

#[test]
fn what_can_be_repeated() {
    let db = shop();
    for sql in ["vacuum (analyze) items", "alter system reset work_mem"] {
        let mut bench = Bench::new(&db, sql);
        bench.looker.execute(sql).unwrap();
        assert_eq!(bench.confirmed(), None);
        assert!(bench.not_there().contains("no harm"));
        bench.again();
    }
    let mut bench = Bench::new(&db, "vacuum full items");
    let reader = Somebody::does(&db, "select 1 from items limit 1");
    let sent = bench.send().waits("for readers");
    assert!(bench.still_running().contains(&sent.pid));
    sent.kill(Kill::Terminate);
    reader.ends();
    assert!(bench.not_there().contains("no harm"));
}

/// Also with a text of which the server keeps only the beginning.
#[test]
fn a_procedure_is_a_persons_to_decide() {
    let db = shop();
    for comment in [String::new(), format!("-- {}\n", "ä".repeat(3000))] {
        let sql = format!("{comment}do $$ begin perform pg_sleep(60); end $$");
        let mut bench = Bench::new(&db, &sql);
        assert!(
            bench
                .undecidable()
                .contains("look at what it should have done")
        );
        let sent = bench.send();
        let pid = sent.pid.clone();
        let sleeps = format!(
            "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and pid = {pid}"
        );
        pgseal_testkit::release::wait_until("it sleeps", || db.ask(&sleeps) == "1");
        assert!(bench.still_running().contains(&pid));
        // A different text is not reported as still running.
        assert!(
            Bench::new(&db, "do $$ begin end $$")
                .undecidable()
                .contains("procedure")
        );
        sent.kill(Kill::Terminate);
        assert!(bench.undecidable().contains("procedure"));
    }
}

#[test]
fn what_packing_refuses_is_not_begun() {
    let db = shop();
    let failure = refused(&db, "create index concurrently on items (kind)");
    assert!(
        failure.message.contains("without a plain name"),
        "{failure:?}"
    );
}
