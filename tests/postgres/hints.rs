//! Commands that hints name, run with real values: none is refused because the hint is wrong.

use std::path::Path;

use super::approvals::{approved, operator};
use super::rehearse::Shop;
use super::small;
use pgseal_testkit::cluster::{Cluster, programs};
use pgseal_testkit::release::{Answer, Site};

/// The first command line in backquotes of an answer that begins with these words.
#[track_caller]
fn hinted(answer: &Answer, begins: &str) -> String {
    let text = format!("{}{}", answer.stdout, answer.stderr);
    let lines = text.split('`').skip(1).step_by(2);
    let mut found = lines.filter(|line| line.starts_with(begins));
    let line = found.next();
    line.unwrap_or_else(|| panic!("no `{begins}`: {answer}"))
        .to_owned()
}

/// Runs a line with values in place of its words in capitals, and with what each operator names.
#[track_caller]
fn typed(site: &Site, line: &str, values: &[(&str, &str)], more: &[&str]) -> Answer {
    let value = |word: &str| {
        let known = values.iter().find(|(name, _)| *name == word);
        known.map_or(word, |(_, value)| value).to_owned()
    };
    let words = line.split(' ').skip(1).map(value);
    let mut command = site.command();
    command.env("PGSEAL_POSTGRES_BIN", programs().dir());
    let answer = Answer::of(command.args(words).args(more).output().unwrap());
    assert_ne!(answer.code, 2, "{line}: {answer}");
    answer
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn half_way() {
    let (db, release, site) = small("hints_half");
    let release = release
        .alone("more", "create table public.more ();\nselect 1 / 0;\n")
        .rollback("more", "drop table if exists public.more;\n")
        .variable("ticket");
    let bundle = site.pack(&release);
    // The hinted commands name no value: they take over those of the run.
    let operator = site
        .operator(&bundle, &db.url())
        .variable("ticket", "OPS-1");
    let url = db.url();
    let file = [("FILE", text(&bundle))];
    let database = ["--db", &url, "--receipts", text(operator.receipts())];
    let with_trust = [&database[..], &["--trust", "trust.json"]].concat();
    let stopped = operator.run();
    stopped.fails(31);
    let again = operator.run();
    again.fails(22);
    let status = typed(&site, &hinted(&again, "pgseal status"), &[], &database);
    assert_eq!(status.code, 31, "{status}");
    // Each place that names the way on and the way back.
    for told in [&stopped, &again, &status] {
        let on = hinted(told, "pgseal run --resume");
        let resumed = typed(&site, &on, &file, &with_trust);
        resumed.fails_saying(31, &["division by zero"]);
        let back = hinted(told, "pgseal rollback");
        typed(&site, &back, &file, &with_trust).done();
        operator.run().fails(31);
    }
}

#[test]
fn approvals_missing_and_used() {
    let (db, site, bundle) = approved("hints_approvals");
    let operator = operator(&db, &site, &bundle);
    let approves = |refused: &Answer, (who, role): (&str, &str), more: &[&str]| {
        let key = format!("{who}.key");
        let values = [
            ("FILE", text(&bundle)),
            ("KEY", &key),
            ("ROLE", role),
            ("CODE", "APR-1"),
        ];
        let more = [&["--trust", "trust.json", "--yes", "small"], more].concat();
        typed(&site, &hinted(refused, "pgseal approve"), &values, &more).done();
    };
    let everybody = super::approvals::EVERYBODY;
    let missing = operator.run();
    missing.fails(11);
    everybody
        .iter()
        .for_each(|who| approves(&missing, *who, &[]));
    operator.run().done();
    operator.rollback().done();
    let used = operator.run();
    used.fails_saying(11, &["HELD"]);
    let again = ["--apr", "APR-1"];
    everybody
        .iter()
        .for_each(|who| approves(&used, *who, &again));
    operator.run().done();
}

#[test]
fn rehearsal_missing() {
    let shop = Shop::new("hints_rehearsal");
    shop.release().write(&shop.site.path("source"));
    let pack = ["pack", "source", "-o", "x.pgseal", "--key", "release.key"];
    let pack = pack.iter().chain(&["--require-rehearsal"]);
    shop.site.pgseal(pack).done();
    let bundle = shop.site.path("x.pgseal");
    let operator = shop.site.operator(&bundle, &shop.db.url());
    let missing = operator.run();
    missing.fails(11);
    let admin = Cluster::shared().server().url("postgres");
    let values = [
        ("FILE", text(&bundle)),
        ("KEY", "receipt.key"),
        ("ADMIN_URL", &admin),
        ("DATABASE", shop.db.name()),
    ];
    let line = hinted(&missing, "pgseal rehearse");
    let more = ["--trust", "trust.json", "--receipts", "receipts"];
    typed(&shop.site, &line, &values, &more).done();
    operator.run().done();
}

#[test]
fn already_in_effect_and_unsigned() {
    let (db, release, site) = small("hints_effect");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let ran = operator.run();
    ran.done();
    let url = db.url();
    let file = [("FILE", text(&bundle))];
    let more = ["--trust", "trust.json", "--db", &url];
    let again = operator.run();
    again.fails(22);
    typed(&site, &hinted(&again, "pgseal check"), &file, &more).done();
    let receipt = operator.records(".receipt.json").pop().unwrap();
    let values = [
        ("RECEIPT", text(&receipt)),
        ("FILE", text(&receipt)),
        ("KEY", "receipt.key"),
    ];
    let sign = hinted(&ran, "pgseal receipt sign");
    typed(&site, &sign, &values, &["--trust", "trust.json"]).done();
    let receipts = ["--receipts", text(operator.receipts())];
    let more = [&more[..], &receipts].concat();
    typed(&site, &hinted(&again, "pgseal rollback"), &file, &more).done();
}

#[test]
fn definitions_that_drifted() {
    let (db, mut release, site) = small("hints_drift");
    let first = site.pack(&release);
    (release.version, release.sequence) = ("2.0.0".to_owned(), 2);
    let release = release.demands_no_drift();
    let second = site.pack(&release.baseline("select true as any;\n", "{ any = true }"));
    let url = db.url();
    let sign = ["--fingerprint", "--receipt-key", "receipt.key"];
    let operator = site.operator(&first, &url);
    operator.ask_with("run", &sign).done();
    let index = "create index hurry on public.widgets (name)";
    db.client().batch_execute(index).unwrap();
    let refused = site.operator(&second, &url).ask_with("run", &sign);
    refused.fails(22);
    let receipts = text(operator.receipts());
    let more = [
        "--db",
        &url,
        "--trust",
        "trust.json",
        "--receipts",
        receipts,
    ];
    let drift = typed(&site, &hinted(&refused, "pgseal drift"), &[], &more);
    drift.says(&["public.hurry"]);
}

#[test]
fn no_trust_root() {
    let (db, release, site) = small("hints_trust");
    let bundle = site.pack(&release);
    let url = db.url();
    let run = ["run", text(&bundle), "--db", &url];
    let refused = site.pgseal(run);
    refused.fails_saying(2, &["--trust FILE or PGSEAL_TRUST"]);
    let named = site.pgseal(run.iter().chain(&["--trust", "trust.json"]));
    named.done();
}
