//! One yes, one run: the ledger counts the runs of each approval, and a release whose approvals are
//! used is HELD until it is approved anew.

use std::{fs, path::Path, thread, time::Duration};

use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::proxy::{Fate, Proxy};
use pgseal_testkit::release::{Answer, Operator, Release, assert_same, dump, wait_until};
use pgseal_testkit::tar::Tar;
use serde_json::{Value, json};

use super::approvals::{EVERYBODY, approve, approved, everybody_approves, operator};

/// Asserts that `run`, `plan`, `gate` and `report` say HELD, and that nothing was written.
#[track_caller]
fn held(db: &TestDatabase<'_>, operator: &Operator<'_>, words: &[&str]) {
    let (before, rows) = (dump(db), rows(db));
    let words = [&["HELD: the approved runs are used here"], words].concat();
    operator.run().fails_saying(11, &words);
    operator.gate().fails_saying(11, &words);
    let plan = operator.plan();
    assert_eq!(plan.code, 11, "{plan}");
    plan.says(&words);
    for command in ["run", "gate"] {
        let document = operator.json(command);
        assert_eq!(document["error"]["kind"], "approvals-used", "{document}");
    }
    let document = operator.json("plan");
    let kinds = document["obstacles"].as_array().unwrap().iter();
    let kinds: Vec<&Value> = kinds.map(|obstacle| &obstacle["kind"]).collect();
    assert_eq!(kinds, ["approvals-used"], "{document}");
    let report = operator.ask_with("report", &["--format", "json"]);
    assert_eq!(report.code, 11, "{report}");
    assert_eq!(report.json()["word"], "HELD", "{report}");
    assert_same(&before, &dump(db));
    assert_eq!(self::rows(db), rows);
}

fn rows(db: &TestDatabase<'_>) -> String {
    db.ask("select count(*) from pgseal.ledger")
}

/// `pgseal.ledger.approvals` of the newest row, as digests of statements in order.
fn used(db: &TestDatabase<'_>) -> Vec<String> {
    let rows = db.ask("select approvals::text from pgseal.ledger order by id desc limit 1");
    let rows: Value = serde_json::from_str(&rows).unwrap();
    let digest = |row: &Value| row["sha256"].as_str().unwrap().to_owned();
    let mut all: Vec<String> = rows.as_array().unwrap().iter().map(digest).collect();
    all.sort();
    all
}

#[test]
fn a_rollback_holds_until_the_release_is_approved_anew() {
    let (db, site, bundle) = approved("held");
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    // Each approval is named by key and statement, in the ledger as in the receipt.
    let (first, receipt) = (used(&db), operator.receipt());
    let named = receipt["approvals"].as_array().unwrap();
    let mut digests: Vec<&str> = named
        .iter()
        .map(|on| on["sha256"].as_str().unwrap())
        .collect();
    digests.sort_unstable();
    assert_eq!(
        (&first, named.len()),
        (&digests.iter().map(|one| (*one).to_owned()).collect(), 3)
    );
    assert_eq!(named[0]["runs"], 1);
    // In effect, the reason is another one.
    operator
        .run()
        .fails_saying(22, &["is already applied here"]);
    operator.gate().done();
    operator.rollback().done();
    assert_eq!(used(&db), [""; 0], "a rollback uses none");
    let words = [
        "l2 0 of 2, l4 0 of 1",
        "\"ann\") approved one run at 20",
        "\"eve\") approved one run at 20",
    ];
    held(&db, &operator, &words);
    // The same statement in another file is the same approval.
    let (copy, again) = (site.path("copy.pgseal"), site.path("again.approval"));
    fs::copy(&bundle, &copy).unwrap();
    fs::write(&again, only_approvals(&bundle)).unwrap();
    let twice = operator.ask_with("run", &["--approval", again.to_str().unwrap()]);
    twice.fails_saying(11, &["HELD"]);
    // Two of three are not enough.
    approve(&site, &bundle, EVERYBODY[0], &[]);
    approve(&site, &bundle, EVERYBODY[1], &[]);
    held(&db, &operator, &["used here: l4 0 of 1; key"]);
    approve(&site, &bundle, EVERYBODY[2], &[]);
    operator.run().done();
    let second = used(&db);
    assert!(second.iter().all(|digest| !first.contains(digest)));
    operator.rollback().done();
    held(&db, &operator, &[]);
    // Older approvals of the same keys were used as well.
    let older = self::operator(&db, &site, &copy);
    held(&db, &older, &[]);
}

/// The file of a bundle's approvals alone, as `approve -o` writes it.
fn only_approvals(bundle: &Path) -> Vec<u8> {
    let mut tar = Tar::of(&fs::read(bundle).unwrap());
    tar.members.retain(|member| {
        let name = member.name();
        name == "pgseal" || name.starts_with("approvals/")
    });
    tar.bytes()
}

#[test]
fn an_approval_of_two_runs() {
    let (db, site, bundle) = approved("two");
    for who in EVERYBODY {
        approve(&site, &bundle, who, &["--runs", "2"]);
    }
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    assert_eq!(operator.receipt()["approvals"][0]["runs"], 2);
    operator.rollback().done();
    operator.gate().done();
    operator.run().done();
    operator.rollback().done();
    held(&db, &operator, &["approved 2 runs at 20"]);
    // A newer approval has its own number, also a smaller one.
    for who in EVERYBODY {
        approve(&site, &bundle, who, &[]);
    }
    operator.run().done();
    operator.rollback().done();
    held(&db, &operator, &["approved one run at 20"]);
}

/// An approval of more runs serves together with new ones of others.
#[test]
fn only_the_used_ones_have_to_be_given_anew() {
    let (db, site, bundle) = approved("some");
    approve(&site, &bundle, EVERYBODY[0], &["--runs", "3"]);
    approve(&site, &bundle, EVERYBODY[1], &[]);
    approve(&site, &bundle, EVERYBODY[2], &["--runs", "3"]);
    approve(&site, &bundle, ("cid", "l2"), &["--runs", "2"]);
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    assert_eq!(used(&db).len(), 4);
    operator.rollback().done();
    // Ann and Cid are two.
    operator.run().done();
    assert_eq!(used(&db).len(), 3, "the used one is not named again");
    operator.rollback().done();
    held(&db, &operator, &["used here: l2 1 of 2; key"]);
    approve(&site, &bundle, EVERYBODY[1], &[]);
    operator.run().done();
}

#[test]
fn a_failed_run_uses_none() {
    let (db, site, bundle) = approved("failed");
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    db.client()
        .batch_execute("create view public.widgets_view as select 1")
        .unwrap();
    let proxy = Proxy::before(Cluster::shared().server().dir(), Fate::NeverSent);
    let cut = operator.clone().url(&proxy.url(db.name()));
    cut.run().fails_saying(30, &["the database is as before"]);
    assert!(proxy.struck());
    operator.run().done();
    operator.rollback().done();
    held(&db, &operator, &[]);
}

/// A release with a statement that commits alone and fails while two widgets share a name.
fn stops(db: &TestDatabase<'_>) -> Release {
    Release::on(db.name())
        .variable("ratified_apr")
        .file(
            "tiers/widgets.sql",
            "create table public.widgets (id integer primary key, name text not null);
             insert into public.widgets values (1, 'one'), (2, 'one');\n",
        )
        .alone(
            "index",
            "create unique index concurrently widgets_name on public.widgets (name);\n",
        )
}

#[test]
fn a_resumed_run_uses_no_second_one() {
    let (db, site, _) = approved("resumed");
    let bundle = site.pack(&stops(&db));
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    let mend = || {
        db.client()
            .batch_execute("update public.widgets set name = 'two' where id = 2")
            .unwrap();
    };
    operator.run().fails(31);
    operator.run().fails_saying(22, &["stopped half way"]);
    mend();
    operator.ask_with("run", &["--resume"]).done();
    assert_eq!(rows(&db), "1");
    operator.rollback().done();
    held(&db, &operator, &[]);
    // It is resumed by newer approvals as well, and these are used by the next run.
    everybody_approves(&site, &bundle);
    let old = site.path("old.pgseal");
    fs::copy(&bundle, &old).unwrap();
    operator.run().fails(31);
    everybody_approves(&site, &bundle);
    mend();
    operator.ask_with("run", &["--resume"]).done();
    operator.rollback().done();
    self::operator(&db, &site, &old)
        .run()
        .fails_saying(11, &["HELD"]);
    operator.run().fails(31);
    // What stopped half way has committed something.
    operator.rollback().done();
    held(&db, &operator, &[]);
}

/// The approvals of an earlier run do not resume one that began by others.
#[test]
fn a_run_is_not_resumed_by_approvals_of_an_earlier_one() {
    let (db, site, _) = approved("stale");
    let bundle = site.pack(&stops(&db));
    everybody_approves(&site, &bundle);
    let old = site.path("old.pgseal");
    fs::copy(&bundle, &old).unwrap();
    let operator = operator(&db, &site, &bundle);
    operator.run().fails(31);
    operator.rollback().done();
    everybody_approves(&site, &bundle);
    operator.run().fails(31);
    let stale = self::operator(&db, &site, &old);
    stale
        .ask_with("run", &["--resume"])
        .fails_saying(11, &["HELD: the approved runs are used here"]);
    assert_eq!(operator.status().0.code, 31);
}

/// The program is killed between COMMIT and its answer: the run counts.
#[test]
fn killed_at_a_commit_that_took_effect() {
    let (db, site, bundle) = approved("atcommit");
    everybody_approves(&site, &bundle);
    let late = Fate::AnswerLate(Duration::from_secs(20));
    let proxy = Proxy::before(Cluster::shared().server().dir(), late);
    let operator = operator(&db, &site, &bundle);
    let slow = operator.clone().url(&proxy.url(db.name()));
    let run = slow.start("run");
    let committed = "select count(*) from pg_class where relname = 'ledger'";
    wait_until("it is committed", || db.ask(committed) == "1");
    run.kill();
    assert_eq!(operator.records(".receipt.json").len(), 0);
    wait_until("its session ends", || {
        db.ask("select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())") == "0"
    });
    operator.rollback().done();
    held(&db, &operator, &[]);
}

/// Two runs at once by one yes: exactly one of them runs, and the other one finds it in effect, the
/// lock taken, or, after a rollback, the approvals used.
#[test]
fn two_runs_at_once() {
    let (db, site, _) = approved("atonce");
    let bundle = site.pack(
        &Release::on(db.name())
            .variable("ratified_apr")
            .tier("slow", "select pg_catalog.pg_sleep(1);\n"),
    );
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    let both = [operator.start("run"), operator.start("run")];
    let mut codes = both.map(|run| run.end().code);
    codes.sort_unstable();
    assert_eq!(codes, [0, 22]);
    assert_eq!(rows(&db), "1");
}

/// A run waits for the lock of a rollback that undoes the last approved run: its own look is under
/// the lock, so it finds the yes used.
#[test]
fn a_run_behind_a_rollback() {
    let (db, site, _) = approved("behind");
    let bundle = site.pack(
        &Release::on(db.name())
            .variable("ratified_apr")
            .rollback("slow", "select pg_catalog.pg_sleep(1.5);\n"),
    );
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    let rollback = operator.start("rollback");
    wait_until("it sleeps", || db.ask(SLEEPERS) == "1");
    operator.run().fails_saying(11, &["HELD"]);
    rollback.end().done();
    assert_eq!(rows(&db), "2");
}

const SLEEPERS: &str = "select count(*) from pg_stat_activity
                        where query like '%pg_sleep(%' and pid <> pg_backend_pid() and datname = current_database()";

/// The number is part of what is signed.
#[test]
fn a_changed_number_of_runs() {
    let (db, site, bundle) = approved("changed");
    for who in EVERYBODY {
        approve(&site, &bundle, who, &["--runs", "2"]);
    }
    let mut tar = Tar::of(&fs::read(&bundle).unwrap());
    for member in &mut tar.members {
        if member.name().starts_with("approvals/") && member.name().ends_with(".json") {
            let text = String::from_utf8(member.content.clone()).unwrap();
            assert!(text.contains("\"runs\":2"), "{text}");
            member.content = text.replace("\"runs\":2", "\"runs\":9").into_bytes();
        }
    }
    let bent = site.path("bent.pgseal");
    fs::write(&bent, tar.bytes()).unwrap();
    let bent = operator(&db, &site, &bent);
    bent.run().fails_saying(11, &["signature"]);
    assert_eq!(
        db.ask("select count(*) from pg_class where relname = 'ledger'"),
        "0"
    );
}

/// A row that pgseal did not write could hide a run.
#[test]
fn a_ledger_row_without_readable_approvals() {
    let (db, site, bundle) = approved("unreadable");
    for who in EVERYBODY {
        approve(&site, &bundle, who, &["--runs", "9"]);
    }
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    operator.rollback().done();
    db.client()
        .batch_execute(
            "alter table pgseal.ledger disable trigger only_added;
             update pgseal.ledger set approvals = '[{\"key_id\": 1}]' where action = 'run'",
        )
        .unwrap();
    operator.run().fails_saying(
        22,
        &["names approvals in a form that pgseal does not write"],
    );
}

/// An approval counts on each database by itself.
#[test]
fn another_database_counts_by_itself() {
    let (db, site, bundle) = approved("own");
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    operator.rollback().done();
    held(&db, &operator, &[]);
    let cluster = Cluster::own();
    let other = cluster.database_named(db.name());
    other
        .client()
        .batch_execute(pgseal_testkit::release::BEFORE)
        .unwrap();
    operator.url(&other.url()).run().done();
}

/// More runs than an approval allows, by a ledger that forgot the first: the receipts still show it.
#[test]
fn an_audit_counts_the_runs() {
    let (db, site, bundle) = approved("audited");
    for who in EVERYBODY {
        approve(&site, &bundle, who, &["--runs", "2"]);
    }
    let operator = operator(&db, &site, &bundle);
    let signed = |command: &str| {
        operator
            .ask_with(command, &["--receipt-key", "receipt.key"])
            .done();
        thread::sleep(Duration::from_secs(1));
    };
    let audit = |exit: i32| -> Answer {
        let bundle = bundle.to_str().unwrap();
        let answer = site.pgseal(["audit", "receipts", bundle, "--trust", "trust.json"]);
        assert_eq!(answer.code, exit, "{answer}");
        answer
    };
    for _ in 0..2 {
        signed("run");
        signed("rollback");
    }
    held(&db, &operator, &[]);
    audit(0);
    db.client()
        .batch_execute("drop schema pgseal cascade")
        .unwrap();
    signed("run");
    let words = [
        "approvals-used",
        "3 times by one approval",
        "which allows 2",
    ];
    audit(50).says(&words);
}

// --- run --if-needed --------------------------------------------------------------------------------------------------

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
    let beside = operator.ask_with("run", &IF_NEEDED);
    run.end().done();
    beside.done();
    assert_eq!(beside.json()["outcome"], "already-in-effect");
    assert_eq!(rows(&db), "1");
}
