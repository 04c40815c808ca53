//! `run --if-needed`: ends with success where this very release is in effect and its state holds.

use std::fs;

use pgseal_testkit::release::{Release, wait_until};
use serde_json::json;

use super::approvals::{EVERYBODY, approved, everybody_approves, operator};
use super::approved_runs::{SLEEPERS, days_pass, rows};
use super::waiting::Waiting;

const IF_NEEDED: [&str; 2] = ["--if-needed", "--json"];

#[test]
fn if_needed() {
    let (db, site, bundle) = approved("needed");
    let operator = operator(&db, &site, &bundle);
    let ask = || operator.ask_with("run", &IF_NEEDED);
    // Not in effect, it is an ordinary run.
    assert_eq!(ask().json()["error"]["kind"], "approvals-missing");
    everybody_approves(&site, &bundle);
    let ran = ask();
    ran.done();
    assert_eq!(ran.json()["result"]["outcome"], "committed");
    let records = operator.records("").len();
    let again = ask();
    again.done();
    let document = again.json();
    assert_eq!(document["outcome"], "already-in-effect", "{document}");
    assert_eq!(document["run_id"], ran.json()["run_id"], "{document}");
    operator
        .ask_with("run", &["--if-needed"])
        .done()
        .says(&["small 1.0.0 is in effect already, and its state holds: run "]);
    assert_eq!(
        (operator.records("").len(), rows(&db)),
        (records, "1".to_owned())
    );
    // Neither gate nor approvals are asked of what is in effect.
    db.client()
        .batch_execute("delete from public.approvals")
        .unwrap();
    for who in EVERYBODY {
        let (file, key) = (bundle.to_str().unwrap(), format!("{}.key", who.0));
        site.pgseal(["withdraw", file, "--key", &key, "--trust", "trust.json"])
            .done();
    }
    ask().done();
    // Its state does not hold.
    db.client()
        .batch_execute("drop table public.widgets")
        .unwrap();
    let differs = ask();
    assert_eq!(differs.code, 22, "{differs}");
    assert_eq!(differs.json()["error"]["kind"], "check-failed", "{differs}");
    operator.ask_with("run", &["--if-needed"]).fails_saying(
        22,
        &["is in effect (run ", "not in the state \"finalized\""],
    );
    operator
        .ask_with("run", &["--if-needed", "--resume"])
        .fails(2);
}

/// What the trust root blocks is reported although it is in effect.
#[test]
fn if_needed_of_a_blocked_release() {
    let (db, site, bundle) = approved("blocked");
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    let ran = operator.ask_with("run", &["--json"]);
    ran.done();
    operator.ask_with("run", &IF_NEEDED).done();
    let id = site
        .pgseal([
            "inspect",
            bundle.to_str().unwrap(),
            "--trust",
            "trust.json",
            "--json",
        ])
        .json()["release_id"]
        .clone();
    let block = [
        "trust",
        "set-policy",
        "trust.json",
        "--block",
        id.as_str().unwrap(),
        "--root-key",
        "root.key",
    ];
    site.pgseal(block).done();
    let blocked = operator.ask_with("run", &IF_NEEDED);
    assert_eq!(blocked.code, 11, "{blocked}");
    assert_eq!(blocked.json()["error"]["kind"], json!("release-blocked"));
}

/// Rolled back, it is an ordinary run again, and HELD; another release in effect is in the way.
#[test]
fn if_needed_of_another_release() {
    let (db, site, packed) = approved("other");
    let bundle = site.path("first.pgseal");
    fs::rename(packed, &bundle).unwrap();
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    let same = site.pack(
        &Release::on(db.name())
            .variable("ratified_apr")
            .file("more.txt", "another content"),
    );
    everybody_approves(&site, &same);
    self::operator(&db, &site, &same)
        .ask_with("run", &["--if-needed"])
        .fails_saying(22, &["another release with sequence 1 is in effect"]);
    operator.rollback().done();
    operator
        .ask_with("run", &["--if-needed"])
        .fails_saying(11, &["HELD"]);
}

/// Two hosts converge at once: one runs, and the one that waited for the lock finds it in effect.
#[test]
fn if_needed_beside_a_run() {
    let (db, site, _) = approved("converge");
    let bundle = site.pack(
        &Release::on(db.name())
            .variable("ratified_apr")
            .tier("slow", "select pg_catalog.pg_sleep(1);\n"),
    );
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    let run = operator.start("run");
    wait_until("it sleeps", || db.ask(SLEEPERS) == "1");
    // Patient, because the end of a run takes seconds on a busy disk.
    let patient = [&IF_NEEDED[..], &["--lock-retries", "10"]].concat();
    let beside = operator.ask_with("run", &patient);
    run.end().done();
    beside.done();
    assert_eq!(beside.json()["outcome"], "already-in-effect");
    assert_eq!(rows(&db), "1");
}

/// Beside a run that stopped half way nothing is as it should be.
#[test]
fn if_needed_beside_a_run_that_stopped() {
    let (db, site, packed) = approved("stopped");
    let bundle = site.path("first.pgseal");
    fs::rename(packed, &bundle).unwrap();
    everybody_approves(&site, &bundle);
    let first = operator(&db, &site, &bundle);
    first.run().done();
    db.client()
        .batch_execute("insert into public.widgets select 1000 + id, name from public.widgets")
        .unwrap();
    let there = "select to_regclass('public.widgets') is not null as widgets";
    let stops = Release::on(db.name())
        .variable("ratified_apr")
        .named("small", "2.0.0", 2)
        .without_tiers()
        .baseline(there, "{ widgets = true }")
        .alone(
            "index",
            "create unique index concurrently widgets_name on public.widgets (name);\n",
        )
        .rollback("index", "drop index if exists public.widgets_name;\n");
    let second = site.pack(&stops);
    everybody_approves(&site, &second);
    let second = operator(&db, &site, &second);
    second.run().fails(31);
    let if_needed = || first.ask_with("run", &["--if-needed"]);
    if_needed().fails_saying(22, &["stopped half way"]);
    second.rollback().done();
    if_needed().done();
}

/// Two processes wait and converge; days later the release is still in effect, and after its rollback HELD.
#[test]
fn if_needed_waits() {
    let (db, site, bundle) = approved("convergewait");
    let operator = operator(&db, &site, &bundle);
    let wait = |name| Waiting::run(&operator, &site, name, &IF_NEEDED);
    let (mut one, mut two) = (wait("one"), wait("two"));
    one.says("waiting for approvals-missing");
    two.says("waiting for approvals-missing");
    everybody_approves(&site, &bundle);
    let (one, two) = (one.end(), two.end());
    one.done();
    two.done();
    let ended = [one.json(), two.json()];
    let in_effect = |said: &&serde_json::Value| said["outcome"] == "already-in-effect";
    assert_eq!(ended.iter().filter(in_effect).count(), 1, "{ended:?}");
    assert_eq!(rows(&db), "1");
    days_pass(&db);
    let again = wait("again").end();
    assert_eq!(again.done().json()["outcome"], "already-in-effect");
    operator.rollback().done();
    days_pass(&db);
    let mut held = wait("held");
    held.says("waiting for approvals-used: HELD");
    held.signal("-TERM");
    held.end().fails(30);
    assert_eq!(rows(&db), "2");
}
