//! Unreadable and malformed files: none of them stops the audit of the rest.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::vault::{ARCHIVE, Vault, bundle, set, yes};
use pgseal_testkit::people;
use pgseal_testkit::site::outcome;
use pgseal_testkit::tar::{Member, Tar};

#[test]
fn what_can_not_be_read_stops_nothing_else() {
    let vault = Vault::new();
    let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
    vault.put("good.pgseal", &good);
    let at = |name: &str| vault.archive().join(name);
    symlink("nowhere", at("link.pgseal")).expect("our own directory");
    let fifo = Command::new("mkfifo")
        .arg(at("pipe.pgseal"))
        .status()
        .expect("mkfifo is there");
    assert!(fifo.success());
    symlink("/dev/zero", at("zero.receipt.json")).expect("our own directory");
    std::fs::create_dir(at("dir.pgseal")).expect("our own directory");
    let huge = std::fs::File::create(at("huge.receipt.json")).expect("our own directory");
    huge.set_len(1 << 40).expect("sparse");
    std::fs::File::create(at("huge.pgseal"))
        .and_then(|file| file.set_len(1 << 40))
        .expect("sparse");
    std::fs::File::create(at("huge.tar"))
        .and_then(|file| file.set_len(1 << 40))
        .expect("sparse");
    std::fs::write(at("empty.tar"), "").expect("our own directory");
    std::fs::write(at("text.tar"), "no tar at all\n".repeat(100)).expect("our own directory");
    std::fs::write(
        vault
            .archive()
            .join(std::ffi::OsStr::from_bytes(b"\xff\xfe.pgseal")),
        "x",
    )
    .expect("our own");
    let faults = set([
        ("link.pgseal", "unreadable"),
        ("pipe.pgseal", "unreadable"),
        ("zero.receipt.json", "unreadable"),
        ("huge.receipt.json", "unreadable"),
        ("huge.pgseal", "malformed"),
        ("empty.tar", "malformed"),
        ("text.tar", "malformed"),
        // The audit does not read a terabyte of zeros to see what follows the end.
        ("huge.tar", "malformed"),
        ("\\xff\\xfe.pgseal", "malformed"),
    ]);
    assert_eq!(vault.faults(&[ARCHIVE]), faults);
    let said = vault.audit(&[ARCHIVE]);
    assert_eq!(said.code, 50);
    said.is_harmless();
    assert!(
        said.text().contains("ok archive/good.pgseal: shop 1.0.0"),
        "{}",
        said.text()
    );
    // Named as an argument, a pipe does not block the audit either, and a dangling link is reported.
    assert_eq!(
        vault
            .faults(&[
                "archive/pipe.pgseal",
                "archive/link.pgseal",
                "archive/good.pgseal"
            ])
            .len(),
        2
    );
}

#[test]
fn a_path_that_is_mistyped_ends_it_before_anything_is_read() {
    let vault = Vault::new();
    vault.put(
        "good.pgseal",
        bundle("shop", "1.0.0", 1, &vault.keys.release),
    );
    for wrong in ["archvie", "archive/good.pgsael"] {
        vault.site.refused(
            1,
            "No such file or directory",
            ["audit", ARCHIVE, wrong, "-o", "answer.txt"],
        );
    }
}

#[test]
fn directories_that_may_not_be_listed() {
    let vault = Vault::new();
    vault.put(
        "open/a.pgseal",
        bundle("shop", "1.0.0", 1, &vault.keys.release),
    );
    vault.put(
        "shut/b.pgseal",
        bundle("shop", "2.0.0", 2, &vault.keys.release),
    );
    let shut = vault.archive().join("shut");
    std::fs::set_permissions(&shut, PermissionsExt::from_mode(0o000)).expect("our own directory");
    let may = std::fs::read_dir(&shut).is_ok();
    let faults = vault.faults(&[ARCHIVE]);
    std::fs::set_permissions(&shut, PermissionsExt::from_mode(0o700)).expect("our own directory");
    // Root can list the directory all the same.
    assert_eq!(
        faults,
        if may {
            set([])
        } else {
            set([("shut", "unreadable")])
        }
    );
}

#[test]
fn all_faults_of_one_file() {
    let vault = Vault::new();
    let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
    let mut tar = Tar::of(&good);
    tar.member("gate/open.sql").content[0] ^= 1;
    tar.member("executor/01_table.sql").content[0] ^= 1;
    tar.add(Member::new("verify/extra.sql", b""));
    vault.put("a.pgseal", tar.bytes());
    let faults = set([
        ("a.pgseal", "file-changed"),
        ("a.pgseal", "file-changed+"),
        ("a.pgseal", "file-extra"),
    ]);
    assert_eq!(vault.faults(&[ARCHIVE]), faults);
    let other = bundle("other", "1.0.0", 1, &vault.keys.release);
    let mut mixed = Tar::of(&yes(&good, &vault.keys.ann));
    let foreign = Tar::of(&yes(&other, &vault.keys.bob));
    foreign
        .members
        .into_iter()
        .skip(1)
        .for_each(|member| mixed.add(member));
    let unknown = Tar::of(&people::beside(
        &vault.keys.stranger,
        &people::approval(&good, "l2"),
    ));
    unknown
        .members
        .into_iter()
        .skip(1)
        .for_each(|member| mixed.add(member));
    vault.put("mixed.approval", mixed.bytes());
    let words: Vec<String> = vault
        .faults(&["archive/mixed.approval"])
        .into_iter()
        .map(|(_, word)| word)
        .collect();
    assert_eq!(words, ["mixed-approvals", "unknown-key"]);
}

/// Two files whose names look alike in the output hide neither.
#[test]
fn names_that_look_alike_hide_nothing() {
    let vault = Vault::new();
    let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
    let found = |vault: &Vault| {
        vault.audit(&[ARCHIVE, "--json"]).json()["files"]
            .as_array()
            .expect("a list")
            .len()
    };
    vault.put(r"a\xff.pgseal", &good);
    std::fs::write(
        vault
            .archive()
            .join(std::ffi::OsStr::from_bytes(b"a\xff.pgseal")),
        "x",
    )
    .expect("our own");
    assert_eq!(
        vault.faults(&[ARCHIVE]),
        set([("a\\xff.pgseal", "malformed")])
    );
    assert_eq!(found(&vault), 2);
}

/// Output never replaces a file that an audit reads; this is checked before anything is read.
#[test]
fn answers_take_the_place_of_no_evidence() {
    let vault = Vault::new();
    let good = bundle("shop", "1.0.0", 1, &vault.keys.release);
    vault.put("good.pgseal", &good);
    vault.put("evidence", &good);
    vault.site.write("kept", "a checkpoint\n");
    std::os::unix::fs::symlink("archive/evidence", vault.site.path("link"))
        .expect("our own directory");
    let names = [
        "good.pgseal",
        "new.approval",
        "a.receipt.json",
        "a.receipt.sig",
        "a.journal",
        "trust.json",
        "a.tar",
    ];
    for flag in ["-o", "--html", "--parquet"] {
        for name in names {
            let file = format!("archive/{name}");
            vault.site.refused(
                2,
                "has the name of what an audit reads",
                ["audit", ARCHIVE, flag, &file],
            );
        }
        for file in [
            "archive/evidence",
            "./archive/../archive/evidence",
            "link",
            "kept",
        ] {
            let args = [
                "audit",
                ARCHIVE,
                "archive/evidence",
                "--checkpoint",
                "kept",
                flag,
                file,
            ];
            vault.site.refused(2, "is what this audit reads", args);
        }
        vault
            .site
            .refused(1, "can't be written", ["audit", ARCHIVE, flag, "nowhere/x"]);
    }
    vault.put("log/checkpoint", "a log\n");
    vault.site.refused(
        2,
        "has the name of what",
        ["audit", ARCHIVE, "-o", "archive/log/checkpoint"],
    );
    vault.site.refused(
        2,
        "has the name of what",
        ["audit", ARCHIVE, "-o", "archive/log/tile/0/000"],
    );
    for (one, other) in [("x", "./x"), ("archive/x", "archive/../archive/x")] {
        vault.site.refused(
            2,
            "is to be written twice",
            ["audit", ARCHIVE, "-o", one, "--html", other],
        );
        vault.site.refused(
            2,
            "is to be written twice",
            ["audit", ARCHIVE, "--parquet", one, "--html", other],
        );
    }
    assert!(std::fs::read(vault.archive().join("good.pgseal")).expect("there") == good);
    assert!(std::fs::read(vault.archive().join("evidence")).expect("there") == good);
    for file in ["x", "archive/x", "archive/new.approval"] {
        assert!(!vault.site.path(file).exists(), "{file}");
    }
}

/// The same rule through relative paths and links.
#[test]
fn answers_take_the_place_of_no_evidence_by_another_path() {
    let vault = Vault::new();
    let entries = vault
        .put("tile/entries/000.p/3", b"entries")
        .parent()
        .expect("it has one")
        .to_owned();
    let sigs = vault
        .put("trust.json.sigs/1.json", b"{}")
        .parent()
        .expect("it has one")
        .to_owned();
    symlink(vault.archive().join("tile"), vault.site.path("tl")).expect("our own directory");
    symlink(
        "archive/tile/entries/000.p/3",
        vault.site.path("answer.txt"),
    )
    .expect("our own directory");
    symlink("trust.json", vault.site.path("root")).expect("our own directory");
    vault
        .site
        .write("roots.of.trust", vault.site.read("trust.json"));
    vault.site.write("host.key", b"a key");
    let before = vault.site.snapshot();
    let refused = |dir: &Path, why: &str, args: &[&str]| {
        for flag in ["-o", "--html", "--parquet"] {
            let outcome = outcome(
                vault
                    .site
                    .command(["audit", flag].iter().chain(args))
                    .current_dir(dir),
            );
            outcome.is_error(2, why);
            assert!(vault.site.snapshot() == before, "{flag} {args:?}");
        }
    };
    let (evidence, read, site) = (
        "has the name of what an audit reads",
        "is what this audit reads",
        vault.site.dir(),
    );
    let trust = "--trust=../../../../trust.json";
    refused(&entries, evidence, &["3", trust, "../../.."]);
    refused(&entries, evidence, &["4", trust, "../../.."]);
    refused(
        &sigs,
        evidence,
        &["1.json", "--trust=../../trust.json", ".."],
    );
    for file in ["tl/entries/000.p/3", "answer.txt", "root"] {
        refused(site, evidence, &[file, ARCHIVE]);
    }
    refused(
        site,
        read,
        &["roots.of.trust", "--trust=roots.of.trust", ARCHIVE],
    );
    refused(site, "has the name of a secret key", &["host.key", ARCHIVE]);
    refused(site, "has the name of a secret key", &["new.key", ARCHIVE]);
}

#[test]
fn what_is_looked_for_is_named() {
    let vault = Vault::new();
    vault.put("notes.txt", "nothing\n");
    let nothing = vault.audit(&[ARCHIVE]);
    assert_eq!(nothing.code, 2);
    for name in [
        "*.pgseal",
        "*.approval",
        "*.receipt.json",
        "trust.json",
        "*.tar",
    ] {
        assert!(nothing.stderr.contains(name), "{name}: {}", nothing.stderr);
    }
    vault.put("empty.approval", "");
    let said = vault.audit(&[ARCHIVE]).text();
    assert!(
        said.contains("malformed: not an approval file: the file is empty (malformed)"),
        "{said}"
    );
}
