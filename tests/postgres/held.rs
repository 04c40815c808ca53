//! A release that is HELD waits for new approvals, and one yes is one run however many processes wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::approvals::{EVERYBODY, approve, approved, everybody_approves, operator};
use super::approved_runs::{days_pass, held, rows};
use super::waiting::{Waiting, waited};

const RUNS: &str = "select count(*) from pgseal.ledger where action = 'run'";

/// The run, days, the rollback, days, and a new yes, while an application writes all the time.
#[test]
fn a_waiting_run_is_held_until_it_is_approved_anew() {
    let (db, site, bundle) = approved("waitsheld");
    let operator = operator(&db, &site, &bundle);
    db.client()
        .batch_execute("create table public.orders (id bigint primary key, at timestamptz not null default now())")
        .unwrap();
    let is_over = AtomicBool::new(false);
    let written = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut client, mut written) = (db.client(), 0_i64);
            while !is_over.load(Ordering::Relaxed) {
                written += 1;
                let insert = "insert into public.orders (id) values ($1)";
                client.execute(insert, &[&written]).unwrap();
            }
            written
        });
        let stop = Stop(&is_over);
        everybody_approves(&site, &bundle);
        operator.run().done();
        days_pass(&db);
        operator.rollback().done();
        days_pass(&db);
        let mut waiting = Waiting::run(&operator, &site, "run", &["--receipt-key", "receipt.key"]);
        waiting.says("waiting for approvals-used: HELD: the approved runs are used here: l2 0 of 2, l4 0 of 1");
        // Two of three, which is still not enough.
        approve(&site, &bundle, EVERYBODY[0], &[]);
        approve(&site, &bundle, EVERYBODY[1], &[]);
        waiting.says("used here: l4 0 of 1");
        assert_eq!(db.ask(RUNS), "1");
        approve(&site, &bundle, EVERYBODY[2], &[]);
        waiting.end().done();
        drop(stop);
        writer.join().unwrap()
    });
    assert_eq!(db.ask(RUNS), "2");
    assert_eq!(waited(&operator.receipt()), ["approvals-used"]);
    let orders = db.ask("select count(*) from public.orders");
    assert_eq!(orders, written.to_string());
    operator.rollback().done();
    let orders = db.ask("select count(*) from public.orders");
    assert_eq!(orders, written.to_string());
    held(&db, &operator, &[]);
}

/// Ends the writer, also if the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Two processes wait for one new yes: one runs, and after its rollback the other one is HELD as well.
#[test]
fn two_waits_for_one_approval() {
    let (db, site, bundle) = approved("twowaits");
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    operator.rollback().done();
    let wait = |name| {
        let mut waiting = Waiting::run(&operator, &site, name, &[]);
        waiting.says("waiting for approvals-used");
        waiting
    };
    let both = [wait("one"), wait("two")];
    everybody_approves(&site, &bundle);
    let mut codes = both.map(|waiting| waiting.end().code);
    codes.sort_unstable();
    assert_eq!(codes, [0, 22]);
    assert_eq!((db.ask(RUNS), rows(&db)), ("2".to_owned(), "3".to_owned()));
    operator.rollback().done();
    let third = wait("third");
    third.signal("-TERM");
    third.end().fails(30);
    held(&db, &operator, &[]);
}

/// Used approvals hide neither a state that is not the baseline nor a closed gate, and a missing rehearsal hides
/// no used approvals.
#[test]
fn everything_that_is_missing() {
    let (db, site, bundle) = approved("allmissing");
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    operator.rollback().done();
    let missing = || {
        let document = operator.json("gate");
        let all = document["missing"].as_array().unwrap().iter();
        let kinds = all.map(|one| one["kind"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(missing(), ["approvals-used"]);
    let sql = |sql: &str| db.client().batch_execute(sql).unwrap();
    sql("create table public.widgets ()");
    assert_eq!(missing(), ["approvals-used", "not-baseline"]);
    sql("delete from public.approvals");
    let all = ["gate-blocked", "approvals-used", "not-baseline"];
    assert_eq!(missing(), all);
    let require = [
        "trust",
        "set-policy",
        "trust.json",
        "--rehearsal",
        "required",
    ];
    let root = ["--root-key", "root.key"];
    site.pgseal(require.into_iter().chain(root)).done();
    assert_eq!(missing(), [&["rehearsal-missing"], &all[..]].concat());
}
