//! `pgseal report`: one status from the evidence, against a real database.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::one_roof::{self, APR, Directus};
use super::small;
use pgseal_testkit::cluster::{Cluster, programs};
use pgseal_testkit::release::{Answer, Operator, Release, Site, assert_same, dump};

mod browser;
mod excerpts;
mod hostile;
mod printed;

/// Runs `report` with additional arguments.
pub(super) fn report(operator: &Operator<'_>, more: &[&str]) -> Answer {
    let receipts = operator.receipts().to_owned();
    let mut command = operator.command("report");
    Answer::of(
        command
            .arg("--receipts")
            .arg(receipts)
            .args(more)
            .output()
            .unwrap(),
    )
}

/// Returns the document after comparing its status and exit code.
#[track_caller]
pub(super) fn expect(operator: &Operator<'_>, word: &str, exit: i32) -> Value {
    let answer = report(operator, &["--json"]);
    let document = answer.json();
    assert_eq!(
        (&document["word"], answer.code),
        (&json!(word), exit),
        "{answer}"
    );
    assert_eq!(document["exit"], json!(exit));
    check_schema(&document);
    document
}

/// Validates against `schemas/output/report.schema.json`.
fn check_schema(document: &Value) {
    let read = |name: &str| -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("schemas")
            .join(name);
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let common = read("common.schema.json");
    let registry = jsonschema::Registry::new()
        .add("https://pgseal.invalid/schemas/common.schema.json", common)
        .unwrap();
    let registry = registry.prepare().unwrap();
    let schema = read("output/report.schema.json");
    let validator = jsonschema::options()
        .with_registry(&registry)
        .build(&schema)
        .unwrap();
    let faults: Vec<String> = validator
        .iter_errors(document)
        .map(|error| error.to_string())
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}

/// The matrix cell of one row.
pub(super) fn cell<'d>(document: &'d Value, row: &str) -> &'d Value {
    let cells = document["matrix"].as_array().unwrap();
    cells.iter().find(|cell| cell["row"] == json!(row)).unwrap()
}

#[track_caller]
pub(super) fn answers(document: &Value, row: &str, answer: &str) {
    assert_eq!(
        cell(document, row)["answer"],
        json!(answer),
        "{}",
        cell(document, row)
    );
}

/// Writes a signed rehearsal receipt of this bundle in the format of `pgseal rehearse`, with freely chosen content.
fn rehearsed(site: &Site, bundle: &Path, receipts: &Path, change: impl Fn(&mut Value)) -> PathBuf {
    let verified = site
        .pgseal([
            "verify",
            "--json",
            "--trust",
            "trust.json",
            bundle.to_str().unwrap(),
        ])
        .json();
    let inspected = site
        .pgseal([
            "inspect",
            "--json",
            "--trust",
            "trust.json",
            bundle.to_str().unwrap(),
        ])
        .json();
    let release = &verified["release"];
    let tier = |tier: &Value| json!({ "name": tier["name"], "statements": 7, "rows": 35, "milliseconds": 412 });
    let tiers: Vec<Value> = inspected["manifest"]["tiers"]
        .as_array()
        .unwrap()
        .iter()
        .map(tier)
        .collect();
    let step = |name: &str, detail: &str| json!({ "name": name, "ok": true, "detail": detail, "milliseconds": 1_200 });
    let key: Value = key_id(site, "receipt");
    let target = json!({
        "database": "directus_rehearsal_5f3a", "server_version": "15.18", "server_version_num": 150018, "role": "postgres",
    });
    let mut predicate = json!({
        "format": 1, "rehearsal_id": "5f3a0c1d5f3a0c1d5f3a0c1d5f3a0c1d", "outcome": "proved",
        "operator": { "user": "operator", "host": "db1" }, "started": now(-3_700), "finished": now(-3_600), "pgseal": "0.1.0",
        "release": release, "signers": [], "trust": { "version": 1, "sha256": "00".repeat(32) },
        "source": { "method": "template", "database": verified["target"]["database"] }, "clone": target, "kept": false,
        "approval": { "file": "ratify.sql", "sha256": "11".repeat(32) }, "variables": {}, "gates": [],
        "steps": [
            step("clone", "a copy of the database, by template"), step("run", "all steps, committed"),
            step("run again", "refused, as it has to be"), step("check", "65 of 65 checks held"),
            step("rollback", "back to the baseline"), step("compare", "the copy is exactly as before the run"),
            step("rollback again", "nothing to do"), step("run once more", "the same result"),
        ],
        "fingerprints": {}, "tiers": tiers, "rollback": [], "locks": [], "verify": [], "signer": key,
    });
    change(&mut predicate);
    let title = format!(
        "{} {}",
        release["name"].as_str().unwrap(),
        release["version"].as_str().unwrap()
    );
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "urn:pgseal:rehearsal:v1", "predicate": predicate,
        "subject": [{ "name": title, "digest": { "sha256": verified["release_id"] } }],
    });
    fs::create_dir_all(receipts).unwrap();
    let path = receipts.join("small.rehearsal.json");
    fs::write(&path, statement.to_string()).unwrap();
    sign(site, &path);
    path
}

/// Signs with openssl and the host's receipt key.
fn sign(site: &Site, document: &Path) {
    let bytes = fs::read(document).unwrap();
    let pae = [
        format!("DSSEv1 28 application/vnd.in-toto+json {} ", bytes.len()).as_bytes(),
        &bytes,
    ]
    .concat();
    fs::write(site.path("pae"), pae).unwrap();
    let mut openssl = Command::new("openssl");
    openssl
        .args(["pkeyutl", "-sign", "-rawin", "-inkey"])
        .arg(site.path("receipt.key"));
    openssl
        .arg("-in")
        .arg(site.path("pae"))
        .arg("-out")
        .arg(document.with_extension("sig"));
    assert!(openssl.status().unwrap().success());
}

/// The id of the trust root's key with this role.
fn key_id(site: &Site, role: &str) -> Value {
    let shown = site
        .pgseal(["trust", "show", "trust.json", "--json"])
        .json();
    let keys = shown["trust"]["keys"]
        .as_array()
        .unwrap_or_else(|| panic!("{shown}"));
    keys.iter().find(|key| key["role"] == json!(role)).unwrap()["id"].clone()
}

/// The time so many seconds from now.
fn now(seconds: i64) -> String {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    pgseal_verify::format::timestamp::Timestamp::from_seconds(since as i64 + seconds)
        .unwrap()
        .to_string()
}

#[test]
fn blocked_then_ready_then_done_then_back() {
    let (db, release, site) = small("report_story");
    let release = release.verify(
        "checked",
        "any",
        "read-only",
        "select 'one' as name, to_regclass('public.approvals') is not null as ok, '' as detail;",
    );
    db.client()
        .batch_execute("truncate public.approvals")
        .unwrap();
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);

    let document = expect(&operator, "BLOCKED", 20);
    answers(&document, "gate", "no-go");
    answers(&document, "rehearsal", "unknown");
    answers(&document, "approvals", "not-needed");
    for row in ["files", "signatures", "target", "ledger", "state", "checks"] {
        answers(&document, row, "go");
        assert_ne!(
            cell(&document, row)["proofs"],
            json!([]),
            "{row} has evidence"
        );
    }
    assert_eq!(
        document["missing"].as_array().unwrap().len(),
        2,
        "{document}"
    );

    // Either alone is not enough. This rehearsal is a real one.
    fs::write(
        site.path("approve.sql"),
        "insert into public.approvals values ('stand-in');",
    )
    .unwrap();
    let mut rehearse = site.command();
    rehearse
        .env("PGSEAL_POSTGRES_BIN", programs().dir())
        .arg("rehearse")
        .arg(&bundle);
    rehearse.args([
        "--trust",
        "trust.json",
        "--db",
        &Cluster::shared().server().url("postgres"),
        "--from",
        db.name(),
    ]);
    rehearse.args([
        "--approve-with",
        "approve.sql",
        "--receipt-key",
        "receipt.key",
        "--receipts",
    ]);
    Answer::of(rehearse.arg(operator.receipts()).output().unwrap()).done();
    let document = expect(&operator, "BLOCKED", 20);
    answers(&document, "rehearsal", "go");
    db.client()
        .batch_execute("insert into public.approvals values ('somebody')")
        .unwrap();
    let document = expect(&operator, "READY", 0);
    let cells = document["matrix"].as_array().unwrap();
    assert!(
        cells
            .iter()
            .all(|cell| cell["answer"] == "go" || cell["answer"] == "not-needed"),
        "{document}"
    );
    db.client()
        .batch_execute("truncate public.approvals")
        .unwrap();
    assert_same(&before, &dump(&db));

    db.client()
        .batch_execute("insert into public.approvals values ('somebody')")
        .unwrap();
    operator
        .ask_with("run", &["--receipt-key", "receipt.key"])
        .done();
    // After the run neither the gate nor a fresh rehearsal is needed.
    db.client()
        .batch_execute("truncate public.approvals")
        .unwrap();
    let document = expect(&operator, "DONE", 0);
    answers(&document, "gate", "go");
    let run = operator.receipt();
    let sentence = document["sentence"].as_str().unwrap();
    assert!(
        sentence.ends_with(", and 1 of 1 check holds."),
        "{sentence}"
    );
    let proofs = cell(&document, "ledger")["proofs"].to_string();
    assert!(proofs.contains(run["run_id"].as_str().unwrap()), "{proofs}");
    let name = operator.records(".receipt.json").pop().unwrap();
    let receipt = &document["receipt"];
    assert_eq!(
        receipt["name"],
        json!(name.file_name().unwrap().to_str().unwrap())
    );
    assert_eq!(
        receipt["sha256"],
        json!(one_roof::sha256(&fs::read(&name).unwrap()))
    );
    assert_eq!(document["timeline"][0]["took"]["measured"], "run");
    assert_eq!(document["values"][0]["before"], "no");
    assert_eq!(document["values"][0]["now"], "yes");

    // The promised state is gone.
    db.client()
        .batch_execute("alter table public.widgets rename to gadgets")
        .unwrap();
    let document = expect(&operator, "STOP", 22);
    answers(&document, "state", "stop");
    db.client()
        .batch_execute("alter table public.gadgets rename to widgets")
        .unwrap();

    operator.rollback().done();
    let document = expect(&operator, "BLOCKED", 20);
    answers(&document, "gate", "no-go");
    assert_eq!(document["in_effect"], json!(false));
}

/// A role that may only read: a missing right of the asker says nothing about the release.
#[test]
fn a_role_that_may_not_look() {
    let (db, release, site) = small("report_reader");
    let check = "insert into public.widgets values (9, 'nine');\nselect 'insert' as name, true as ok, '' as detail;\n";
    let bundle = site.pack(&release.verify("writes", "finalized", "rolled-back", check));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    expect(&operator, "DONE", 0);
    let role = format!("{}_reader", db.name());
    let mut client = db.client();
    client
        .batch_execute(&format!(
            "create role {role} login; grant select on public.widgets, public.approvals to {role}"
        ))
        .unwrap();
    let reader = operator
        .clone()
        .url(&db.url().replace("user=postgres", &format!("user={role}")));
    let document = expect(&reader, "BLOCKED", 20);
    answers(&document, "target", "unknown");
    client
        .batch_execute(&format!("grant usage on schema pgseal to {role}; grant select on all tables in schema pgseal to {role}"))
        .unwrap();
    let document = expect(&reader, "BLOCKED", 20);
    answers(&document, "checks", "unknown");
    answers(&document, "state", "go");
    // What it can see is judged as before.
    client
        .batch_execute("alter table public.widgets rename to gadgets")
        .unwrap();
    let document = expect(&reader, "STOP", 22);
    answers(&document, "state", "stop");
}

/// A rollback that would refuse is not advised.
#[test]
fn a_value_that_no_rollback_changes() {
    let (db, release, site) = small("report_stuck");
    let probe = "select pg_catalog.to_regclass('public.widgets') is not null as widgets,
        (select count(*) from public.approvals) as approvals;\n";
    let release = release
        .baseline(probe, "{ widgets = false, approvals = 1 }")
        .finalized(probe, "{ widgets = true, approvals = 1 }");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    let mut client = db.client();
    client
        .batch_execute("insert into public.approvals values ('another')")
        .unwrap();
    let stuck = "The rollback would refuse as well, because it does not change this: approvals is 2 instead of 1";
    let stop = report(&operator, &[]);
    stop.says(&[stuck]);
    assert!(!stop.stdout.contains("pgseal rollback"), "{stop}");
    operator.rollback().fails_saying(30, &["approvals is 2"]);
    client
        .batch_execute("delete from public.approvals where who = 'another'; alter table public.widgets rename to gadgets")
        .unwrap();
    assert!(!report(&operator, &[]).stdout.contains("would refuse"));
}

/// The approvals of a release in effect are those of its run, with a file of it that has none, and
/// without its receipt.
#[test]
fn the_approvals_of_the_run() {
    let (db, release, site) = small("report_approved");
    let bundle = site.pack(&release);
    site.add_key("ann", "l2");
    site.policy(&["--require", "l2=1"]);
    let without = site.path("without-approvals.pgseal");
    fs::copy(&bundle, &without).unwrap();
    let unapproved = site.operator(&without, &db.url());
    let none = "No approval has been given yet.";
    report(&unapproved, &[]).says(&[none]);
    site.approve(&bundle, "small", ("ann", "l2"), &[]).done();
    let operator = site.operator(&bundle, &db.url());
    let sign = ["--receipt-key", "receipt.key"];
    operator.ask_with("run", &sign).done();
    let counted = "1 approval counted when it ran.";
    for (file, from) in [(&unapproved, " as l2"), (&operator, " as l2")] {
        let document = expect(file, "DONE", 0);
        answers(&document, "approvals", "go");
        let text = report(file, &[]);
        text.says(&[
            counted,
            &format!("ann approved it{from} on "),
            "it counted for the run",
        ]);
        assert!(!text.stdout.contains(none), "{text}");
        assert_eq!(text.stdout.matches("ann approved it").count(), 1, "{text}");
    }
    // The ledger has the key, and no role.
    let nothing = unapproved.clone().receipts_in("elsewhere");
    let document = expect(&nothing, "DONE", 0);
    answers(&document, "approvals", "go");
    let text = report(&nothing, &[]);
    text.says(&[counted, "ann approved it on ", "it counted for the run"]);
    assert!(!text.stdout.contains(none), "{text}");
}

/// A receipt records the past; it never permits a run now.
#[test]
fn without_a_database_nothing_is_ready_or_done() {
    let (db, release, site) = small("report_offline");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator
        .ask_with("run", &["--receipt-key", "receipt.key"])
        .done();
    rehearsed(&site, &bundle, operator.receipts(), |_| ());
    let offline = |more: &[&str]| {
        let mut command = site.command();
        command
            .args(["report", "--json", "--trust", "trust.json", "--receipts"])
            .arg(operator.receipts());
        Answer::of(command.arg(&bundle).args(more).output().unwrap())
    };
    let answer = offline(&[]);
    let document = answer.json();
    assert_eq!(
        (&document["word"], answer.code),
        (&json!("BLOCKED"), 20),
        "{answer}"
    );
    assert_eq!(document["database"], "not asked");
    for row in ["target", "ledger", "gate", "state"] {
        answers(&document, row, "unknown");
        let says = cell(&document, row)["says"].as_str().unwrap();
        assert!(says.contains("The newest receipt says"), "{says}");
    }
    assert_eq!(
        document["missing"].as_array().unwrap().len(),
        1,
        "one thing to do: {document}"
    );
    // A database from the environment is not used either.
    let mut command = site.command();
    command
        .env("PGDATABASE", db.name())
        .args(["report", "--json", "--trust", "trust.json"])
        .arg(&bundle);
    assert_eq!(
        Answer::of(command.output().unwrap()).json()["database"],
        "not asked"
    );
    // A database without an answer does not permit a run.
    let nowhere = format!("postgresql:///x?host={}", site.path("nowhere").display());
    let answer = offline(&["--db", &nowhere]);
    assert_eq!(
        (&answer.json()["word"], answer.code),
        (&json!("STOP"), 1),
        "{answer}"
    );
}

#[test]
fn what_stops_it_gives_its_exit_code() {
    let (db, release, site) = small("report_stop");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());

    // One changed byte of a script.
    let mut bytes = fs::read(&bundle).unwrap();
    let at = bytes
        .windows(12)
        .rposition(|window| window == b"create table")
        .unwrap();
    bytes[at] ^= 1;
    let tampered = site.path("tampered.pgseal");
    fs::write(&tampered, &bytes).unwrap();
    let other = site.operator(&tampered, &db.url());
    let document = expect(&other, "STOP", 11);
    answers(&document, "files", "stop");
    assert_eq!(
        (&document["release"], &document["timeline"]),
        (&Value::Null, &json!([])),
        "nothing of it is shown"
    );
    let text = report(&other, &[]).stdout;
    assert!(text.starts_with("# STOP: tampered.pgseal"), "{text}");
    fs::write(&tampered, "not a bundle").unwrap();
    answers(&expect(&other, "STOP", 10), "files", "stop");

    // The wrong database.
    let twin = super::database("report_twin");
    let document = expect(&operator.clone().url(&twin.url()), "STOP", 22);
    answers(&document, "target", "stop");
    answers(&document, "gate", "unknown");
    // A state that was never rehearsed.
    db.client()
        .batch_execute("create table public.widgets (id integer)")
        .unwrap();
    answers(&expect(&operator, "STOP", 22), "state", "stop");
    db.client()
        .batch_execute("drop table public.widgets")
        .unwrap();
    // A gate without an answer.
    db.client()
        .batch_execute("alter table public.approvals rename to votes")
        .unwrap();
    answers(&expect(&operator, "STOP", 21), "gate", "stop");
    db.client()
        .batch_execute("alter table public.votes rename to approvals")
        .unwrap();
    // A missing bundle or trust root is an error, not a STOP: there is no release to report about.
    fs::remove_file(&bundle).unwrap();
    report(&operator, &[]).fails(1);
}

#[test]
fn a_rehearsal_counts_only_if_it_is_signed_fresh_of_this_release_and_held() {
    let (db, release, site) = small("report_rehearsal");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let rehearsed =
        |change: &dyn Fn(&mut Value)| rehearsed(&site, &bundle, operator.receipts(), change);

    rehearsed(&|_| ());
    expect(&operator, "READY", 0);
    rehearsed(&|it| it["finished"] = json!(now(-8 * 86_400)));
    let document = expect(&operator, "BLOCKED", 20);
    answers(&document, "rehearsal", "unknown");
    assert_eq!(cell(&document, "rehearsal")["is_stale"], json!(true));
    rehearsed(&|it| it["finished"] = json!(now(86_400)));
    answers(&expect(&operator, "BLOCKED", 20), "rehearsal", "unknown");
    let path = rehearsed(&|it| drop(it.as_object_mut().unwrap().remove("signer")));
    fs::remove_file(path.with_extension("sig")).unwrap();
    let document = expect(&operator, "BLOCKED", 20);
    answers(&document, "rehearsal", "unknown");
    assert!(
        document["uncounted"][0]["why"]
            .as_str()
            .unwrap()
            .contains("not signed"),
        "{document}"
    );
    // Changed after signing.
    let path = rehearsed(&|it| it["outcome"] = json!("failed"));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"failed\"", "\"proved\"")).unwrap();
    answers(&expect(&operator, "BLOCKED", 20), "rehearsal", "unknown");
    // A receipt named by the operator must count, so the report stops.
    let named = site.path("named.rehearsal.json");
    fs::rename(&path, &named).unwrap();
    fs::rename(path.with_extension("sig"), named.with_extension("sig")).unwrap();
    let answer = report(
        &operator,
        &["--rehearsal", named.to_str().unwrap(), "--json"],
    );
    assert_eq!(
        (&answer.json()["word"], answer.code),
        (&json!("STOP"), 11),
        "{answer}"
    );
    // It failed, and no newer one was proved.
    rehearsed(&|it| {
        it["outcome"] = json!("failed");
        it["error"] = json!("index public.widgets_name is missing");
    });
    let document = expect(&operator, "STOP", 11);
    assert!(
        document["sentence"]
            .as_str()
            .unwrap()
            .contains("widgets_name is missing"),
        "{document}"
    );
    // It doesn't count for another release.
    let next = site.pack(&Release::on(db.name()).named("small", "1.1.0", 2));
    answers(
        &expect(&site.operator(&next, &db.url()), "BLOCKED", 20),
        "rehearsal",
        "unknown",
    );
}

#[test]
fn a_run_that_stopped_half_way() {
    let (db, release, site) = small("report_partial");
    let release = release.alone(
        "more",
        "create table public.more (id integer);\nselect 1 / 0;\n",
    );
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().fails(31);
    let document = expect(&operator, "STOP", 31);
    answers(&document, "ledger", "stop");
    let brief = report(&operator, &["--format", "text"]);
    assert_eq!(brief.code, 31, "{brief}");
    brief.says(&[
        "STOP Something is wrong.",
        "\n- `pgseal status` shows",
        "the whole report: ",
    ]);
    assert!(brief.stdout.lines().count() <= 12, "{brief}");
    // The values are between two states because of that, which is no second thing to repair.
    answers(&document, "state", "stop");
    let missing = document["missing"].as_array().unwrap();
    let rows: Vec<_> = missing.iter().map(|one| &one["row"]).collect();
    assert_eq!(rows, ["ledger"], "{document}");
    let sentence = document["sentence"].as_str().unwrap();
    assert!(!sentence.contains("other answer"), "{sentence}");
}

#[test]
fn while_somebody_else_runs_there() {
    let (db, release, site) = small("report_lock");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    // The lock that a run holds from its first query to its end.
    let mut other = db.client();
    other
        .batch_execute("select pg_advisory_lock(-2437371639947053445)")
        .unwrap();
    let document = expect(&operator, "BLOCKED", 20);
    answers(&document, "ledger", "no-go");
    answers(&document, "gate", "unknown");
    operator.status().0.done();
    let mut status = site.command();
    let told = Answer::of(status.args(["status", "--db", &db.url()]).output().unwrap());
    told.done()
        .says(&["a run or plan is in progress here, from elsewhere"]);
    drop(other);
    answers(&expect(&operator, "BLOCKED", 20), "ledger", "go");
}

#[test]
fn where_it_is_written() {
    let (db, release, site) = small("report_output");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let page = site.path("report.html");
    // The format follows the name.
    let to = ["-o", page.to_str().unwrap()];
    // The second page replaces the first.
    for _ in 0..2 {
        let answer = report(&operator, &to);
        assert_eq!(answer.code, 20, "{answer}");
        answer.says(&["BLOCKED", "report: "]);
    }
    let html = fs::read_to_string(&page).unwrap();
    assert!(
        html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">") && html.ends_with("</html>\n"),
        "{html}"
    );
    for outside in [
        "http://", "https://", "src=", "<script", "<link", "url(", "@import", "style=", " on",
    ] {
        let found = html
            .find(outside)
            .map(|at| &html[at.saturating_sub(40)..(at + 40).min(html.len())]);
        let is_text = outside == " on"
            && !html.contains(" onclick")
            && !html.contains(" onload")
            && !html.contains(" onerror");
        assert!(found.is_none() || is_text, "{outside}: {found:?}");
    }
    let answer = report(&operator, &[&to[..], &["--json"]].concat());
    assert_eq!(answer.json()["word"], "BLOCKED");
    report(&operator, &["--format", "html", "--json"]).fails_saying(2, &["-o FILE"]);
    let to = site.path("report.pdf");
    let unknown = report(&operator, &["-o", to.to_str().unwrap()]);
    unknown.fails_saying(2, &["no format of a report has this ending", "--format"]);
    assert!(!to.exists());
    let named = site.path("other.html");
    let against = ["--format", "md", "-o", named.to_str().unwrap()];
    report(&operator, &against).says(&["BLOCKED"]);
    assert!(fs::read_to_string(&named).unwrap().starts_with("# BLOCKED"));
    let text = report(&operator, &["--format", "md"]).stdout;
    assert!(
        text.starts_with("# BLOCKED: small 1.0.0") && text.contains("| Gate | GO |"),
        "{text}"
    );
}

/// Pages of the reference release, for visual inspection.
fn one_roof_pages(site: &Site, directus: &Directus) -> Vec<(&'static str, PathBuf)> {
    let bundle = one_roof::pack(site);
    let operator = site
        .operator(&bundle, &directus.db.url())
        .variable("ratified_apr", APR);
    let mut pages = Vec::new();
    let mut page = |word: &'static str, operator: &Operator<'_>| {
        let path = site.path(&format!("{}.html", word.to_lowercase()));
        let answer = report(
            operator,
            &["--format", "html", "-o", path.to_str().unwrap()],
        );
        assert!(answer.stdout.starts_with(word), "{answer}");
        pages.push((word, path));
    };
    page("BLOCKED", &operator);
    directus.ratify();
    rehearsed(site, &bundle, operator.receipts(), |receipt| {
        receipt["variables"] = json!({ "ratified_apr": APR })
    });
    page("READY", &operator);
    operator
        .ask_with("run", &["--receipt-key", "receipt.key"])
        .done();
    page("DONE", &operator);
    directus
        .db
        .client()
        .batch_execute("delete from one_roof.tier_log where tier = 8")
        .unwrap();
    page("STOP", &operator);
    pages
}
