//! `receipt show` and `receipt verify`: the record of a run, and its authenticity.

use std::fs;
use std::path::{Path, PathBuf};

use super::small;
use pgseal_testkit::cluster::Cluster;
use pgseal_testkit::proxy::{Fate, Proxy};
use pgseal_testkit::release::{Answer, Operator, Release, Site};

fn signed(operator: &Operator<'_>, command: &str) -> Answer {
    operator.ask_with(command, &["--receipt-key", "receipt.key"])
}

fn verify(site: &Site, files: &[&Path], more: &[&str]) -> Answer {
    let mut command = site.command();
    Answer::of(
        command
            .args(["receipt", "verify", "--trust", "trust.json"])
            .args(files)
            .args(more)
            .output()
            .unwrap(),
    )
}

fn show(site: &Site, file: &Path, more: &[&str]) -> Answer {
    Answer::of(
        site.command()
            .args(["receipt", "show"])
            .arg(file)
            .args(more)
            .output()
            .unwrap(),
    )
}

fn newest(operator: &Operator<'_>) -> (PathBuf, PathBuf) {
    let receipt = operator.records(".receipt.json").pop().unwrap();
    let journal = receipt.with_extension("").with_extension("journal");
    assert!(journal.is_file());
    (receipt, journal)
}

/// The receipt of a rollback in production is verified against the run that it undoes.
#[test]
fn with_the_definitions_before_and_after() {
    let (db, release, site) = small("receipt_schema");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.ask("run").done();
    assert!(
        operator.receipt()["schema"].is_null(),
        "only where it is asked for"
    );
    operator.rollback().done();
    let schema = |command: &str, dir: &str| {
        let operator = site.operator(&bundle, &db.url()).receipts_in(dir);
        operator.ask_with(command, &["--fingerprint"]).done();
        let (path, _) = newest(&operator);
        show(&site, &path, &[]).done().says(&["definitions before"]);
        operator.receipt()["schema"].clone()
    };
    let (run, rollback) = (schema("run", "there"), schema("rollback", "back"));
    assert_ne!(run["before"], run["after"]);
    assert_eq!(
        (&rollback["before"], &rollback["after"]),
        (&run["after"], &run["before"])
    );
    let alone = site
        .command()
        .args(["fingerprint", "--schema-only", "--json", "--db", &db.url()])
        .output()
        .unwrap();
    assert_eq!(Answer::of(alone).done().json()["sha256"], run["before"]);
    // An unchanged database has no state after the run.
    let failing = site.pack(
        &Release::on(db.name())
            .named("failing", "1.0.0", 1)
            .tier("bad", "select 1 / 0;\n"),
    );
    let operator = site.operator(&failing, &db.url()).receipts_in("failed");
    operator.ask_with("run", &["--fingerprint"]).fails(30);
    assert!(operator.receipt()["schema"]["after"].is_null());
}

#[test]
fn of_a_run() {
    let (db, release, site) = small("receipt");
    let slow =
        "select pg_sleep(0.3);\ndo $$ begin raise warning 'mind \u{1b}[31m the step'; end $$;\n";
    let bundle = site.pack(&release.tier("slow", slow));
    let operator = site.operator(&bundle, &db.url());
    signed(&operator, "run").done();
    let (receipt, _) = newest(&operator);
    verify(&site, &[&receipt], &["--bundle", bundle.to_str().unwrap()])
        .done()
        .says(&[
            "run of small 1.0.0",
            "committed",
            "signed by receipt",
            "journal beside it agrees: 3 lines",
        ]);
    let shown = show(&site, &receipt, &["--trust", "trust.json"]);
    let transaction = db.ask("select transaction_id from pgseal.ledger");
    shown.done().says(&[
        "run of small 1.0.0 on",
        "release id",
        "asked on a connection of its own: READY",
        "asked last before COMMIT: READY",
        "tiers/slow.sql:1:1",
        "mind \\u{1b}[31m the step",
        &transaction,
        "authentic: signed by receipt",
        "release signed by release (",
    ]);
    let document = show(&site, &receipt, &["--trust", "trust.json", "--json"]).json();
    assert_eq!(
        document["predicate"]["run_id"],
        operator.receipt()["run_id"]
    );
    // A receipt is readable without a trust root, but proves nothing.
    show(&site, &receipt, &[]).done().says(&[
        "not authenticated: no trust root is named",
        "journal beside it agrees",
    ]);
    // Another release's bundle.
    let other = site.pack(&Release::on(db.name()).named("other", "1.0.0", 1));
    verify(&site, &[&receipt], &["--bundle", other.to_str().unwrap()])
        .fails_with(11, "of another release");
    signed(&operator, "rollback").done();
    let files: Vec<PathBuf> = operator.records(".receipt.json");
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    verify(&site, &files, &[]).done().says(&[
        "rollback of small 1.0.0",
        "2 receipts, 2 authentic, 0 faulty",
    ]);
    let document = verify(&site, &files, &["--json"]).json();
    assert_eq!(document["receipts"][1]["journal"], "agrees");
}

/// Asserts on the answer instead of the error.
trait Finds {
    fn fails_with(&self, code: i32, fault: &str);
}

impl Finds for Answer {
    fn fails_with(&self, code: i32, fault: &str) {
        assert_eq!(self.code, code, "{self}");
        assert!(self.stdout.contains(fault), "{fault}: {self}");
    }
}

#[test]
fn changed_cut_or_swapped() {
    let (db, release, site) = small("tampered");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    signed(&operator, "run").done();
    let (first, _) = newest(&operator);
    std::thread::sleep(std::time::Duration::from_millis(20));
    signed(&operator, "rollback").done();
    let (receipt, journal) = newest(&operator);
    let lines = fs::read_to_string(&journal).unwrap();
    let all: Vec<&str> = lines.split_inclusive('\n').collect();
    assert_eq!(all.len(), 3);
    let other = fs::read_to_string(first.with_extension("").with_extension("journal")).unwrap();
    for (changed, why) in [
        (lines.replacen("rollback", "rollbacK", 1), "damaged"),
        (all[..2].concat(), ""),
        (all[..1].concat(), "not the one that the receipt names"),
        (String::new(), "another run"),
        (format!("{}{}", all[0], all[2]), "damaged"),
        (
            lines.replace("\"committed\"", "\"unchanged\""),
            "ends otherwise",
        ),
        (lines.trim_end().to_owned(), "cut off"),
        (other, "another run"),
    ] {
        fs::write(&journal, &changed).unwrap();
        let answer = verify(&site, &[&receipt], &[]);
        match why {
            // The receipt implies the journal's end, which is missing if the medium was full.
            "" => assert_eq!(answer.code, 0, "{answer}"),
            why => answer.fails_with(11, why),
        }
    }
    fs::remove_file(&journal).unwrap();
    verify(&site, &[&receipt], &[])
        .done()
        .says(&["no journal is beside it"]);

    let document = fs::read_to_string(&receipt).unwrap();
    fs::write(&receipt, document.replace("\"committed\"", "\"unchanged\"")).unwrap();
    let answer = verify(&site, &[&first, &receipt], &[]);
    answer.fails_with(11, "FAULT");
    answer.says(&["2 receipts, 1 authentic, 1 faulty"]);
    show(&site, &receipt, &["--trust", "trust.json"]).fails_saying(11, &["nothing of it is shown"]);
    fs::write(&receipt, "{}").unwrap();
    verify(&site, &[&receipt], &[]).fails_with(10, "not a receipt");
    show(&site, &receipt, &[]).fails_saying(10, &["not a receipt"]);
    verify(&site, &[&site.path("missing.receipt.json")], &[]).fails_with(1, "can't be read");
}

#[test]
fn that_nobody_signed() {
    let (db, release, site) = small("unsigned");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    let (receipt, _) = newest(&operator);
    // `audit` reports the same but exits with 0: it lists findings, and isn't asked whether this receipt is authentic.
    let proves_nothing = "a receipt that anybody can have written: it proves nothing";
    let name = receipt.file_name().unwrap().to_str().unwrap();
    for (answer, code) in [
        (verify(&site, &[&receipt], &[]), 11),
        (
            site.pgseal([
                Path::new("audit"),
                receipt.as_path(),
                Path::new("--trust"),
                Path::new("trust.json"),
            ]),
            0,
        ),
    ] {
        assert_eq!(answer.code, code, "{answer}");
        answer.says(&[
            "unsigned ",
            name,
            proves_nothing,
            "0 authentic, 1 not signed, 0 faulty",
        ]);
    }
    show(&site, &receipt, &["--trust", "trust.json"])
        .done()
        .says(&["not signed", "proves nothing"]);
}

/// A failed run has a receipt like a successful one.
#[test]
fn of_runs_that_failed() {
    let (db, release, site) = small("failedreceipt");
    let broken = site.pack(&release.clone().tier("broken", "select 1 / 0;\n"));
    let operator = site.operator(&broken, &db.url());
    signed(&operator, "run").fails(30);
    let unchanged = newest(&operator).0;
    assert_eq!(operator.receipt()["outcome"], "unchanged");
    show(&site, &unchanged, &["--trust", "trust.json"])
        .done()
        .says(&["as before", "because: ", "division by zero"]);

    let halfway = site.pack(
        &release
            .clone()
            .alone("steps", "vacuum public.widgets;\nvacuum public.missing;\n"),
    );
    let operator = site.operator(&halfway, &db.url()).receipts_in("halfway");
    signed(&operator, "run").fails(31);
    let partial = newest(&operator).0;
    assert_eq!(operator.receipt()["outcome"], "partial");
    show(&site, &partial, &["--trust", "trust.json"])
        .done()
        .says(&["stopped half way", "because: ", "VACUUM"]);
    // With unreadable or missing journals the database is still queried.
    fs::write(site.path("file"), "").unwrap();
    for dir in ["file", "nowhere"] {
        let (answer, status) = operator.clone().receipts_in(dir).status();
        assert_eq!(answer.code, 31, "{answer}");
        assert_eq!(
            status["unread"].as_array().map(Vec::len),
            Some(usize::from(dir == "file"))
        );
    }
    operator.rollback().done();

    let proxy = Proxy::before(
        Cluster::shared().server().dir(),
        Fate::AnswerLostAndServerAway,
    );
    let whole = site.pack(&release);
    let operator = site
        .operator(&whole, &proxy.url(db.name()))
        .receipts_in("lost");
    signed(&operator, "run").fails(32);
    let unknown = newest(&operator).0;
    assert_eq!(operator.receipt()["outcome"], "unknown");
    show(&site, &unknown, &["--trust", "trust.json"])
        .done()
        .says(&["it is unknown whether"]);
    verify(&site, &[&unchanged, &partial, &unknown], &[])
        .done()
        .says(&["3 receipts, 3 authentic"]);
}

/// A receipt that nobody signed gets its signature later, as long as its journal proves it.
#[test]
fn that_is_signed_later() {
    let (db, release, site) = small("signedlater");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let warning = "without --receipt-key the receipt is not signed";
    let nothing = operator.rollback();
    nothing.done().says(&["nothing to do"]);
    assert!(!nothing.stderr.contains(warning), "{nothing}");
    operator.run().done().says(&[warning]);
    let refused = operator.run();
    refused.fails(22);
    assert!(!refused.stderr.contains(warning), "{refused}");
    let (receipt, journal) = newest(&operator);
    assert_eq!(verify(&site, &[&receipt], &[]).code, 11);
    let sign = |key: &str| {
        let mut command = site.command();
        command.args(["receipt", "sign", "--key", key, "--trust", "trust.json"]);
        Answer::of(command.arg(&receipt).output().unwrap())
    };
    sign("release.key").fails_saying(2, &["has the role release"]);
    let (unsigned, lines) = (
        fs::read(&receipt).unwrap(),
        fs::read_to_string(&journal).unwrap(),
    );
    let cut = &lines[..lines.trim_end().rfind('\n').unwrap() + 1];
    fs::write(&journal, cut).unwrap();
    sign("receipt.key").fails_saying(11, &["its last line is missing, which has the outcome"]);
    let cut = &cut[..cut.trim_end().rfind('\n').unwrap() + 1];
    fs::write(&journal, cut).unwrap();
    sign("receipt.key").fails_saying(11, &["its journal does not prove it"]);
    fs::write(&journal, &lines).unwrap();
    for (from, to, why) in [
        (db.name(), "elsewhere", "another database"),
        ("\"committed\"", "\"unchanged\"", "ends otherwise"),
        (
            "\"transaction_id\":\"",
            "\"transaction_id\":\"9",
            "no COMMIT",
        ),
    ] {
        let text = String::from_utf8(unsigned.clone()).unwrap();
        assert!(text.contains(from), "{from}: {text}");
        fs::write(&receipt, text.replace(from, to)).unwrap();
        sign("receipt.key").fails_saying(11, &["its journal does not prove it", why]);
    }
    fs::write(&receipt, &unsigned).unwrap();
    fs::remove_file(&journal).unwrap();
    sign("receipt.key").fails_saying(11, &["it is missing"]);
    assert_eq!(fs::read(&receipt).unwrap(), unsigned);
    fs::write(&journal, &lines).unwrap();

    sign("receipt.key")
        .done()
        .says(&["signed by", "run of small 1.0.0"]);
    verify(&site, &[&receipt], &[]).done();
    sign("receipt.key").fails_saying(2, &["it is signed already"]);
    // An interruption between the document and its signature.
    fs::remove_file(receipt.with_extension("sig")).unwrap();
    assert_eq!(verify(&site, &[&receipt], &[]).code, 11);
    sign("receipt.key").done();
    verify(&site, &[&receipt], &[]).done();

    site.pgseal([
        "trust",
        "set-policy",
        "trust.json",
        "--receipts",
        "signed",
        "--root-key",
        "root.key",
    ])
    .done()
    .says(&["a run needs a key that signs its receipt"]);
    // A rollback waits for nothing.
    operator.rollback().done().says(&[warning]);
    let before = operator.records("").len();
    operator
        .run()
        .fails_saying(11, &["without a signed receipt", "--receipt-key KEY"]);
    assert_eq!(operator.records("").len(), before);
    signed(&operator, "run").done();
}
