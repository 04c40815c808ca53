//! Signed answers of the six commands that only read, good and bad.

use std::fs;

use serde_json::Value;

use super::small;
use pgseal_testkit::release::Operator;

const GATE: &str = "select exists (select from public.opened) as ready, 'the door' as reason";

/// The newest answer of a kind: its file and its document.
fn newest(operator: &Operator<'_>, kind: &str) -> (String, Value) {
    let mut all = operator.records(".evidence.json");
    all.retain(|path| path.to_string_lossy().contains(kind));
    let path = all.pop().unwrap_or_else(|| panic!("no answer of {kind}"));
    let document = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    (path.to_str().unwrap().to_owned(), document)
}

/// A document without the end of its command.
fn answer(mut document: Value) -> Value {
    let fields = document.as_object_mut().unwrap();
    fields.retain(|name, _| name != "exit" && name != "error");
    document
}

#[test]
fn each_command_signs_what_it_prints() {
    let (db, release, site) = small("answers");
    db.client()
        .batch_execute("create table public.opened (); grant select on public.opened to public")
        .unwrap();
    let bundle = site.pack(&release.without_gates().gate("door", GATE));
    let operator = site.operator(&bundle, &db.url());
    let receipts = operator.receipts().to_str().unwrap();
    let signed = ["--receipt-key", "receipt.key", "--receipts", receipts];
    let id = site.pgseal([
        "inspect",
        "--trust",
        "trust.json",
        bundle.to_str().unwrap(),
        "--json",
    ]);
    let id = id.done().json()["release_id"].clone();
    let ask = |command: &str, exit: i32| {
        let given = operator.ask_with(command, &[&signed[..], &["--json"]].concat());
        assert_eq!(given.code, exit, "{command}: {}", given.stderr);
        let (path, document) = newest(&operator, &format!("-{command}-"));
        let said = &document["predicate"];
        assert_eq!(
            answer(said["answer"].clone()),
            answer(given.json()),
            "{command}"
        );
        assert_eq!(said["exit"], exit, "{command}");
        assert_eq!(said["target"]["database"], db.name(), "{command}");
        let kind = format!("urn:pgseal:evidence:{command}:v1");
        assert_eq!(document["predicateType"], kind);
        assert_eq!(document["subject"][0]["digest"]["sha256"], id, "{command}");
        let verify = ["receipt", "verify", "--trust", "trust.json", &path];
        site.pgseal([&verify[..], &["--bundle", bundle.to_str().unwrap()]].concat())
            .done();
    };
    // A bad answer is evidence as well.
    for command in ["gate", "plan", "report"] {
        ask(command, 20);
    }
    let only = operator.ask_with("gate", &[&signed[..], &["--only"]].concat());
    assert_eq!(only.code, 20);
    assert_eq!(newest(&operator, "-gate-").1["predicate"]["exit"], 20);
    db.client()
        .batch_execute("alter table public.opened add n int; insert into public.opened values (1)")
        .unwrap();
    for command in ["gate", "plan", "check"] {
        ask(command, 0);
    }
    let run = [&["--fingerprint"][..], &signed[..2]].concat();
    operator.ask_with("run", &run).done();
    ask("drift", 0);
    ask("report", 0);
    let change = "alter table public.widgets alter name set default 'x'";
    db.client().batch_execute(change).unwrap();
    ask("drift", 50);
    // Without a file, the answer is about the release of the receipt.
    let drift = ["drift", "--trust", "trust.json", "--db", &db.url()];
    assert_eq!(site.pgseal([&drift[..], &signed].concat()).code, 50);
    let (_, document) = newest(&operator, "-drift-");
    assert_eq!(document["subject"][0]["digest"]["sha256"], id);
    db.client()
        .batch_execute("drop table public.widgets")
        .unwrap();
    ask("check", 22);
    let files = operator.records(".evidence.json").len();
    // Markdown on standard output stays Markdown.
    let report = operator.ask_with("report", &signed);
    assert!(report.stdout.starts_with('#'), "{}", report.stdout);
    assert!(report.stderr.contains("evidence: "), "{}", report.stderr);
    assert_eq!(operator.records(".evidence.json").len(), files + 1);
    operator.ask("report");
    assert_eq!(operator.records(".evidence.json").len(), files + 1);
}

/// A fingerprint is about the content of a database, not about a release.
#[test]
fn a_fingerprint_is_about_its_digest() {
    let (db, _, site) = small("answersfp");
    let (receipts, url) = (site.path("kept"), db.url());
    let receipts = receipts.to_str().unwrap();
    let take = [
        "fingerprint",
        "--trust",
        "trust.json",
        "--db",
        &url,
        "--json",
    ];
    let signed = ["--receipt-key", "receipt.key", "--receipts", receipts];
    let given = site.pgseal([&take[..], &signed].concat()).done().json();
    let operator = site.operator(&site.path("none"), &url).receipts_in("kept");
    let (path, document) = newest(&operator, "/fingerprint-");
    assert_eq!(document["predicate"]["answer"], answer(given.clone()));
    assert_eq!(document["subject"][0]["name"], db.name());
    assert_eq!(document["subject"][0]["digest"]["sha256"], given["sha256"]);
    assert_eq!(document["predicate"].get("release"), None);
    site.pgseal(["receipt", "verify", "--trust", "trust.json", &path])
        .done();
}

#[test]
fn a_key_of_another_role_and_a_medium_that_takes_nothing() {
    let (db, release, site) = small("answersno");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    for command in ["gate", "plan", "report", "check"] {
        operator
            .ask_with(command, &["--receipt-key", "release.key"])
            .fails_saying(2, &["receipts are signed by the role receipt"]);
    }
    // A regular file is in the place of the directory.
    fs::write(site.path("taken"), "").unwrap();
    let signed = ["--receipt-key", "receipt.key", "--receipts", "taken/below"];
    operator
        .ask_with("check", &signed)
        .fails_saying(40, &["the signed answer could not be stored"]);
    // A bad answer keeps its exit code.
    db.client()
        .batch_execute("create table public.widgets (id int)")
        .unwrap();
    let bad = operator.ask_with("check", &signed);
    assert_eq!(bad.code, 22);
    assert!(bad.stderr.contains("could not be stored"), "{}", bad.stderr);
}
