//! Servers, or programs in front of them, that keep sending and never answer.

use std::time::{Duration, Instant};

use pgseal::database::{DatabaseError, Purpose, Session};
use pgseal::postgres::PostgresSession;

use super::{database, small};
use pgseal_testkit::cluster::Cluster;
use pgseal_testkit::proxy::{Fate, Proxy};

#[test]
fn notices_are_no_answer() {
    let db = database("drips");
    let proxy = Proxy::before(Cluster::shared().server().dir(), Fate::AnswerDripped);
    let mut session =
        PostgresSession::open(&proxy.url(db.name()).parse().unwrap(), Purpose::Write).unwrap();
    session.set_patience(Duration::from_secs(2));
    session.set_deadline(Duration::from_secs(4));
    session.execute("BEGIN").unwrap();
    let begun = Instant::now();
    let error = session.execute("COMMIT").unwrap_err();
    assert!(
        matches!(&error, DatabaseError::Connection(found) if found.message.contains("no answer within 4 s")),
        "{error:?}"
    );
    assert!(
        (4..8).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );
}

/// A long batch is not cut off: each of its statements has the full time limit.
#[test]
fn statements_that_travel_together_have_more_time() {
    let db = database("together");
    let mut session = pgseal_testkit::server::session(&db.connection());
    session.set_deadline(Duration::from_secs(2));
    session.execute("BEGIN").unwrap();
    session
        .send_batch(&"select pg_sleep(0.7); ".repeat(5))
        .unwrap();
    assert_eq!(session.receive_batch().unwrap().rows.len(), 5);
    let error = session.execute("select pg_sleep(5)").unwrap_err();
    assert!(
        error.to_string().contains("no answer within 2 s"),
        "{error}"
    );
}

/// The server holds back a batch's answers until all are ready, so its silence is no lost connection.
#[test]
fn a_batch_may_be_silent_as_long_as_all_its_statements() {
    let db = database("silent_batch");
    let mut session = pgseal_testkit::server::session(&db.connection());
    session.set_patience(Duration::from_secs(1));
    session.execute("BEGIN").unwrap();
    session
        .send_batch(&"select pg_sleep(0.7); ".repeat(4))
        .unwrap();
    assert_eq!(session.receive_batch().unwrap().rows.len(), 4);
    let begun = Instant::now();
    session
        .send_batch("select pg_sleep(20); select pg_sleep(20);")
        .unwrap();
    let error = session.receive_batch().unwrap_err();
    assert!(error.to_string().contains("silent for 2 s"), "{error}");
    assert!(begun.elapsed().as_secs() < 10);
}

#[test]
fn a_commit_whose_answer_never_comes() {
    let (db, release, site) = small("dripped");
    let bundle = site.pack(&release);
    let proxy = Proxy::before(Cluster::shared().server().dir(), Fate::AnswerDripped);
    let operator = site.operator(&bundle, &proxy.url(db.name()));
    let begun = Instant::now();
    operator.run().done();
    assert!(proxy.struck());
    assert!(
        (29..60).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(operator.receipt()["outcome"], "committed");
    assert_eq!(db.ask("select count(*) from pgseal.in_effect"), "1");
}

/// A message longer than pgseal accepts is rejected by its length, before its content.
#[test]
fn a_message_that_is_too_long() {
    let db = database("long");
    let mut session = pgseal_testkit::server::session(&db.connection());
    let error = session.execute("select repeat('x', 70000000)").unwrap_err();
    assert!(
        error.to_string().contains("64 MiB are taken at most"),
        "{error}"
    );
    let (db, release, site) = small("longrow");
    let bundle = site.pack(&release.tier("long", "select repeat('x', 70000000);\n"));
    site.operator(&bundle, &db.url())
        .run()
        .fails_saying(30, &["tiers/long.sql:1:1", "64 MiB", "as before"]);
}
