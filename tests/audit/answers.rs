//! Output of an audit: text, lines, files, and the period that it covers.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::vault::{ARCHIVE, Vault, approved, bundle, ran, set};
use pgseal_testkit::tar::Tar;
use pgseal_testkit::terminal::Terminal;

/// Creates an archive of twelve releases that ran; one of them was changed later.
fn vault() -> Vault {
    let vault = Vault::new();
    let trust = vault.trust(|_| {});
    for n in 1..=12_u32 {
        let plain = bundle("shop", &format!("{n}.0"), n, &vault.keys.release);
        vault.put(&format!("{n}.pgseal"), approved(&plain, &vault.keys.ann));
        vault.receipt(
            &format!("{n}"),
            &ran(
                &plain,
                trust,
                &format!("2026-11-21T{:02}:00:00Z", 8 + n),
                &n.to_string(),
            ),
        );
    }
    let mut tar = Tar::of(&vault.site.read("archive/7.pgseal"));
    tar.member("gate/open.sql").content[0] ^= 1;
    vault.put("7.pgseal", tar.bytes());
    vault
}

fn paths(lines: &[String]) -> Vec<String> {
    let path = |line: &String| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["path"].as_str().expect("a path").to_owned()
    };
    lines.iter().map(path).collect()
}

#[test]
fn one_finding_a_line() {
    let vault = vault();
    let answer = vault.audit(&[ARCHIVE, "--jsonl"]);
    assert_eq!(answer.code, 50);
    let lines: Vec<String> = answer.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 24);
    assert!(paths(&lines).is_sorted());
    for line in &lines {
        let finding: Value = serde_json::from_str(line).expect("JSON");
        assert!(
            finding["faults"].is_array() && finding["notes"].is_array(),
            "{line}"
        );
    }
    let both = vault.audit(&[ARCHIVE, "--jsonl", "--json"]);
    assert_eq!(both.code, 2);
    assert_eq!(vault.audit(&[]).code, 2);
}

#[test]
fn an_answer_goes_to_a_file_whole() {
    let vault = vault();
    let answer = vault.audit(&[ARCHIVE, "-o", "answer.txt"]);
    assert_eq!(answer.code, 50);
    let sum = "12 bundles, 12 receipts, 23 authentic, 1 faulty, 1 fault";
    assert_eq!(answer.text(), format!("{sum}; written to answer.txt\n"));
    let text = String::from_utf8(vault.site.read("answer.txt")).expect("text");
    assert!(
        text.ends_with(&format!("{sum}\n")) && text.contains("FAULT archive/7.pgseal"),
        "{text}"
    );
    vault.audit(&[ARCHIVE, "--json", "-o", "answer.json"]);
    let document: Value = serde_json::from_slice(&vault.site.read("answer.json")).expect("JSON");
    assert_eq!(document["faults"], 1);
    vault
        .audit(&[ARCHIVE, "-o", "nowhere/answer.txt"])
        .is_error(1, "nowhere/answer.txt");
}

#[test]
fn only_what_is_new() {
    let vault = vault();
    let age = |name: &str, days: u64| {
        let file = File::options()
            .write(true)
            .open(vault.archive().join(name))
            .expect("there");
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400))
            .expect("our own file");
    };
    for n in 1..=12 {
        age(&format!("{n}.pgseal"), 3000);
        age(&format!("{n}.receipt.json"), 3000);
    }
    let since = [ARCHIVE, "--since", "2020-01-01"];
    // No new file is not an error.
    let nothing = vault.audit(&since);
    assert_eq!(
        (nothing.code, nothing.text().as_str()),
        (0, "0 bundles, 0 authentic, 0 faulty, 0 faults\n")
    );
    // New files are judged; their older counterparts, which are not read, are not reported as missing.
    let thirteen = bundle("shop", "13.0", 13, &vault.keys.release);
    let trust = vault.trust(|_| {});
    vault.receipt("13", &ran(&thirteen, trust, "2026-11-21T22:00:00Z", "13"));
    assert_eq!(
        vault
            .audit(&since)
            .done()
            .text()
            .matches("ok archive/13.receipt.json")
            .count(),
        1
    );
    vault.put(
        "14.pgseal",
        bundle("shop", "14.0", 14, &vault.keys.stranger),
    );
    assert_eq!(vault.faults(&since), set([("14.pgseal", "unknown-key")]));
}

#[test]
fn times_that_are_not_yet() {
    let vault = vault();
    let refused = vault.audit(&[ARCHIVE, "--since", "2222-01-01"]);
    refused.is_error(2, "--since 2222-01-01T00:00:00Z is in the future");
}

#[test]
fn how_far_it_is_moves_on_a_terminal() {
    let vault = vault();
    let good = vault.site.read("archive/1.pgseal");
    for n in 0..500 {
        vault.put(&format!("more/{n}.pgseal"), &good);
    }
    let mut audit = Command::new(env!("CARGO_BIN_EXE_pgseal"));
    audit
        .args(["audit", "archive"])
        .current_dir(vault.site.dir());
    let (_, said) = Terminal::start(audit.env("PGSEAL_TRUST", "trust.json"), 120).end();
    let moved = said
        .split(['\r', '\n'])
        .find(|line| line.contains(" a second"))
        .unwrap_or_default();
    let files = moved
        .split(" files, ")
        .next()
        .and_then(|before| before.rsplit(' ').next())
        .unwrap_or_default();
    assert!(
        files
            .parse::<usize>()
            .is_ok_and(|files| files >= 64 && files.is_multiple_of(64)),
        "{said:?}"
    );
    assert!(
        moved.contains(" files, 0 faults, ") || moved.contains(" files, 1 fault, "),
        "{moved:?}"
    );
    // The progress line is erased before the output, and not written at all without a terminal.
    assert!(
        said.trim_end()
            .ends_with("523 authentic, 1 faulty, 1 fault"),
        "{said:?}"
    );
    assert_eq!(vault.audit(&[ARCHIVE]).stderr, "");
}

#[test]
fn then_and_now() {
    let vault = Vault::new();
    vault.put("a.pgseal", bundle("shop", "1.0.0", 1, &vault.keys.release));
    vault.trust(|draft| {
        draft.entry(&vault.keys.release)["not_after"] = "2026-01-01T00:00:00Z".into()
    });
    let then = vault
        .audit(&[ARCHIVE, "--as-of", "2025-06-01", "--json"])
        .done()
        .json();
    let finding = &then["files"][0];
    assert_eq!(
        (&finding["then"]["authentic"], &finding["now"]["authentic"]),
        (&true.into(), &false.into())
    );
    assert_eq!(
        finding["now"]["why_not"],
        "its key counted until 2026-01-01T00:00:00Z"
    );
    let said = vault
        .audit(&[ARCHIVE, "--as-of", "2025-06-01"])
        .done()
        .text();
    assert!(
        said.contains("    not authentic now: its key counted until 2026-01-01T00:00:00Z\n"),
        "{said}"
    );
    assert_eq!(
        vault.faults(&[ARCHIVE]),
        set([("a.pgseal", "too-few-signatures")])
    );
}

#[test]
fn of_many_files_only_what_is_wrong_is_shown() {
    let vault = Vault::new();
    let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
    for n in 0..101 {
        vault.put(&format!("{n}.pgseal"), &good);
    }
    let sum = "101 bundles, 101 authentic, 0 faulty, 0 faults\n";
    assert_eq!(vault.audit(&[ARCHIVE]).done().text(), sum);
    let shown = |args: &[&str]| {
        vault
            .audit(args)
            .done()
            .text()
            .lines()
            .filter(|line| line.starts_with("ok "))
            .count()
    };
    assert_eq!(shown(&[ARCHIVE, "--all"]), 101);
    std::fs::remove_file(vault.archive().join("0.pgseal")).expect("there");
    assert_eq!(shown(&[ARCHIVE]), 100);
}
