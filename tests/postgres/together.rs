//! Several operators at once: each release is applied once.

use super::one_roof::{self, APR, Directus};
use super::{database, small};
use pgseal_testkit::release::{Site, assert_same, dump};

#[test]
fn two_runs_of_one_roof() {
    let directus = Directus::at_baseline();
    directus.ratify();
    let site = Site::new();
    let bundle = one_roof::pack(&site);
    let operator = site
        .operator(&bundle, &directus.db.url())
        .variable("ratified_apr", APR);
    let both = [operator.start("run"), operator.start("run")].map(|run| run.end());
    let mut codes = [both[0].code, both[1].code];
    codes.sort_unstable();
    assert_eq!(codes, [0, 22], "{}\n{}", both[0], both[1]);
    both.iter()
        .find(|answer| answer.code == 22)
        .unwrap()
        .fails(22);
    assert_eq!(directus.db.ask("select count(*) from pgseal.ledger"), "1");
    operator.check().done();
}

#[test]
fn ten_runs_apply_once() {
    let (db, release, site) = small("ten");
    let release = release.tier(
        "again",
        "create table public.ten (n integer); insert into public.ten values (1);\n",
    );
    let bundle = site.pack(&release.rollback("again", "drop table public.ten;\n"));
    let operator = site.operator(&bundle, &db.url());
    let answers: Vec<_> = (0..10)
        .map(|_| operator.start("run"))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|run| run.end())
        .collect();
    for answer in answers.iter().filter(|answer| answer.code != 0) {
        answer.fails(22);
    }
    assert_eq!(answers.iter().filter(|answer| answer.code == 0).count(), 1);
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "1");
    assert_eq!(db.ask("select count(*) from public.ten"), "1");
    // No refused run left a journal without an explanation.
    assert_eq!(operator.records(".receipt.json").len(), 1);
    assert_eq!(operator.unfinished(), [""; 0]);
}

#[test]
fn a_run_and_a_rollback() {
    let (db, release, site) = small("both");
    let bundle = site.pack(&release.tier("slow", "select pg_sleep(0.7);\n"));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    for _ in 0..2 {
        let run = operator.start("run");
        let rollback = operator.start("rollback");
        let (run, rollback) = (run.end(), rollback.end());
        // The second command waits briefly for the first: the run succeeds in either order.
        run.done();
        rollback.done();
        let applied = db.ask("select action from pgseal.ledger order by id desc limit 1") == "run";
        if applied {
            operator.rollback().done();
        }
        assert_same(&before, &dump(&db));
    }
}

/// Five runs and five rollbacks at once, some of them killed: the database is in one of two states, the ledger records
/// which, and no change was applied twice.
#[test]
fn runs_and_rollbacks_with_kills() {
    let (db, release, site) = small("killing");
    db.client()
        .batch_execute("create table public.log (what text)")
        .unwrap();
    let tier = "insert into public.log values ('run');\nselect pg_sleep(0.05);\n";
    let undo = "insert into public.log values ('rollback');\nselect pg_sleep(0.05);\n";
    let bundle = site.pack(&release.tier("slow", tier).rollback("slow", undo));
    let operator = site.operator(&bundle, &db.url());
    let widgets = || db.ask("select to_regclass('public.widgets') is not null") == "t";
    for round in 0..4u32 {
        let mut running: Vec<_> = (0..10)
            .map(|number| {
                (
                    number,
                    operator.start(if number % 2 == 0 { "run" } else { "rollback" }),
                )
            })
            .collect();
        let killed: Vec<u32> = (0..3).map(|at| (round * 3 + at * 4) % 10).collect();
        for at in &killed {
            std::thread::sleep(std::time::Duration::from_millis(40 + u64::from(round) * 30));
            let place = running.iter().position(|(number, _)| number == at).unwrap();
            running.remove(place).1.kill();
        }
        for (number, one) in running {
            let answer = one.end();
            // Done, nothing to do, already applied, or another run held the lock for too long.
            assert!([0, 22].contains(&answer.code), "{number}: {answer}");
        }
        pgseal_testkit::release::wait_until("the sessions of the killed end", || {
            db.ask(
                "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() \
                    and backend_type = 'client backend'",
            ) == "0"
        });
        let count = |action: &str| {
            db.ask(&format!(
                "select count(*) from pgseal.ledger where action = '{action}'"
            ))
        };
        let (runs, rollbacks): (u32, u32) = (
            count("run").parse().unwrap(),
            count("rollback").parse().unwrap(),
        );
        assert_eq!(
            u32::from(widgets()),
            runs - rollbacks,
            "{runs} runs, {rollbacks} rollbacks"
        );
        // Written in the same transactions, so exactly as often.
        for (action, times) in [("run", runs), ("rollback", rollbacks)] {
            assert_eq!(
                db.ask(&format!(
                    "select count(*) from public.log where what = '{action}'"
                )),
                times.to_string()
            );
        }
        let (answer, status) = operator.status();
        answer.done();
        assert_eq!(
            status["in_effect"].as_array().unwrap().len(),
            usize::from(widgets()),
            "{status}"
        );
    }
    operator.rollback().done();
    operator.run().done();
    operator.check().done();
}

#[test]
fn a_long_run_is_waited_for_and_named() {
    let (db, release, site) = small("held");
    let bundle = site.pack(&release.tier("slow", "select pg_sleep(5);\n"));
    let operator = site.operator(&bundle, &db.url());
    let first = operator.start("run");
    pgseal_testkit::release::wait_until("the first is at work", || {
        db.ask("select count(*) from pg_stat_activity where query like 'select pg_sleep%'") != "0"
    });
    let others = ["run", "rollback"].map(|command| operator.start(command));
    for other in others {
        other.end().fails_saying(
            22,
            &[
                "another pgseal run holds the lock",
                "of postgres",
                "wait for it to end",
            ],
        );
    }
    first.end().done();
}

#[test]
fn other_databases_do_not_wait() {
    let (slow, release, site) = small("slow");
    let slow_bundle = site.pack(
        &release
            .named("slow", "1.0.0", 1)
            .tier("slow", "select pg_sleep(30);\n"),
    );
    let quick = database("quick");
    let quick_bundle = site.pack(&super::Release::on(quick.name()));
    let first = site.operator(&slow_bundle, &slow.url()).start("run");
    let sleeps = "select count(*) from pg_stat_activity where query like 'select pg_sleep(30)%' and datname = current_database()";
    pgseal_testkit::release::wait_until("the first is at work", || slow.ask(sleeps) == "1");
    site.operator(&quick_bundle, &quick.url())
        .receipts_in("others")
        .run()
        .done();
    assert_eq!(slow.ask(sleeps), "1", "the second has waited for the first");
    first.kill();
}

/// A tier that releases all advisory locks of its session does not allow a second run.
#[test]
fn a_tier_that_releases_the_lock() {
    let (db, release, site) = small("unlocks");
    db.client()
        .batch_execute("create table public.hits (n integer)")
        .unwrap();
    let probe = "select count(*) as hits from public.hits;\n";
    let tier = "select pg_advisory_unlock_all();\nselect pg_sleep(1.5);\ninsert into public.hits values (1);\n";
    let release = release
        .file("tiers/widgets.sql", tier)
        .file("rollback/widgets.sql", "delete from public.hits;\n");
    let release = release
        .baseline(probe, "{ hits = 0 }")
        .finalized(probe, "{ hits = { min = 1 } }");
    let operator = site.operator(&site.pack(&release), &db.url());
    let first = operator.start("run");
    pgseal_testkit::release::wait_until("the first is at work", || {
        db.ask("select count(*) from pg_stat_activity where query like '%select pg_sleep(1.5)%' and pid <> pg_backend_pid()") != "0"
    });
    let second = operator.start("run");
    first.end().done();
    second.end().fails(22);
    assert_eq!(db.ask("select count(*) from public.hits"), "1");
}
