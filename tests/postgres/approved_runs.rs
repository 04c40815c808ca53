//! One yes, one run: the ledger counts the runs of each approval, and a release whose approvals are
//! used is HELD until it is approved anew.

use std::{fs, path::Path, thread, time::Duration};

use pgseal::trust::SecretKey;
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::people;
use pgseal_testkit::proxy::{Fate, Proxy};
use pgseal_testkit::release::{Answer, Operator, Release, assert_same, dump, wait_until};
use pgseal_testkit::tar::Tar;
use serde_json::Value;

use super::approvals::{EVERYBODY, approve, approved, everybody_approves, operator};

/// Asserts that `run`, `plan`, `gate` and `report` say HELD, and that nothing was written.
#[track_caller]
pub(super) fn held(db: &TestDatabase<'_>, operator: &Operator<'_>, words: &[&str]) {
    let (before, rows, records) = (dump(db), rows(db), operator.records("").len());
    let words = [&["HELD: the approved runs are used here"], words].concat();
    operator.run().fails_saying(11, &words);
    let gate = operator.ask("gate");
    gate.fails_saying(11, &words);
    gate.says(&["BLOCKED approvals-used\n"]);
    let document = operator.json("gate");
    assert_eq!(document["verdict"], "BLOCKED", "{document}");
    assert_eq!(kinds(&document, "missing"), ["approvals-used"]);
    let plan = operator.plan();
    assert_eq!(plan.code, 11, "{plan}");
    plan.says(&words);
    let document = operator.json("run");
    assert_eq!(document["error"]["kind"], "approvals-used", "{document}");
    assert_eq!(
        kinds(&operator.json("plan"), "obstacles"),
        ["approvals-used"]
    );
    let report = operator.ask_with("report", &["--format", "json"]);
    assert_eq!(report.code, 11, "{report}");
    assert_eq!(report.json()["word"], "HELD", "{report}");
    assert_same(&before, &dump(db));
    assert_eq!(self::rows(db), rows);
    assert_eq!(operator.records("").len(), records);
}

fn kinds(document: &Value, list: &str) -> Vec<String> {
    let all = document[list].as_array().unwrap().iter();
    all.map(|one| one["kind"].as_str().unwrap().to_owned())
        .collect()
}

pub(super) fn rows(db: &TestDatabase<'_>) -> String {
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
    operator.ask("gate").done();
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
    let records = operator.records("").len();
    stale.ask_with("run", &["--resume"]).fails_saying(
        11,
        &[
            "HELD: the approved runs are used here",
            "the run is still half way, and `pgseal rollback FILE` asks no gate",
        ],
    );
    assert_eq!(operator.status().0.code, 31);
    assert_eq!(operator.records("").len(), records);
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

pub(super) const SLEEPERS: &str = "select count(*) from pg_stat_activity
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

/// Another process uses the last run while this one waits for the lock: the count is made under the lock.
#[test]
fn the_count_is_under_the_lock() {
    let (db, site, bundle) = approved("counted");
    for who in EVERYBODY {
        approve(&site, &bundle, who, &["--runs", "2"]);
    }
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    operator.rollback().done();
    operator.ask("gate").done();
    let mut other = db.client();
    other
        .batch_execute("select pg_advisory_lock(-2437371639947053445)")
        .unwrap();
    let polls = "select count(*) from pg_stat_activity
                 where query like '%pg_locks%' and pid <> pg_backend_pid() and datname = current_database()";
    let run = operator.start("run");
    wait_until("it polls", || db.ask(polls) == "1");
    // A run and its rollback, as another host writes them.
    let columns = "action, release, version, sequence, release_id, transaction_id, signers, pgseal, variables, approvals,
                   trust_version, trust_sha256, operator, host, server_version, system_identifier, timeline, before";
    other
        .batch_execute(&format!(
            "insert into pgseal.ledger (run_id, {columns})
                 select md5(run_id), {columns} from pgseal.ledger order by id;
             insert into pgseal.steps (run_id, by_run, happened) select md5(run_id), md5(run_id), 'finished' from pgseal.ledger
                 where run_id in (select run_id from pgseal.steps);
             select pg_advisory_unlock_all()"
        ))
        .unwrap();
    run.end().fails_saying(11, &["HELD"]);
    assert_eq!(rows(&db), "4");
}

/// Two people sign the same words in the same second: these are two approvals.
#[test]
fn equal_statements_of_two_keys() {
    let (db, site, bundle) = approved("equal");
    let packed = fs::read(&bundle).unwrap();
    let now = "select to_char(timezone('UTC', now()), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
    let mut said = people::approval(&packed, "l2");
    said["predicate"]["at"] = db.ask(now).into();
    said["predicate"]["runs"] = 2.into();
    let mut approved = packed;
    for who in ["ann", "bob"] {
        let key = site.path(&format!("{who}.key"));
        let key = SecretKey::read(&key, || unreachable!("no passphrase")).unwrap();
        approved = people::say(&approved, &key, &said);
    }
    fs::write(&bundle, approved).unwrap();
    approve(&site, &bundle, EVERYBODY[2], &["--runs", "2"]);
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    let used = used(&db);
    assert!(used.windows(2).any(|two| two[0] == two[1]), "{used:?}");
    operator.rollback().done();
    operator.run().done();
    operator.rollback().done();
    held(&db, &operator, &["l2 0 of 2, l4 0 of 1"]);
}

/// A copy of the bundle that does not show the newer approvals revives no older ones.
#[test]
fn an_approval_that_was_replaced() {
    let (db, site, bundle) = approved("replaced");
    everybody_approves(&site, &bundle);
    let old = site.path("old.pgseal");
    fs::copy(&bundle, &old).unwrap();
    for (who, _) in EVERYBODY {
        let (file, key) = (bundle.to_str().unwrap(), format!("{who}.key"));
        site.pgseal(["withdraw", file, "--key", &key, "--trust", "trust.json"])
            .done();
    }
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    operator.rollback().done();
    held(&db, &self::operator(&db, &site, &old), &[]);
    held(&db, &operator, &[]);
}

/// Days later the approvals have expired: the run that stopped half way is resumed by new ones, and these still
/// allow a run.
#[test]
fn a_run_is_resumed_days_later() {
    let (db, site, _) = approved("days");
    let bundle = site.pack(&stops(&db));
    let soon = db.ask(
        "select to_char(timezone('UTC', now()) + interval '8 s', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
    );
    for who in EVERYBODY {
        approve(&site, &bundle, who, &["--expires", &soon]);
    }
    let operator = operator(&db, &site, &bundle);
    operator.run().fails(31);
    let is_over = format!("select (now() > '{soon}'::timestamptz + interval '1 s')::int");
    wait_until("they expire", || db.ask(&is_over) == "1");
    days_pass(&db);
    db.client()
        .batch_execute("update public.widgets set name = 'two' where id = 2")
        .unwrap();
    operator
        .ask_with("run", &["--resume"])
        .fails_saying(11, &["approvals are missing"]);
    everybody_approves(&site, &bundle);
    operator.ask_with("run", &["--resume"]).done();
    days_pass(&db);
    operator.rollback().done();
    days_pass(&db);
    // The new approvals resumed a run, and are not used.
    operator.run().fails(31);
    operator.rollback().done();
    days_pass(&db);
    held(&db, &operator, &[]);
}

/// Makes everything in the ledger of a database a week older.
pub(super) const DAYS_PASS: &str = "alter table pgseal.ledger disable trigger only_added;
    alter table pgseal.steps disable trigger only_added;
    update pgseal.ledger set at = at - interval '7 days';
    update pgseal.steps set at = at - interval '7 days';
    alter table pgseal.ledger enable trigger only_added;
    alter table pgseal.steps enable trigger only_added";

pub(super) fn days_pass(db: &TestDatabase<'_>) {
    db.client().batch_execute(DAYS_PASS).unwrap();
}

/// A rehearsal needs no approval and uses none, also of a release that is HELD.
#[test]
fn a_rehearsal_uses_none() {
    let (db, site, bundle) = approved("rehearsed");
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    let rehearse = || {
        let admin = Cluster::shared().server().url("postgres");
        let mut rehearse = site.command();
        rehearse
            .arg("rehearse")
            .arg(&bundle)
            .args(["--trust", "trust.json", "--db", &admin, "--from", db.name()])
            .args(["-v", "ratified_apr=APR-1"])
            .args(["--receipt-key", "receipt.key", "--receipts"])
            .arg(site.path("rehearsals"));
        Answer::of(rehearse.output().unwrap()).done();
    };
    rehearse();
    operator.run().done();
    operator.rollback().done();
    held(&db, &operator, &[]);
    rehearse();
    held(&db, &operator, &[]);
}
