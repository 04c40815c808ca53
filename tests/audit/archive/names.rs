//! File names that an audit reads: each must be in the log, whatever its name and directory.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use super::{add, desk, fault, faults, numbered};
use pgseal_testkit::site::Site;

/// Paths of files that were never logged.
const SLIPPED_IN: [&str; 8] = [
    ".pgseal-x/x.pgseal",
    ".pgseal-add-aB3dE6/x.pgseal",
    "tile/x.pgseal",
    "tile/entries/x.approval",
    "trust-2.json",
    "x.sigs/7.json",
    "old.tar",
    ".pgseal",
];

/// Returns the paths of the files that are reported as not logged.
fn by_verify(document: &Value) -> BTreeSet<String> {
    let faults = document["faults"].as_array().expect("a list").iter();
    let unlogged = faults.filter(|fault| fault["kind"] == "unlogged");
    unlogged
        .map(|fault| fault["path"].as_str().expect("text").to_owned())
        .collect()
}

fn by_audit(document: &Value) -> BTreeSet<String> {
    let files = document["files"].as_array().expect("a list").iter();
    let is_unlogged = |file: &&Value| {
        file["faults"]
            .as_array()
            .is_some_and(|faults| faults.iter().any(|fault| fault["kind"] == "log-unlogged"))
    };
    files
        .filter(is_unlogged)
        .map(|file| file["path"].as_str().expect("text").to_owned())
        .collect()
}

#[test]
fn no_name_is_too_odd_to_be_unlogged() {
    let site = desk();
    add(&site, &["small.pgseal", "trust.json"]).done();
    for path in SLIPPED_IN {
        let at = site.path("archive").join(path);
        std::fs::create_dir_all(at.parent().expect("a directory")).expect("our own directory");
        std::fs::write(at, numbered(1)).expect("our own file");
    }
    let odd = site
        .path("archive")
        .join(OsStr::from_bytes(b"odd-\xff.pgseal"));
    std::fs::write(odd, numbered(1)).expect("our own file");
    let mut expected: BTreeSet<String> = SLIPPED_IN.map(str::to_owned).into();
    expected.insert("odd-\u{fffd}.pgseal".to_owned());
    let document = site.run(["archive", "verify", "archive", "--json"]).json();
    assert_eq!(by_verify(&document), expected);
    let told = |path: &String| format!("archive/{}", path.replace('\u{fffd}', "\\xff"));
    let below: BTreeSet<String> = expected.iter().map(told).collect();
    let document = site.run(["audit", "archive", "--json"]).json();
    assert_eq!(by_audit(&document), below);
    // Each file is reported with a hint of its own.
    let text = site.run(["archive", "verify", "archive"]).text();
    for (path, help) in [
        ("odd-", "its name is not UTF-8"),
        ("tile/x.pgseal", "is a path of the log itself"),
        ("old.tar", "takes no tar file"),
        (".pgseal-x/x.pgseal", "put aside"),
        (
            "trust-2.json",
            "`pgseal archive add` takes it in, if it is authentic",
        ),
    ] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("unlogged  {path}")))
            .expect("a line");
        assert!(line.contains(help), "{line}");
    }
}

#[test]
fn a_directory_with_a_name_like_ours_stays() {
    let site = desk();
    for path in [".pgseal-mine/dear.txt", ".pgseal-add-aB3dE6/dear.txt"] {
        let at = site.path("archive").join(path);
        std::fs::create_dir_all(at.parent().expect("a directory")).expect("our own directory");
        std::fs::write(at, "dear").expect("our own file");
    }
    add(&site, &["small.pgseal"]).done();
    assert_eq!(site.read("archive/.pgseal-mine/dear.txt"), b"dear");
    assert_eq!(site.read("archive/.pgseal-add-aB3dE6/dear.txt"), b"dear");
}

/// A trust root that was copied into the archive from a host is added in place, with its earlier versions.
#[test]
fn a_trust_root_is_added_where_it_lies_with_its_earlier_versions() {
    let site = Site::new();
    for name in ["log", "more"] {
        site.run(["keygen", name, "--no-passphrase"]).done();
    }
    for (role, name) in [("log", "log.pub"), ("release", "more.pub")] {
        let step = [
            "trust",
            "add-key",
            "trust.json",
            "--root-key",
            "root.key",
            "--role",
            role,
            "--key",
            name,
        ];
        site.run(step).done();
    }
    site.run(["archive", "init", "archive", "--key", "log.key"])
        .done();
    std::fs::create_dir_all(site.path("archive/host/trust.json.sigs")).expect("our own directory");
    std::fs::copy(
        site.path("trust.json"),
        site.path("archive/host/trust.json"),
    )
    .expect("ours");
    for entry in std::fs::read_dir(site.path("trust.json.sigs"))
        .expect("a directory")
        .flatten()
    {
        std::fs::copy(
            entry.path(),
            site.path("archive/host/trust.json.sigs")
                .join(entry.file_name()),
        )
        .expect("ours");
    }
    let told = faults(&site, &[]);
    assert!(
        told.contains(&(
            "unlogged".to_owned(),
            "host/trust.json.sigs/1.json".to_owned()
        )),
        "{told:?}"
    );
    add(&site, &["archive"]).done();
    assert!(faults(&site, &[]).is_empty());
    std::fs::remove_file(site.path("archive/host/trust.json.sigs/1.json")).expect("it is there");
    assert_eq!(
        faults(&site, &[]),
        fault("deleted", "host/trust.json.sigs/1.json")
    );
    // An unsigned version is refused.
    site.write(
        "archive/host/trust.json.sigs/9.json",
        site.read("archive/host/trust.json.sigs/2.json"),
    );
    for entry in std::fs::read_dir(site.path("archive/host/trust.json.sigs"))
        .expect("a directory")
        .flatten()
    {
        if entry.file_name().to_string_lossy().starts_with("2.")
            && entry.path().extension() != Some(OsStr::new("json"))
        {
            std::fs::remove_file(entry.path()).expect("ours");
        }
    }
    let nine = "archive/host/trust.json.sigs/9.json";
    site.refused(
        11,
        "9.json",
        [
            "archive",
            "add",
            "--with-faults",
            "archive",
            nine,
            "--key",
            "log.key",
        ],
    );
}
