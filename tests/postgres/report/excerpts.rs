//! A server error on a page: its lines are aligned as in a terminal.

use std::fs;

use super::super::rehearse::{Rehearsal, last_receipt};
use super::super::small;
use super::{cell, expect, report};
use pgseal_testkit::cluster::Cluster;

#[test]
fn lines_of_an_error_stay_lines() {
    let (db, release, site) = small("report_lines");
    let tier = "create table public.a (n integer);\nselect n,\n    <b> from public.a;\n";
    let bundle = site.pack(&release.tier("broken", tier));
    let rehearsed = Rehearsal::of(&site, &bundle, Cluster::shared())
        .from(db.name())
        .signed();
    rehearsed
        .run()
        .fails_saying(30, &["syntax error at or near \"<\"", "^"]);
    let because = last_receipt(&site)["error"].as_str().unwrap().to_owned();
    let mut because = because.lines();
    let (first, below) = (because.next().unwrap(), because.collect::<Vec<_>>());
    let [.., statement, mark] = below[..] else {
        panic!("{first}: {below:?}")
    };
    assert!(statement.ends_with("    <b> from public.a;"), "{statement}");
    assert_eq!(
        statement.find('<').unwrap(),
        mark.find('^').unwrap(),
        "{below:?}"
    );

    let operator = site.operator(&bundle, &db.url()).receipts_in("receipts");
    let document = expect(&operator, "STOP", 11);
    let answer = cell(&document, "rehearsal");
    assert!(
        answer["says"]
            .as_str()
            .unwrap()
            .ends_with("syntax error at or near \"<\" (SQLSTATE 42601)."),
        "{answer}"
    );
    assert_eq!(answer["excerpt"], serde_json::json!(below));
    let page = site.path("report.html");
    assert_eq!(
        report(
            &operator,
            &["--format", "html", "-o", page.to_str().unwrap()]
        )
        .code,
        11
    );
    let excerpt = format!(
        "<pre>{}\n</pre>",
        below.join("\n").replace('<', "&lt;").replace('>', "&gt;")
    );
    assert!(
        fs::read_to_string(page).unwrap().contains(&excerpt),
        "{excerpt}"
    );
    let code: String = below.iter().map(|line| format!("    {line}\n")).collect();
    assert!(
        report(&operator, &[])
            .stdout
            .contains(&format!("\n\n{code}")),
        "{code}"
    );
    let receipt = super::super::rehearse::receipts(&site).pop().unwrap();
    let shown = site.pgseal([
        "receipt",
        "show",
        receipt.to_str().unwrap(),
        "--trust",
        "trust.json",
    ]);
    shown.done().says(&["because: ", &below.join("\n")]);
}
