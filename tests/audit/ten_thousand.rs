//! An archive of 10,000 bundles with approvals and receipts, and 20 planted faults of 20 kinds: the audit reports
//! exactly those.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU32, Ordering};

use pgseal_verify::digest::Digest;

use crate::vault::{ARCHIVE, Vault, approved, bundle, lines, ran, rolled_back, yes};
use pgseal_testkit::bundles::{resign, statement};
use pgseal_testkit::people::{approval, say};
use pgseal_testkit::tar::{Member, Tar};

const BUNDLES: u32 = 10_000;

/// Number of releases that share a name; they run one after the other on a database of their own.
const OF_A_NAME: u32 = 100;

/// The planted faults: number of the bundle, and kind of the fault.
const PLANTED: [(u32, &str); 20] = [
    (111, "unreadable"),
    (222, "malformed"),
    (333, "unsigned"),
    (444, "unknown-key"),
    (555, "invalid-signature"),
    (666, "too-few-signatures"),
    (777, "revoked-key"),
    (1000, "file-changed"),
    (1500, "file-missing"),
    (2001, "file-extra"),
    (2500, "bad-approval"),
    (3003, "stripped"),
    (3500, "equivocation"),
    (4004, "sequence-twice"),
    (4550, "sequence-back"),
    (5005, "receipt-without-bundle"),
    (6006, "receipt-differs"),
    (7007, "run-without-approvals"),
    (8008, "rollback-without-run"),
    (9999, "run-twice"),
];

#[test]
fn exactly_the_planted_faults_are_found() {
    let vault = Vault::new();
    let trust = vault.trust(|_| {});
    let next = AtomicU32::new(0);
    let planted: Vec<(String, String)> = std::thread::scope(|scope| {
        let worker = || {
            let mut planted = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= BUNDLES {
                    return planted;
                }
                let word = PLANTED
                    .iter()
                    .find(|(at, _)| *at == n)
                    .map(|(_, word)| *word);
                planted.extend(
                    write(&vault, trust, n, word)
                        .map(|path| (path, word.unwrap_or_default().to_owned())),
                );
            }
        };
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("no panic"))
            .collect()
    });
    let planted: BTreeSet<(String, String)> = planted.into_iter().collect();
    assert_eq!(planted.len(), PLANTED.len());

    let whole = vault.audit(&[ARCHIVE, "--jsonl", "-o", "whole.jsonl"]);
    assert_eq!(whole.code, 50);
    assert!(
        whole
            .text()
            .contains(" 20 faulty, 20 faults; written to whole.jsonl"),
        "{}",
        whole.text()
    );
    assert_eq!(faults_of(&lines(&vault.site.path("whole.jsonl"))), planted);

    let text = vault.audit(&[ARCHIVE]).text();
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("FAULT "))
            .count(),
        20
    );
    assert!(
        text.ends_with(" 20 faulty, 20 faults\n"),
        "{}",
        text.lines().last().unwrap_or_default()
    );
}

/// Reports the faults of the given lines: path below the archive, and kind.
fn faults_of(lines: &[String]) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for line in lines {
        let finding: serde_json::Value = serde_json::from_str(line).expect("JSON");
        for fault in finding["faults"].as_array().expect("a list") {
            let path = finding["path"]
                .as_str()
                .expect("text")
                .trim_start_matches("archive/")
                .to_owned();
            let kind = fault["kind"].as_str().expect("text").to_owned();
            assert!(all.insert((path, kind)), "told twice: {line}");
        }
    }
    all
}

/// Writes a release with its approval and its receipt, with the planted fault if there is one; returns the path of that
/// fault.
fn write(vault: &Vault, trust: Digest, n: u32, word: Option<&str>) -> Option<String> {
    let keys = &vault.keys;
    let (name, number) = (format!("app-{:03}", n / OF_A_NAME), n % OF_A_NAME + 1);
    let title = format!("{name}-1.{number}");
    let plain = bundle(&name, &format!("1.{number}"), number, &keys.release);
    // The approval is inside every second bundle, and a separate file for the others.
    let with_yes = if n.is_multiple_of(2) {
        approved(&plain, &keys.ann)
    } else {
        plain.clone()
    };
    let file = format!("{name}/{title}.pgseal");
    let started = |second: u32| {
        format!(
            "2026-11-21T{:02}:{:02}:{second:02}Z",
            9 + number / 60,
            number % 60
        )
    };
    let mut receipt = ran(&plain, trust, &started(0), &title);
    receipt["predicate"]["target"]["database"] = name.clone().into();
    let put_yes = || {
        if !n.is_multiple_of(2) {
            vault.put(
                &format!("approvals/{title}.approval"),
                yes(&plain, &keys.ann),
            );
        }
    };
    let stem = format!("receipts/{name}/{title}");
    let receipt_file = format!("{stem}.receipt.json");
    let bent = |change: &dyn Fn(&mut Tar)| {
        let mut tar = Tar::of(&plain);
        change(&mut tar);
        tar.bytes()
    };
    match word.unwrap_or("nothing") {
        "unreadable" => {
            std::fs::create_dir_all(vault.archive().join(&name)).expect("our own directory");
            symlink("nowhere", vault.archive().join(&file)).expect("our own directory");
        }
        "malformed" => drop(vault.put(&file, &plain[..plain.len() - 512])),
        "unsigned" => drop(vault.put(&file, bent(&|tar| drop(tar.members.remove(2))))),
        "unknown-key" => drop(vault.put(&file, resign(&plain, &statement(&plain), &keys.stranger))),
        "invalid-signature" => drop(vault.put(&file, bent(&|tar| tar.members[2].content[0] ^= 1))),
        "too-few-signatures" => {
            drop(vault.put(&file, resign(&plain, &statement(&plain), &keys.ann)))
        }
        "revoked-key" => drop(vault.put(&file, resign(&plain, &statement(&plain), &keys.stolen))),
        "file-changed" => {
            vault.put(
                &file,
                bent(&|tar| tar.member("gate/open.sql").content[0] ^= 1),
            );
        }
        "file-missing" => {
            vault.put(
                &file,
                bent(&|tar| drop(tar.members.remove(tar.at("gate/open.sql")))),
            );
        }
        "file-extra" => drop(vault.put(
            &file,
            bent(&|tar| tar.add(Member::new("gate/other.sql", b"select 1;\n"))),
        )),
        "bad-approval" => {
            let other = bundle("other", "1", 1, &keys.release);
            vault.put(&file, say(&plain, &keys.ann, &approval(&other, "l2")));
        }
        "stripped" => {
            vault.put(&file, with_yes);
            put_yes();
            vault.receipt(&stem, &receipt);
            std::fs::remove_file(vault.archive().join(format!("{stem}.receipt.sig")))
                .expect("written");
            return Some(receipt_file);
        }
        "equivocation" => {
            vault.put(&file, with_yes);
            put_yes();
            let mut other = crate::vault::files(&name, &format!("1.{number}"), number);
            other.insert(
                "gate/open.sql".to_owned(),
                b"select true as ready, 'never mind' as reason;\n".to_vec(),
            );
            let again = format!("{name}/{title}-again.pgseal");
            vault.put(
                &again,
                pgseal_testkit::bundles::pack(&other, std::slice::from_ref(&keys.release)),
            );
            // `-` sorts before `.`, so the other bundle is the first by its path.
            return Some(file);
        }
        "sequence-twice" => {
            vault.put(&file, with_yes);
            put_yes();
            let again = format!("{name}/{title}~b.pgseal");
            vault.put(
                &again,
                bundle(&name, &format!("1.{number}b"), number, &keys.release),
            );
            return Some(again);
        }
        "sequence-back" => {
            vault.put(&file, with_yes);
            put_yes();
            // Starts after the next release of the same name.
            let started = format!(
                "2026-11-21T{:02}:{:02}:30Z",
                9 + (number + 1) / 60,
                (number + 1) % 60
            );
            receipt["predicate"]["started"] = started.into();
            vault.receipt(&stem, &receipt);
            return Some(receipt_file);
        }
        "receipt-without-bundle" => {
            vault.receipt(&stem, &receipt);
            return Some(receipt_file);
        }
        "receipt-differs" => {
            vault.put(&file, with_yes);
            put_yes();
            receipt["predicate"]["release"]["sequence"] = 1000.into();
            vault.receipt(&stem, &receipt);
            return Some(receipt_file);
        }
        "run-without-approvals" => {
            vault.put(&file, plain);
            vault.receipt(&stem, &receipt);
            return Some(receipt_file);
        }
        "rollback-without-run" => {
            vault.put(&file, with_yes);
            put_yes();
            let mut receipt = rolled_back(&plain, trust, &started(0), &title);
            receipt["predicate"]["target"]["database"] = name.clone().into();
            vault.receipt(&stem, &receipt);
            return Some(receipt_file);
        }
        "run-twice" => {
            vault.put(&file, with_yes);
            put_yes();
            vault.receipt(&stem, &receipt);
            let mut again = ran(&plain, trust, &started(30), &format!("{title} again"));
            again["predicate"]["target"]["database"] = name.clone().into();
            vault.receipt(&format!("{stem}-again"), &again);
            return Some(format!("{stem}-again.receipt.json"));
        }
        _ => {
            vault.put(&file, with_yes);
            put_yes();
            vault.receipt(&stem, &receipt);
            return None;
        }
    }
    Some(file)
}
