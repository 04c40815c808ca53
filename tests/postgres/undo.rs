//! Rollbacks: complete or without effect, and only into the baseline.

use super::small;
use pgseal_testkit::release::{assert_same, dump};

#[test]
fn somebody_has_built_on_it() {
    let (db, release, site) = small("builton");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    operator.run().done();
    db.client()
        .batch_execute("create view public.on_top as select id from public.widgets")
        .unwrap();
    let applied = dump(&db);
    operator.rollback().fails_saying(
        30,
        &[
            "the rollback failed, and the database is as before",
            "rollback/widgets.sql:1:1",
            "view on_top depends on table widgets",
        ],
    );
    assert_same(&applied, &dump(&db));
    let (_, status) = operator.status();
    assert_eq!(status["in_effect"][0]["release"], "small");
    assert_eq!(operator.receipt()["outcome"], "unchanged");
    operator.check().done();
    db.client()
        .batch_execute("drop view public.on_top")
        .unwrap();
    operator.rollback().done();
    assert_same(&before, &dump(&db));
}

/// The effect of the first script is undone when the second one fails.
#[test]
fn it_fails_midway() {
    let (db, release, site) = small("midway");
    let release = release.tier("more", "create table public.more (a integer);\n");
    // Scripts run in this order: more, broken, widgets.
    let release = release.rollback("broken", "select 1 / (count(*) - 2) from public.widgets;\n");
    let bundle = site.pack(&release.rollback("more", "drop table if exists public.more;\n"));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    let applied = dump(&db);
    operator
        .rollback()
        .fails_saying(30, &["rollback/broken.sql:1:1", "division by zero"]);
    assert_same(&applied, &dump(&db));
    operator.check().done();
}

#[test]
fn it_does_not_reach_the_baseline() {
    let (db, release, site) = small("short");
    let probe = "select to_regclass('public.widgets') is not null as widgets, count(*) as approvals from public.approvals;\n";
    let release = release.baseline(probe, "{ widgets = false, approvals = 1 }");
    let bundle = site.pack(&release.verify(
        "always",
        "any",
        "read-only",
        "select count(*) > 0 as ok, 'always' as name from pg_class;\n",
    ));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    db.client()
        .batch_execute("insert into public.approvals values ('later')")
        .unwrap();
    let applied = dump(&db);
    operator.rollback().fails_saying(
        30,
        &["the state would not be baseline: approvals is 2, expected 1"],
    );
    assert_same(&applied, &dump(&db));
    db.client()
        .batch_execute("delete from public.approvals where who = 'later'")
        .unwrap();
    operator.rollback().done();
}

/// No gate is evaluated: a rollback never waits for approval.
#[test]
fn the_gate_is_closed() {
    let (db, release, site) = small("closed");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    db.client()
        .batch_execute("delete from public.approvals")
        .unwrap();
    operator.rollback().done();
    let receipt = operator.receipt();
    assert_eq!(receipt["gates"], serde_json::json!([]));
    operator.run().fails(20);
}

/// A database that has drifted from the finalized state can still be rolled back.
#[test]
fn it_is_no_longer_finalized() {
    let (db, release, site) = small("drifted");
    let bundle = site.pack(&release.finalized(
        "select count(*) as widgets from public.widgets;\n",
        "{ widgets = 2 }",
    ));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    db.client()
        .batch_execute("delete from public.widgets")
        .unwrap();
    let check = operator.check();
    check.fails_saying(22, &["finalized"]);
    check.says(&["widgets is 0, expected 2"]);
    operator.rollback().done();
}

/// Even the probe of the finalized state may be broken by then.
#[test]
fn its_own_table_is_gone() {
    let (db, release, site) = small("gone");
    let bundle = site.pack(&release.finalized(
        "select count(*) as widgets from public.widgets;\n",
        "{ widgets = 2 }",
    ));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    db.client()
        .batch_execute("drop table public.widgets")
        .unwrap();
    operator
        .check()
        .fails_saying(22, &["the probe failed", "public.widgets"]);
    operator.rollback().done();
    operator.rollback().done().says(&["nothing to do"]);
}

/// The ledger has the values of the run, so a rollback and a check need none.
#[test]
fn the_values_of_the_run_are_remembered() {
    let (db, release, site) = small("remembered");
    let release = release.variable("ticket").tier(
        "ticket",
        "insert into public.widgets values (3, :'ticket');\n",
    );
    let rollback = "delete from public.widgets where name = :'ticket';\nselect 1 / (3 - count(*)) from public.widgets;\n";
    let verify = "select 'ticket' as name, count(*) = 1 as ok, '' as detail from public.widgets where name = :'ticket';\n";
    let release =
        release
            .rollback("ticket", rollback)
            .verify("ticket", "finalized", "read-only", verify);
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.clone().variable("ticket", "it's 1").run().done();
    operator.check().done();
    operator.rollback().done();
}

/// The ledger belongs to the database: a copy of it knows the runs, and a fresh database doesn't.
#[test]
fn a_ledger_that_was_removed() {
    let (db, release, site) = small("noledger");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    db.client()
        .batch_execute("drop schema pgseal cascade")
        .unwrap();
    operator.rollback().done().says(&["nothing to do"]);
    // The state itself blocks a second run.
    operator
        .run()
        .fails_saying(22, &["not in the state \"baseline\""]);
    assert_eq!(operator.json("run")["error"]["kind"], "not-baseline");
    let (answer, status) = operator.status();
    answer.done();
    assert_eq!(status["ledger"], serde_json::json!([]));
}
