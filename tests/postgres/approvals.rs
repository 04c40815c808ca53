//! Approvals and the clock: a run checks both before it changes the database, and `plan` reports the same.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use pgseal::record::journal::{Journal, JournalStep};
use pgseal::trust::SecretKey;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::{json, trust_document};
use serde_json::{Value, json};

use super::database;
use pgseal_testkit::cluster::TestDatabase;
use pgseal_testkit::release::{Answer, Operator, Release, Site, assert_same, dump};

/// Creates a database, and a release that needs two approvals of `l2`, one of `l4`, and an APR code.
pub(super) fn approved(prefix: &str) -> (TestDatabase<'static>, Site, PathBuf) {
    let (db, site) = (database(prefix), Site::new());
    for name in ["ann", "bob", "cid", "eve"] {
        site.pgseal(["keygen", name, "--no-passphrase"]).done();
    }
    fs::remove_file(site.path("trust.json")).unwrap();
    fs::remove_dir_all(site.path("trust.json.sigs")).unwrap();
    let roles = [
        "release:1=release.pub",
        "receipt:1=receipt.pub",
        "l2:2=ann.pub,bob.pub,cid.pub",
        "l4:1=eve.pub",
    ];
    let roles = roles.into_iter().flat_map(|role| ["--role", role]);
    let init = [
        "trust",
        "init",
        "trust.json",
        "--root-key",
        "root.key",
        "--require",
        "l2",
        "--require",
        "l4",
    ];
    site.pgseal(init.into_iter().chain(roles)).done();
    let bundle = site.pack(&Release::on(db.name()).variable("ratified_apr"));
    (db, site, bundle)
}

pub(super) const EVERYBODY: [(&str, &str); 3] = [("ann", "l2"), ("bob", "l2"), ("eve", "l4")];

/// Signs an approval into the bundle, unless `more` names another destination.
pub(super) fn approve(site: &Site, bundle: &Path, who: (&str, &str), more: &[&str]) {
    let more = [&["--apr", "APR-1"], more].concat();
    site.approve(bundle, "small", who, &more).done();
}

pub(super) fn everybody_approves(site: &Site, bundle: &Path) {
    EVERYBODY
        .into_iter()
        .for_each(|who| approve(site, bundle, who, &[]));
}

pub(super) fn operator<'s>(db: &TestDatabase<'_>, site: &'s Site, bundle: &Path) -> Operator<'s> {
    site.operator(bundle, &db.url())
        .variable("ratified_apr", "APR-1")
}

/// Asserts that `run` and `plan` refuse alike, and that no file or row was written.
#[track_caller]
fn refused(
    db: &TestDatabase<'_>,
    operator: &Operator<'_>,
    more: &[&str],
    code: i32,
    words: &[&str],
) {
    let (before, files) = (dump(db), operator.records("").len());
    let ledger = || db.ask("select count(*) from pg_class where relname = 'ledger'");
    let made = ledger();
    operator.ask_with("run", more).fails_saying(code, words);
    let plan = plan(operator, more);
    assert_eq!(plan.code, code, "{plan}");
    // A plan lists the obstacles; only a run prints hints.
    plan.says(
        &words
            .iter()
            .filter(|word| !word.starts_with("hint: "))
            .copied()
            .collect::<Vec<_>>(),
    );
    let document = plan_document(operator, more);
    assert_eq!(document["would_run"], false, "{document}");
    assert_eq!(document["obstacles"][0]["exit"], code, "{document}");
    assert_same(&before, &dump(db));
    assert_eq!(
        (operator.records("").len(), ledger()),
        (files, made),
        "a refused run leaves nothing"
    );
}

/// Runs `plan` with the journal directory of `run`.
fn plan(operator: &Operator<'_>, more: &[&str]) -> Answer {
    let receipts = operator.receipts().to_str().unwrap().to_owned();
    operator.ask_with("plan", &[&["--receipts", &receipts], more].concat())
}

fn plan_document(operator: &Operator<'_>, more: &[&str]) -> Value {
    plan(operator, &[more, &["--json"]].concat()).json()
}

#[test]
fn the_quorum_and_the_gate_and_the_code() {
    let (db, site, bundle) = approved("quorum");
    let operator = operator(&db, &site, &bundle);
    refused(
        &db,
        &operator,
        &[],
        11,
        &[
            "approvals are missing: l2 0 of 2, l4 0 of 1",
            "hint: each missing approver reads the runbook",
        ],
    );
    approve(&site, &bundle, EVERYBODY[0], &[]);
    refused(
        &db,
        &operator,
        &[],
        11,
        &["approvals are missing: l2 1 of 2, l4 0 of 1"],
    );
    approve(&site, &bundle, EVERYBODY[2], &[]);
    refused(
        &db,
        &operator,
        &[],
        11,
        &["approvals are missing: l2 1 of 2"],
    );
    // The gate alone permits nothing: it was READY all along.
    operator.gate().done();
    approve(&site, &bundle, EVERYBODY[1], &[]);

    // Approvals alone don't either.
    db.client()
        .batch_execute("delete from public.approvals")
        .unwrap();
    refused(&db, &operator, &[], 20, &["gate approved is BLOCKED"]);
    db.client()
        .batch_execute("insert into public.approvals values ('somebody')")
        .unwrap();
    let other = operator.clone().variable("ratified_apr", "APR-2");
    refused(
        &db,
        &other,
        &[],
        11,
        &[
            "approvals are missing: l2 0 of 2, l4 0 of 1",
            "approved APR-1, not APR-2",
        ],
    );
    let without = site.operator(&bundle, &db.url());
    without.run().fails_saying(2, &["ratified_apr"]);

    let plan = plan_document(&operator, &[]);
    assert_eq!(
        (&plan["would_run"], &plan["obstacles"]),
        (&json!(true), &json!([])),
        "{plan}"
    );
    operator.run().done();
    let receipt = operator.receipt();
    let said = receipt["approvals"].as_array().unwrap();
    let mut roles: Vec<&str> = said
        .iter()
        .map(|approval| approval["role"].as_str().unwrap())
        .collect();
    roles.sort_unstable();
    assert_eq!(roles, ["l2", "l2", "l4"], "{receipt}");
    for approval in said {
        assert_eq!(
            (&approval["apr"], &approval["evidence"]),
            (&json!("APR-1"), &json!("claimed")),
            "{receipt}"
        );
    }
    let trust = fs::read(site.path("trust.json")).unwrap();
    assert_eq!(
        receipt["trust"],
        json!({ "version": 1, "sha256": Digest::of(&trust).to_string() })
    );
    let journal = fs::read_to_string(operator.records(".journal").pop().unwrap()).unwrap();
    assert!(
        journal.contains(&Digest::of(&trust).to_string()),
        "{journal}"
    );
}

#[test]
fn approvals_that_do_not_count_are_not_in_the_receipt() {
    let (db, site, bundle) = approved("surplus");
    everybody_approves(&site, &bundle);
    approve(&site, &bundle, ("cid", "l2"), &[]);
    let withdraw = [
        "withdraw",
        bundle.to_str().unwrap(),
        "--key",
        "ann.key",
        "--trust",
        "trust.json",
    ];
    site.pgseal(withdraw).done();
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    let trust: Value = serde_json::from_slice(&fs::read(site.path("trust.json")).unwrap()).unwrap();
    let key_of = |who: &str| {
        let keys = trust["keys"].as_array().unwrap();
        keys.iter().find(|key| key["owner"] == who).unwrap()["id"].clone()
    };
    let receipt = operator.receipt();
    let mut counted: Vec<Value> = receipt["approvals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|approval| approval["key_id"].clone())
        .collect();
    let mut expected: Vec<Value> = ["bob", "cid", "eve"].map(key_of).to_vec();
    counted.sort_by_key(Value::to_string);
    expected.sort_by_key(Value::to_string);
    assert_eq!(counted, expected);
}

#[test]
fn approvals_beside_the_bundle() {
    let (db, site, bundle) = approved("beside");
    fs::create_dir(site.path("said")).unwrap();
    for who in EVERYBODY {
        approve(
            &site,
            &bundle,
            who,
            &["-o", &format!("said/{}.approval", who.0)],
        );
    }
    let operator = operator(&db, &site, &bundle);
    refused(&db, &operator, &[], 11, &["l2 0 of 2, l4 0 of 1"]);
    refused(
        &db,
        &operator,
        &["--approval", "said/ann.approval"],
        11,
        &["l2 1 of 2, l4 0 of 1"],
    );
    let withdraw = [
        "withdraw",
        bundle.to_str().unwrap(),
        "--key",
        "eve.key",
        "-o",
        "no.approval",
    ];
    site.pgseal(withdraw.into_iter().chain(["--trust", "trust.json"]))
        .done();
    let all = ["--approval", "said"];
    refused(
        &db,
        &operator,
        &["--approval", "said", "--approval", "no.approval"],
        11,
        &["l4 0 of 1", "withdrew on"],
    );
    assert_eq!(plan_document(&operator, &all)["would_run"], true);
    operator.ask_with("run", &all).done();
    assert_eq!(operator.receipt()["approvals"].as_array().unwrap().len(), 3);
    // An approval counts for one release, not for one bundle.
    let next = site.pack(
        &Release::on(db.name())
            .named("small", "2.0.0", 2)
            .variable("ratified_apr"),
    );
    let other = site
        .operator(&next, &db.url())
        .variable("ratified_apr", "APR-1");
    let file = ["--approval", "said/ann.approval"];
    for command in ["run", "plan"] {
        other
            .ask_with(command, &file)
            .fails_saying(11, &["is about another release"]);
        let left_out = other.ask_with(command, &all);
        assert_eq!(left_out.code, 11, "{left_out}");
        left_out.says(&["l2 0 of 2"]);
    }
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "1");
}

#[test]
fn withdrawn_and_expired() {
    let (db, site, bundle) = approved("withdrawn");
    approve(&site, &bundle, EVERYBODY[0], &[]);
    approve(&site, &bundle, EVERYBODY[2], &[]);
    let soon = Timestamp::from_seconds(now() + 2).unwrap().to_string();
    approve(&site, &bundle, EVERYBODY[1], &["--expires", &soon]);
    let operator = operator(&db, &site, &bundle);
    thread::sleep(Duration::from_secs(4));
    refused(
        &db,
        &operator,
        &[],
        11,
        &[
            "approvals are missing: l2 1 of 2",
            &format!("approved until {soon}"),
        ],
    );
    approve(&site, &bundle, EVERYBODY[1], &[]);
    assert_eq!(plan_document(&operator, &[])["would_run"], true);
    let withdraw = [
        "withdraw",
        bundle.to_str().unwrap(),
        "--key",
        "eve.key",
        "--trust",
        "trust.json",
    ];
    site.pgseal(withdraw).done();
    refused(
        &db,
        &operator,
        &[],
        11,
        &["approvals are missing: l4 0 of 1", "withdrew on"],
    );
    approve(&site, &bundle, EVERYBODY[2], &[]);
    operator.run().done();
    // A rollback needs neither approvals nor their codes.
    for who in ["ann", "bob", "eve"] {
        let key = format!("{who}.key");
        site.pgseal([
            "withdraw",
            bundle.to_str().unwrap(),
            "--key",
            &key,
            "--trust",
            "trust.json",
        ])
        .done();
    }
    operator.rollback().done();
    refused(
        &db,
        &operator,
        &[],
        11,
        &["approvals are missing: l2 0 of 2, l4 0 of 1"],
    );
}

// --- time -------------------------------------------------------------------------------------------------------------

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Edits the trust root and signs it again with the root key.
fn bend_trust(site: &Site, change: impl FnOnce(&mut Value)) {
    let mut document: Value =
        serde_json::from_slice(&fs::read(site.path("trust.json")).unwrap()).unwrap();
    change(&mut document);
    let bytes = json::to_canonical(&document).unwrap();
    let root = SecretKey::read(&site.path("root.key"), || unreachable!("no passphrase")).unwrap();
    let name = format!("{}.{}.sig", document["version"], root.public_key().id());
    fs::write(site.path("trust.json"), &bytes).unwrap();
    fs::write(
        site.path("trust.json.sigs").join(name),
        root.sign(trust_document::PAYLOAD_TYPE, &bytes),
    )
    .unwrap();
}

fn in_seconds(seconds: i64) -> String {
    Timestamp::from_seconds(now() + seconds)
        .unwrap()
        .to_string()
}

const CLOCK: [&str; 2] = ["this host's clock (", "hint: set this host's clock"];

#[test]
fn a_clock_that_is_behind_the_journal() {
    let (db, site, bundle) = approved("journal");
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    let journal = |name: &str, seconds: i64| {
        let mut journal = Journal::create(&site.path("receipts"), name).unwrap();
        let mut at = |seconds, id: &str| {
            let at = Timestamp::from_seconds(now() + seconds).unwrap();
            journal
                .write(
                    at,
                    JournalStep::Commit {
                        transaction_id: id.to_owned(),
                    },
                )
                .unwrap();
            at.to_string()
        };
        // The newest time counts, wherever it is recorded.
        let newest = at(seconds, "1");
        at(-1000, "2");
        newest
    };
    journal("past", -3600);
    journal("tolerated", 240);
    assert_eq!(plan_document(&operator, &[])["would_run"], true);
    let newest = journal("future", 3600);
    journal("later", 30);
    let words = [&CLOCK[..], &["is behind", &newest, "future.journal"]].concat();
    refused(&db, &operator, &[], 11, &words);
    // An unreadable journal may hide any time.
    let future = site.path("receipts").join("future.journal");
    fs::write(&future, "{}\n").unwrap();
    let words = [
        "future.journal is damaged, so the newest time",
        "hint: find out who changed it",
    ];
    refused(&db, &operator, &[], 11, &words);
    fs::remove_file(&future).unwrap();
    fs::create_dir(&future).unwrap();
    refused(&db, &operator, &[], 11, &words);
    fs::remove_dir(&future).unwrap();
    operator.run().done();
    // A rollback is possible regardless.
    journal("future2", 3600);
    operator.rollback().done();
}

#[test]
fn a_clock_that_is_behind_the_ledger() {
    let (db, site, bundle) = approved("ledger");
    everybody_approves(&site, &bundle);
    let first = operator(&db, &site, &bundle);
    first.run().done();
    let next = site.pack(
        &Release::on(db.name())
            .named("small", "2.0.0", 2)
            .variable("ratified_apr")
            .without_tiers()
            .tier("more", "create table public.more ();\n")
            .rollback("more", "drop table if exists public.more;\n")
            .baseline(
                "select pg_catalog.to_regclass('public.more') is not null as more;\n",
                "{ more = false }",
            )
            .finalized(
                "select pg_catalog.to_regclass('public.more') is not null as more;\n",
                "{ more = true }",
            ),
    );
    everybody_approves(&site, &next);
    let second = operator(&db, &site, &next);
    // The ledger's owner can do this on purpose.
    const CHANGED: &str =
        "alter table pgseal.ledger disable trigger only_added; update pgseal.ledger";
    let ledger = |seconds: i64| {
        let at = in_seconds(seconds);
        db.client()
            .batch_execute(&format!("{CHANGED} set at = '{at}'"))
            .unwrap();
        at
    };
    let newest = ledger(3600);
    refused(
        &db,
        &second,
        &[],
        11,
        &[&CLOCK[..], &["the newest time in the ledger", &newest]].concat(),
    );
    db.client()
        .batch_execute(&format!("{CHANGED} set at = 'infinity'"))
        .unwrap();
    refused(
        &db,
        &second,
        &[],
        11,
        &[
            "which is no time that pgseal writes",
            "hint: ask the database's owner who changed the table pgseal.ledger",
        ],
    );
    ledger(240);
    second.run().done();
    ledger(3600);
    second.rollback().done();
}

#[test]
fn a_clock_that_is_behind_the_trust_root() {
    let (db, site, bundle) = approved("issued");
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    let issued = in_seconds(3600);
    bend_trust(&site, |document| document["issued"] = issued.clone().into());
    refused(
        &db,
        &operator,
        &[],
        11,
        &[&CLOCK[..], &["of the trust root was issued", &issued]].concat(),
    );
    bend_trust(&site, |document| {
        document["issued"] = in_seconds(240).into()
    });
    operator.run().done();
    bend_trust(&site, |document| document["issued"] = issued.clone().into());
    operator.rollback().done();
}

/// Makes the trust root expire a minute ago.
fn expired(document: &mut Value) {
    document["issued"] = in_seconds(-120).into();
    document["expires"] = in_seconds(-60).into();
}

#[test]
fn an_expired_trust_root_and_keys_out_of_their_windows() {
    let (db, site, bundle) = approved("windows");
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    let good: Value = serde_json::from_slice(&fs::read(site.path("trust.json")).unwrap()).unwrap();
    let key = |owner: &'static str, field: &'static str, value: String| {
        bend_trust(&site, |document| {
            *document = good.clone();
            let keys = document["keys"].as_array_mut().unwrap();
            keys.iter_mut().find(|key| key["owner"] == owner).unwrap()[field] = value.into();
        });
    };
    bend_trust(&site, expired);
    refused(
        &db,
        &operator,
        &[],
        11,
        &[
            "the trust root (version 1) expired on",
            "hint: install a newer trust root",
        ],
    );
    for (owner, field, value, word) in [
        ("bob", "not_after", -60, "counted until"),
        ("bob", "not_before", 3600, "counts from"),
    ] {
        key(owner, field, in_seconds(value));
        refused(
            &db,
            &operator,
            &[],
            11,
            &["approvals are missing: l2 1 of 2", word],
        );
    }
    key("bob", "status", "revoked".to_owned());
    refused(
        &db,
        &operator,
        &[],
        11,
        &["approvals are missing: l2 1 of 2", "is revoked"],
    );
    for (field, value, word) in [
        ("not_after", -60, "counted until"),
        ("not_before", 3600, "counts from"),
    ] {
        key("release", field, in_seconds(value));
        let run = operator.run();
        run.fails_saying(11, &["0 of 1 signatures of role \"release\"", word]);
        assert_eq!(plan(&operator, &[]).code, 11);
    }
    // A release that ran while all was valid can be rolled back after keys and trust root have expired.
    bend_trust(&site, |document| *document = good.clone());
    operator.run().done();
    key("release", "not_after", in_seconds(-60));
    bend_trust(&site, expired);
    operator.rollback().done();
}

#[test]
fn the_receipt_names_the_version_of_the_trust_root() {
    let (db, site, bundle) = approved("version");
    everybody_approves(&site, &bundle);
    site.pgseal(["keygen", "dan", "--no-passphrase"]).done();
    let add = [
        "trust",
        "add-key",
        "trust.json",
        "--key",
        "dan.pub",
        "--role",
        "l2",
        "--root-key",
        "root.key",
    ];
    site.pgseal(add).done();
    let operator = operator(&db, &site, &bundle);
    operator.run().done();
    assert_eq!(operator.receipt()["trust"]["version"], 2);
}

/// An auditor later authenticates the bundle with its approvals, and the receipt that refers to them.
#[test]
fn an_audit_of_what_ran() {
    let (db, site, bundle) = approved("audit");
    everybody_approves(&site, &bundle);
    let operator = operator(&db, &site, &bundle);
    operator
        .ask_with("run", &["--receipt-key", "receipt.key"])
        .done();
    let audit = |exit: i32| {
        let answer = site.pgseal([
            "audit",
            "receipts",
            bundle.to_str().unwrap(),
            "--trust",
            "trust.json",
        ]);
        assert_eq!(answer.code, exit, "{answer}");
        answer
    };
    audit(0).says(&[
        "a receipt signed by receipt, claimed 20",
        "approved by ann as l2, APR-1",
        "2 authentic, 0 faulty",
    ]);
    let receipt = operator.records(".receipt.json").pop().unwrap();
    let text = fs::read_to_string(&receipt).unwrap();
    fs::write(&receipt, text.replace("APR-1", "APR-2")).unwrap();
    audit(50).says(&["is not valid", "1 authentic, 1 faulty"]);
    fs::write(&receipt, &text).unwrap();
    fs::remove_file(receipt.with_extension("sig")).unwrap();
    audit(50).says(&["it says that it is signed, and its signature is missing"]);
}
