//! Archives and their logs through the real program: which files are accepted, which proofs hold, and that every loss
//! is detected.

mod audited;
mod foreseen;
mod links;
mod lost;
mod meanwhile;
mod mended;
mod names;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use pgseal::record::receipt;
use pgseal_testkit::bundles::{pack, small, small_with, statement};
use pgseal_testkit::keys::{Draft, key, key_file};
use pgseal_testkit::people::{approval, beside, id};
use pgseal_testkit::site::{Outcome, Site};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::Receipt;
use pgseal_verify::format::statement::ReleaseId;
use serde_json::{Value, json};

const PEOPLE: [(&str, &str); 5] = [
    ("release", "release"),
    ("log", "log"),
    ("other-log", "log"),
    ("host", "receipt"),
    ("ann", "l2"),
];
const ORIGIN: &str = "example.com/releases";

/// Creates keys, a trust root, a signed bundle, an approval of it, a receipt with its signature, and an archive without
/// entries.
fn desk() -> Site {
    let site = Site::empty();
    for (name, _) in PEOPLE.into_iter().chain([("root", ""), ("stranger", "")]) {
        key_file(site.dir(), name);
    }
    trust(&site, |_| {});
    site.write("small.pgseal", bundle());
    site.write(
        "ann.approval",
        beside(&key("ann"), &approval(&bundle(), "l2")),
    );
    let release = ReleaseId::of(&statement(&bundle()));
    receipt::write(site.dir(), "run", release, a_receipt(), Some(&key("host")))
        .expect("a new file");
    site.run([
        "archive", "init", "archive", "--key", "log.key", "--origin", ORIGIN,
    ])
    .done();
    site
}

fn trust(site: &Site, change: impl FnOnce(&mut Draft<'_>)) {
    let of = |role| {
        PEOPLE
            .iter()
            .filter(move |(_, of)| *of == role)
            .map(|(name, _)| key(name))
            .collect::<Vec<_>>()
    };
    let roles: Vec<(&str, Vec<_>)> = ["release", "log", "receipt", "l2"]
        .map(|role| (role, of(role)))
        .into();
    let roles: Vec<(&str, u8, Vec<_>)> = roles
        .iter()
        .map(|(role, keys)| (*role, 1, keys.iter().collect::<Vec<_>>()))
        .collect();
    let roles: Vec<(&str, u8, &[_])> = roles
        .iter()
        .map(|(role, of, keys)| (*role, *of, keys.as_slice()))
        .collect();
    let root = key("root");
    let mut draft = Draft::new(&root, &roles);
    change(&mut draft);
    draft.write(site.dir());
}

fn bundle() -> Vec<u8> {
    pack(&small(), &[key("release")])
}

/// Packs a release that differs from the others by its number.
fn numbered(number: usize) -> Vec<u8> {
    pack(
        &small_with("runbooks/number.md", format!("# {number}\n").as_bytes()),
        &[key("release")],
    )
}

fn a_receipt() -> Receipt {
    let text = "2026-11-21T08:00:00Z";
    serde_json::from_value(json!({
        "run_id": "0".repeat(32), "action": "run", "outcome": "committed", "started": text, "finished": text,
        "pgseal": "0.1.0", "release": { "name": "small", "version": "1.0.0", "sequence": 1, "summary": "Adds one table." },
        "signers": [id(&key("release"))], "trust": { "version": 1, "sha256": "0".repeat(64) },
        "target": { "database": "app", "server_version": "15.1", "server_version_num": 150_001, "role": "app" },
        "variables": {}, "gates": [], "tiers": [], "verify": [], "operator": { "user": "u", "host": "h" },
    }))
    .expect("a receipt")
}

/// Adds files. Many bundles of these tests have one name and version, which is a fault.
fn add(site: &Site, files: &[&str]) -> Outcome {
    site.run(
        [
            "archive",
            "add",
            "--with-faults",
            "archive",
            "--key",
            "log.key",
            "--json",
        ]
        .iter()
        .chain(files),
    )
}

/// Runs `archive verify` and returns the kinds and paths of all faults.
fn faults(site: &Site, args: &[&str]) -> BTreeSet<(String, String)> {
    let outcome = site.run(
        ["archive", "verify", "archive", "--json"]
            .iter()
            .chain(args),
    );
    let document = outcome.json();
    let faults = document["faults"].as_array().expect("a list");
    assert_eq!(
        outcome.code,
        if faults.is_empty() { 0 } else { 50 },
        "{}",
        outcome.stderr
    );
    let text = |fault: &Value, field: &str| fault[field].as_str().expect("text").to_owned();
    faults
        .iter()
        .map(|fault| (text(fault, "kind"), text(fault, "path")))
        .collect()
}

fn fault(kind: &str, path: &str) -> BTreeSet<(String, String)> {
    BTreeSet::from([(kind.to_owned(), path.to_owned())])
}

#[test]
fn what_is_added_is_there_logged_and_proven() {
    let site = desk();
    let all = [
        "small.pgseal",
        "ann.approval",
        "run.receipt.json",
        "trust.json",
    ];
    let added = add(&site, &all).done().json();
    let paths: Vec<&str> = added["added"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["entry"]["path"].as_str().expect("text"))
        .collect();
    let trust_signature = format!("1.trust.json.sigs/1.{}.sig", id(&key("root")));
    let expected = [
        "small.pgseal",
        "ann.approval",
        "run.receipt.json",
        "run.receipt.sig",
        "1.trust.json",
        &trust_signature,
    ];
    assert_eq!(paths, expected);
    for (here, there) in [
        ("small.pgseal", "small.pgseal"),
        ("trust.json", "1.trust.json"),
        ("run.receipt.sig", "run.receipt.sig"),
    ] {
        assert_eq!(site.read(here), site.read(&format!("archive/{there}")));
    }
    assert!(faults(&site, &[]).is_empty());
    // A repeated add reports the files as present and writes nothing.
    let before = site.snapshot();
    let again = add(&site, &all).done().json();
    assert_eq!(
        (
            again["size"].as_u64(),
            again["present"].as_array().map(Vec::len)
        ),
        (Some(6), Some(6))
    );
    assert_eq!(site.snapshot(), before);
    // The checkpoint is kept, then the log grows; the added files include one that is in a subdirectory of the archive
    // already.
    let kept = site.run(["archive", "checkpoint", "archive"]).done();
    site.write("kept", &kept.stdout);
    assert_eq!(kept.stdout, site.read("archive/checkpoint"));
    std::fs::create_dir(site.path("archive/2026")).expect("our own directory");
    site.write("archive/2026/next.pgseal", numbered(1));
    assert_eq!(faults(&site, &[]), fault("unlogged", "2026/next.pgseal"));
    add(&site, &["archive"]).done();
    assert!(faults(&site, &["--since", "kept"]).is_empty());
    let text = site
        .run(["archive", "consistency", "archive", "--since", "kept"])
        .done()
        .text();
    assert_eq!(
        text,
        format!("consistent: {ORIGIN} grew from 6 entries by 1 entry\n")
    );
    // The proof is stored as a sibling of the bundle, where verify finds it without an option.
    site.run([
        "archive",
        "prove",
        "archive",
        "small.pgseal",
        "-o",
        "small.pgseal.tlog-proof",
    ])
    .done();
    let said = site.run(["verify", "small.pgseal"]).done().text();
    assert!(
        said.contains(&format!(
            "in the log {ORIGIN}: entry 0 of 7, signed by log key ("
        )),
        "{said}"
    );
    let log = site.run(["verify", "small.pgseal", "--json"]).done().json()["log"].clone();
    assert_eq!(
        (&log["index"], &log["size"], &log["same_file"]),
        (&json!(0), &json!(7), &json!(true))
    );
    let log = site
        .run(["verify", "archive/small.pgseal", "--json"])
        .done()
        .json()["log"]
        .clone();
    assert_eq!(log, Value::Null, "no proof beside that one");
    let _ = site.run(["audit", "archive", "--html", "page.html"]);
    let page = String::from_utf8(site.read("page.html")).expect("text");
    let logs = page.split("Logs</h2>").nth(1).expect("the section");
    for words in [
        ORIGIN,
        "7<",
        "signed by log key<",
        "no checkpoint that was kept",
    ] {
        assert!(logs.contains(words), "{words}: {logs}");
    }
}

#[test]
fn what_is_not_authentic_is_refused_and_leaves_nothing() {
    let site = desk();
    let mut bad = bundle();
    let end = bad.len() - 1100;
    bad[end] ^= 1;
    site.write("bad.pgseal", bad);
    site.write("stranger.pgseal", pack(&small(), &[key("stranger")]));
    site.write("notes.txt", "hello");
    site.write(
        "forged.approval",
        beside(&key("stranger"), &approval(&bundle(), "l2")),
    );
    receipt::write(
        site.dir(),
        "unsigned",
        ReleaseId::of(&statement(&bundle())),
        a_receipt(),
        None,
    )
    .expect("a new file");
    site.write("stripped.receipt.json", site.read("run.receipt.json"));
    site.write("journalled.receipt.json", site.read("run.receipt.json"));
    site.write("journalled.receipt.sig", site.read("run.receipt.sig"));
    site.write("journalled.journal", "{}\n");
    let other = Site::new();
    site.write("foreign.json", other.read("trust.json"));
    let refused = |exit, why, file: &str| {
        site.refused(
            exit,
            why,
            [
                "archive",
                "add",
                "--with-faults",
                "archive",
                file,
                "--key",
                "log.key",
            ],
        );
    };
    refused(11, "stranger.pgseal", "stranger.pgseal");
    refused(10, "bad.pgseal", "bad.pgseal");
    refused(
        2,
        "by its name not a file that an archive takes",
        "notes.txt",
    );
    refused(11, "forged.approval", "forged.approval");
    refused(11, "it is not signed", "unsigned.receipt.json");
    refused(11, "its signature is missing", "stripped.receipt.json");
    refused(11, "the journal beside it", "journalled.receipt.json");
    refused(2, "is nothing by itself", "run.receipt.sig");
    refused(11, "foreign.json", "foreign.json");
    refused(1, "No such file", "missing.pgseal");
    // An add of several files reports every bad one, and adds none of the good ones either.
    let before = site.snapshot();
    let many = add(&site, &["small.pgseal", "stranger.pgseal", "notes.txt"]);
    assert_eq!(
        (many.code, many.stderr.matches("pgseal: error: ").count()),
        (11, 2),
        "{}",
        many.stderr
    );
    assert_eq!(site.snapshot(), before);
    // A path keeps its content for ever, and a key has one role.
    add(&site, &["small.pgseal"]).done();
    site.write("small.pgseal", numbered(2));
    refused(2, "another file was logged by this name", "small.pgseal");
    for name in ["release", "stranger"] {
        let secret = format!("{name}.key");
        site.refused(
            2,
            "checkpoints are signed by keys of the role log",
            [
                "archive",
                "add",
                "--with-faults",
                "archive",
                "ann.approval",
                "--key",
                &secret,
            ],
        );
    }
    site.refused(
        2,
        "there is a log already",
        ["archive", "init", "archive", "--key", "log.key"],
    );
    site.refused(
        2,
        "is no origin",
        [
            "archive", "init", "new", "--key", "log.key", "--origin", "a b",
        ],
    );
    site.refused(2, "there is no log", ["archive", "verify", "."]);
    site.refused(
        2,
        "there is no log",
        [
            "archive",
            "add",
            "--with-faults",
            ".",
            "small.pgseal",
            "--key",
            "log.key",
        ],
    );
}

#[test]
fn the_role_is_for_checkpoints_only() {
    let site = desk();
    site.refused(
        2,
        "",
        [
            "approve",
            "small.pgseal",
            "--key",
            "log.key",
            "--role",
            "log",
            "--apr",
            "A",
            "--yes",
            "small",
        ],
    );
    let root = [
        "trust",
        "init",
        "t.json",
        "--root-key",
        "root.key",
        "--role",
        "release:1=release.pub",
    ];
    for name in ["release", "log"] {
        site.write(&format!("{name}.pub"), key(name).public_key().to_pem());
    }
    let refused = site.run(
        root.iter()
            .chain(&["--role", "log:1=log.pub", "--require", "log"]),
    );
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    site.run(root.iter().chain(&["--role", "log:1=log.pub"]))
        .done();
    let shown = site.run(["trust", "show", "t.json"]).done().text();
    assert!(
        shown.contains("role log: its key signs the checkpoints of archives"),
        "{shown}"
    );
}

#[test]
fn every_loss_is_told_and_all_of_them_at_once() {
    let site = desk();
    let names: Vec<String> = (0..5).map(|number| format!("{number}.pgseal")).collect();
    for (number, name) in names.iter().enumerate() {
        site.write(name, numbered(number));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    add(&site, &names[..4]).done();
    site.write("kept", site.read("archive/checkpoint"));
    let at = |path: &str| site.path(&format!("archive/{path}"));
    std::fs::remove_file(at("0.pgseal")).expect("there");
    std::fs::rename(at("1.pgseal"), at("2026.pgseal")).expect("there");
    std::fs::write(at("2.pgseal"), numbered(7)).expect("our own file");
    let expected: BTreeSet<(String, String)> = [
        ("deleted", "0.pgseal"),
        ("deleted", "1.pgseal"),
        ("unlogged", "2026.pgseal"),
        ("rewritten", "2.pgseal"),
    ]
    .map(|(kind, path)| (kind.to_owned(), path.to_owned()))
    .into();
    assert_eq!(faults(&site, &[]), expected);
    std::fs::remove_file(at("2026.pgseal")).expect("there");
    // A lost file is restored by adding an identical copy from elsewhere.
    std::fs::remove_file(at("2.pgseal")).expect("there");
    add(&site, &names[..3]).done();
    assert!(faults(&site, &["--since", "kept"]).is_empty());
    // Files of the log itself.
    for path in ["tile/entries/000.p/4", "tile/0/000.p/4"] {
        let good = site.read(&format!("archive/{path}"));
        let mut bad = good.clone();
        *bad.last_mut().expect("bytes") ^= 1;
        std::fs::write(at(path), bad).expect("our own file");
        assert!(
            faults(&site, &[]).contains(&("broken".to_owned(), path.to_owned())),
            "{path}"
        );
        std::fs::remove_file(at(path)).expect("there");
        assert!(
            faults(&site, &[]).contains(&("broken".to_owned(), path.to_owned())),
            "{path}"
        );
        std::fs::write(at(path), good).expect("our own file");
    }
    let checkpoint = site.read("archive/checkpoint");
    std::fs::write(at("checkpoint"), "no checkpoint\n").expect("our own file");
    assert!(faults(&site, &[]).contains(&("broken".to_owned(), "checkpoint".to_owned())));
    std::fs::remove_file(at("checkpoint")).expect("there");
    assert!(faults(&site, &[]).contains(&("broken".to_owned(), "checkpoint".to_owned())));
    // An older checkpoint was restored: the entries after it show this, and so does a newer kept checkpoint.
    add_to(&site, &checkpoint, &names[4..]);
    site.write("newer", site.read("archive/checkpoint"));
    std::fs::write(at("checkpoint"), &checkpoint).expect("our own file");
    let kinds: BTreeSet<String> = faults(&site, &["--since", "newer"])
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(
        kinds,
        BTreeSet::from(["unfinished", "shrunk"].map(str::to_owned))
    );
    site.run(["archive", "consistency", "archive", "--since", "newer"])
        .is_error(50, "entries were taken away");
    // The next add completes the entries after the checkpoint, and signs the identical checkpoint again.
    add(&site, &names[..1]).done();
    assert_eq!(site.read("archive/checkpoint"), site.read("newer"));
    // A checkpoint by a key that was revoked later.
    trust(&site, |draft| {
        draft.entry(&key("log"))["status"] = "revoked".into()
    });
    assert_eq!(faults(&site, &[]), fault("unsigned", "checkpoint"));
    trust(&site, |draft| {
        draft.entry(&key("log"))["status"] = "retired".into()
    });
    assert!(
        faults(&site, &[]).is_empty(),
        "what it signed in its time counts"
    );
    site.refused(
        2,
        "checkpoints are signed by keys of the role log",
        [
            "archive",
            "add",
            "--with-faults",
            "archive",
            "ann.approval",
            "--key",
            "log.key",
        ],
    );
    site.run([
        "archive",
        "add",
        "--with-faults",
        "archive",
        "ann.approval",
        "--key",
        "other-log.key",
    ])
    .done();
    assert!(
        faults(&site, &["--since", "kept", "--since", "newer"]).is_empty(),
        "another log key goes on"
    );
}

fn add_to(site: &Site, checkpoint: &[u8], files: &[&str]) {
    site.write("archive/checkpoint", checkpoint);
    add(site, files).done();
}

#[test]
fn a_log_signed_anew_is_caught_only_by_a_kept_checkpoint() {
    let site = desk();
    for number in 0..3 {
        site.write(&format!("{number}.pgseal"), numbered(number));
    }
    add(&site, &["0.pgseal", "1.pgseal", "2.pgseal"]).done();
    site.write("kept", site.read("archive/checkpoint"));
    std::fs::remove_dir_all(site.path("archive")).expect("there");
    site.run([
        "archive", "init", "archive", "--key", "log.key", "--origin", ORIGIN,
    ])
    .done();
    add(&site, &["0.pgseal", "2.pgseal", "ann.approval"]).done();
    assert!(faults(&site, &[]).is_empty());
    assert_eq!(
        faults(&site, &["--since", "kept"]),
        fault("fork", "checkpoint")
    );
    site.run(["archive", "consistency", "archive", "--since", "kept"])
        .is_error(50, "were changed");
}

#[test]
fn a_proof_that_does_not_hold_is_not_authentic() {
    let site = desk();
    site.write("next.pgseal", numbered(1));
    add(&site, &["small.pgseal", "next.pgseal", "ann.approval"]).done();
    let proof = |file: &str| {
        String::from_utf8(
            site.run(["archive", "prove", "archive", file])
                .done()
                .stdout,
        )
        .expect("text")
    };
    let good = proof("small.pgseal");
    let verify = |name: &str, text: &str| {
        site.write(name, text);
        site.run(["verify", "small.pgseal", "--log-proof", name])
    };
    verify("good.tlog-proof", &good).done();
    verify("other.tlog-proof", &proof("next.pgseal")).is_error(11, "the proof of another file");
    verify("approval.tlog-proof", &proof("ann.approval")).is_error(11, "the proof of another file");
    verify("index.tlog-proof", &good.replace("index 0", "index 1"))
        .is_error(11, "the log doesn't have the entry");
    verify("size.tlog-proof", &good.replace("\n3\n", "\n4\n")).is_error(11, "is not valid");
    verify("none.tlog-proof", "hello\n").is_error(10, "not a tlog-proof");
    site.run(["verify", "small.pgseal", "--log-proof", "missing"])
        .is_error(1, "missing");
    let hash = good.lines().nth(3).expect("a hash");
    let swapped = good.replacen(hash, &Base64::encode_string(Digest::of(b"x").as_bytes()), 1);
    verify("hash.tlog-proof", &swapped).is_error(11, "the log doesn't have the entry");
    site.write("small.pgseal.tlog-proof", &good);
    // The same release with another signature is another file.
    site.write(
        "small.pgseal",
        pack(&small(), &[key("release"), key("log")]),
    );
    let changed = site.run(["verify", "small.pgseal", "--json"]).done().json();
    assert_eq!(changed["log"]["same_file"], json!(false));
    // A signer whose key has another role than log.
    trust(&site, |draft| {
        draft.entry(&key("log"))["role"] = "l2".into()
    });
    site.run([
        "verify",
        "small.pgseal",
        "--log-proof",
        "small.pgseal.tlog-proof",
    ])
    .is_error(11, "of role");
}

/// An attacker with write access next to a bundle can make it look neither forged nor logged.
#[test]
fn a_proof_that_nobody_named_is_a_warning_where_it_does_not_hold() {
    let site = desk();
    site.write("next.pgseal", numbered(1));
    add(&site, &["small.pgseal", "next.pgseal"]).done();
    let proof = |file: &str| {
        site.run(["archive", "prove", "archive", file])
            .done()
            .stdout
    };
    let beside = site.path("small.pgseal.tlog-proof");
    let warned = |why: &str| {
        let said = site.run(["verify", "small.pgseal", "--json"]).done();
        assert_eq!(said.json()["log"], Value::Null, "{why}");
        for text in [
            "pgseal: warning: small.pgseal.tlog-proof: ",
            why,
            "counts for nothing",
        ] {
            assert!(said.stderr.contains(text), "{text}: {}", said.stderr);
        }
        let said = site.run(["verify", "small.pgseal"]).done().text();
        assert!(
            said.contains("authentic: small") && !said.contains("in the log"),
            "{said}"
        );
        let named = site
            .run([
                "verify",
                "small.pgseal",
                "--log-proof",
                "small.pgseal.tlog-proof",
            ])
            .stderr;
        assert!(
            named.contains("pgseal: error: small.pgseal.tlog-proof") && named.contains(why),
            "{named}"
        );
    };
    std::fs::write(&beside, "hello\n").expect("our own file");
    warned("not a tlog-proof");
    let good = proof("small.pgseal");
    std::fs::write(
        &beside,
        String::from_utf8(good.clone())
            .expect("text")
            .replace("index 0", "index 1"),
    )
    .expect("ours");
    warned("the log doesn't have the entry");
    std::fs::write(&beside, proof("next.pgseal")).expect("our own file");
    warned("the proof of another file");
    std::fs::remove_file(&beside).expect("ours");
    std::fs::create_dir(&beside).expect("our own directory");
    warned("not a regular file");
    std::fs::remove_dir(&beside).expect("ours");
    std::os::unix::fs::symlink("nowhere", &beside).expect("our own link");
    warned("can't be read");
    // A link to a valid proof is valid, and so is one next to a bundle that is a link itself.
    std::fs::remove_file(&beside).expect("ours");
    site.write("kept.tlog-proof", good);
    std::os::unix::fs::symlink("kept.tlog-proof", &beside).expect("our own link");
    let said = site.run(["verify", "small.pgseal"]).done();
    assert!(
        said.stderr.is_empty() && said.text().contains("in the log"),
        "{}",
        said.stderr
    );
}

#[test]
fn versions_of_the_trust_root_are_taken_with_their_signatures() {
    let site = Site::new();
    site.run(["keygen", "log", "--no-passphrase"]).done();
    site.run(["keygen", "more", "--no-passphrase"]).done();
    let step = |args: &[&str]| {
        site.run(
            ["trust", "add-key", "trust.json", "--root-key", "root.key"]
                .iter()
                .chain(args),
        )
        .done();
    };
    step(&["--role", "log", "--key", "log.pub"]);
    step(&["--role", "release", "--key", "more.pub"]);
    site.run(["archive", "init", "archive", "--key", "log.key"])
        .done();
    let added = add(&site, &["trust.json"]).done().json();
    let paths: Vec<String> = added["added"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["entry"]["path"].to_string())
        .collect();
    assert!(
        paths.len() >= 6,
        "three versions with their signatures: {paths:?}"
    );
    for version in 1..=3 {
        site.run(["trust", "show", &format!("archive/{version}.trust.json")])
            .done();
    }
    assert!(faults(&site, &[]).is_empty());
    // A trust root that is not an earlier version of the installed one, although the same keys signed it.
    site.run([
        "trust",
        "init",
        "fork.json",
        "--root-key",
        "root.key",
        "--role",
        "release:1=more.pub",
    ])
    .done();
    site.refused(
        11,
        "goes back to",
        [
            "archive",
            "add",
            "--with-faults",
            "archive",
            "fork.json",
            "--key",
            "log.key",
        ],
    );
}

#[test]
fn adds_at_once_make_one_log() {
    let site = desk();
    let children: Vec<Child> = (0..6)
        .map(|number| {
            site.write(&format!("{number}.pgseal"), numbered(number));
            let file = format!("{number}.pgseal");
            let mut command = site.command([
                "archive",
                "add",
                "--with-faults",
                "archive",
                "--key",
                "log.key",
                &file,
                "small.pgseal",
            ]);
            command
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program starts")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let document = site
        .run(["archive", "verify", "archive", "--json"])
        .done()
        .json();
    assert_eq!(
        (&document["entries"], &document["checkpoint"]["size"]),
        (&json!(7), &json!(7))
    );
}

/// Kills the program once a given file exists, or later; the next add completes the work, wherever it stopped.
#[test]
fn a_killed_add_is_completed_by_the_next() {
    let site = desk();
    let mut number = 0;
    let mut kept = Vec::new();
    for sign in ["aside", "named", "entries", "hashes", "checkpoint"] {
        for _ in 0..2 {
            let from = number;
            number += 3;
            let files: Vec<String> = (from..number)
                .map(|number| format!("{number}.pgseal"))
                .collect();
            (from..number)
                .for_each(|number| drop(site.write(&format!("{number}.pgseal"), numbered(number))));
            let before = site.read("archive/checkpoint");
            let (last, size) = (files[2].clone(), number);
            let is_there = || match sign {
                "aside" => names(&site.path("archive"))
                    .iter()
                    .any(|name| name.starts_with(".pgseal-")),
                "named" => site.path("archive").join(&last).exists(),
                "entries" => site
                    .path(&format!("archive/tile/entries/000.p/{size}"))
                    .exists(),
                "hashes" => site.path(&format!("archive/tile/0/000.p/{size}")).exists(),
                _ => site.read("archive/checkpoint") != before,
            };
            let arguments = [
                "archive",
                "add",
                "--with-faults",
                "archive",
                "--key",
                "log.key",
            ]
            .map(str::to_owned);
            let mut child = site
                .command(arguments.iter().chain(&files))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the program starts");
            while !is_there() && child.try_wait().expect("ours").is_none() {
                std::thread::sleep(Duration::from_micros(200));
            }
            // SIGKILL; a process that has ended already counts as one more point in time.
            let _ = child.kill();
            child.wait().expect("it ends");
            // Logged files are neither gone nor changed; other faults are possible.
            let told = faults(&site, &[]);
            assert!(
                told.iter()
                    .all(|(kind, _)| kind == "unlogged" || kind == "unfinished"),
                "{sign}: {told:?}"
            );
            site.write(&format!("kept-{number}"), site.read("archive/checkpoint"));
            kept.push(format!("kept-{number}"));
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            let size = add(&site, &files).done().json()["size"].as_u64();
            assert_eq!(size, Some(number as u64), "{sign}");
            let since: Vec<&str> = kept.iter().flat_map(|kept| ["--since", kept]).collect();
            assert!(faults(&site, &since).is_empty(), "{sign}");
            let left = names(&site.path("archive"))
                .into_iter()
                .filter(|name| {
                    name.starts_with(".pgseal-") && site.path("archive").join(name).is_dir()
                })
                .count();
            assert_eq!(left, 0, "{sign}: what the killed one had put aside is gone");
        }
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a directory").flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn the_page_works_as_it_is_typed() {
    let site = Site::empty();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/archive.md"))
        .expect("the page");
    let blocks = page
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap_or_default());
    let script: String = blocks.collect();
    assert!(
        script.contains("archive verify") && script.contains("openssl"),
        "{script}"
    );
    let said = typed(&site, &script);
    for line in [
        "0 faults",
        "in the log example.com/releases: entry 0 of 3",
        "consistent: ",
        "Signature Verified Successfully",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    // The page has a row for every kind of fault.
    for kind in [
        "deleted",
        "rewritten",
        "unlogged",
        "broken",
        "unsigned",
        "unfinished",
        "shrunk",
        "fork",
    ] {
        assert!(page.contains(&format!("| `{kind}` |")), "{kind}");
    }
}

/// Runs the lines in a shell and returns their output; every line must succeed.
fn typed(site: &Site, script: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_pgseal"))
        .parent()
        .expect("a directory")
        .to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(program).chain(std::env::split_paths(&path)))
        .expect("plain paths");
    let ran = Command::new("bash")
        .args(["-euc", script])
        .current_dir(site.dir())
        .env("PATH", path)
        .output();
    let ran = ran.expect("bash is there");
    let said =
        String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    said
}

/// The README's walk as far as it needs no database: keys, trust root, bundle; then approver and archive.
#[test]
fn the_last_step_of_the_readme_works_as_it_is_typed() {
    let site = Site::empty();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"))
        .expect("the page");
    let step = |number: usize| {
        let from = page
            .split(&format!("\n### {number}. "))
            .nth(1)
            .expect("a step");
        let step = from.split("\n##").next().unwrap_or_default().to_owned();
        let typed: Vec<String> = step
            .lines()
            .filter_map(|line| line.strip_prefix("$ "))
            .map(str::to_owned)
            .collect();
        typed.join("\n") + "\n"
    };
    std::fs::create_dir(site.path("pgseal-receipts")).expect("our own directory");
    let said = typed(&site, &[2, 3, 4, 5, 11].map(step).concat());
    for line in ["l2 1 of 1", ", 0 faults"] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

/// Reads log and proof without code of pgseal: only its files, the specifications and openssl.
#[test]
fn others_read_the_same_log() {
    let site = desk();
    let files: Vec<String> = (0..7).map(|number| format!("{number}.pgseal")).collect();
    files
        .iter()
        .enumerate()
        .for_each(|(number, name)| drop(site.write(name, numbered(number))));
    add(&site, &files.iter().map(String::as_str).collect::<Vec<_>>()).done();
    site.write("log.pub", key("log").public_key().to_pem());
    let checkpoint = String::from_utf8(site.read("archive/checkpoint")).expect("text");
    let (text, signature) = checkpoint.split_once("\n\n").expect("a blank line");
    let base64 = signature
        .trim_end()
        .strip_prefix(&format!("\u{2014} {ORIGIN} "))
        .expect("a signature line");
    let bytes = Base64::decode_vec(base64).expect("base64");
    let hashed = [
        ORIGIN.as_bytes(),
        b"\n\x01",
        key("log").public_key().as_bytes(),
    ]
    .concat();
    assert_eq!(bytes[..4], Digest::of(&hashed).as_bytes()[..4]);
    site.write("text", format!("{text}\n"));
    site.write("text.sig", &bytes[4..]);
    let mut openssl = Command::new("openssl");
    openssl.current_dir(site.dir()).args([
        "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "log.pub",
    ]);
    let checked = openssl
        .args(["-in", "text", "-sigfile", "text.sig"])
        .output()
        .expect("openssl is there");
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    // RFC 6962 section 2.1, transcribed literally.
    fn tree_hash(entries: &[&[u8]]) -> Digest {
        match entries {
            [] => Digest::of(b""),
            [one] => Digest::of(&[&[0], *one].concat()),
            many => {
                let k = (0..)
                    .map(|power| 1 << power)
                    .take_while(|k| *k < many.len())
                    .last()
                    .expect("at least two");
                let (left, right) = (tree_hash(&many[..k]), tree_hash(&many[k..]));
                Digest::of(&[&[1], &left.as_bytes()[..], right.as_bytes()].concat())
            }
        }
    }
    let stored = site.read("archive/tile/entries/000.p/7");
    let (mut rest, mut entries) = (&stored[..], Vec::new());
    while let [high, low, more @ ..] = rest {
        let (entry, more) = more.split_at(usize::from(*high) << 8 | usize::from(*low));
        entries.push(entry);
        rest = more;
    }
    let lines: Vec<&str> = text.lines().collect();
    let root = Base64::encode_string(tree_hash(&entries).as_bytes());
    assert_eq!(lines, [ORIGIN, "7", &root]);
    let hashes: Vec<u8> = entries
        .iter()
        .flat_map(|entry| *tree_hash(&[entry]).as_bytes())
        .collect();
    assert_eq!(site.read("archive/tile/0/000.p/7"), hashes);
    // Inclusion proof of entry 5 of 7: its sibling, the pair before it, the hash of the last entry; RFC 6962 section
    // 2.1.1.
    let proof = site
        .run(["archive", "prove", "archive", "5.pgseal"])
        .done()
        .text();
    let base64 = |digest: Digest| Base64::encode_string(digest.as_bytes());
    let expected = format!(
        "c2sp.org/tlog-proof@v1\nextra {}\nindex 5\n{}\n{}\n{}\n\n{checkpoint}",
        Base64::encode_string(entries[5]),
        base64(tree_hash(&entries[4..5])),
        base64(tree_hash(&entries[6..7])),
        base64(tree_hash(&entries[..4])),
    );
    assert_eq!(proof, expected);
    let entry: Value = serde_json::from_slice(entries[5]).expect("JSON");
    assert_eq!(entry["sha256"], Digest::of(&numbered(5)).to_string());
}
