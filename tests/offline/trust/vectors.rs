//! `tests/vectors/rotation_*_fail`: an installed trust root, the update in `next/`, and the result of `trust install`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{bend, chain, copy, desk, done, sign_unchecked, signature};
use pgseal_testkit::site::Site;

/// An invalid update of the trust root.
struct Rotation {
    name: &'static str,
    why: &'static str,
    error: &'static str,
    /// Leaves the installed root as `trust.json` and the update in `next/`. The site has a chain of four versions, of
    /// which the first is installed.
    make: fn(&Site),
}

const ROTATIONS: [Rotation; 10] = [
    Rotation {
        name: "skip",
        why: "Version 3 is brought to version 1: what version 2 took away would come back unseen.",
        error: "skip: version 2 comes next",
        make: |site| copy(site, "trust.3.json", "next"),
    },
    Rotation {
        name: "rollback",
        why: "Version 2 is brought to version 4: keys that were taken away would count again.",
        error: "rollback: version 4 is installed",
        make: |site| {
            done(site, "trust install medium");
            copy(site, "trust.2.json", "next");
        },
    },
    Rotation {
        name: "replay",
        why: "The version that is installed is brought once more.",
        error: "is installed already",
        make: |site| {
            done(site, "trust install trust.2.json");
            copy(site, "trust.2.json", "next");
        },
    },
    Rotation {
        name: "fork",
        why: "Two different versions 2 were signed; one is installed, and the other one's version 3 is brought.",
        error: "fork: version 3 follows a version 2",
        make: |site| {
            fs::create_dir(site.path("other")).expect("made");
            done(
                site,
                "trust add-key trust.json --key stranger.pub --role release -o other/trust.2.json",
            );
            done(
                site,
                "trust sign other/trust.2.json --key root2.key --key root3.key",
            );
            done(site, "trust install other/trust.2.json");
            copy(site, "trust.3.json", "next");
        },
    },
    Rotation {
        name: "threshold_of_the_old",
        why: "One of the two root keys that version 1 asks for has agreed.",
        error: "not agreed to by version 1: 1 of 2",
        make: |site| {
            copy(site, "trust.2.json", "next");
            fs::remove_file(site.path(&signature(site, "next/trust.2.json", 2, "root1")))
                .expect("removed");
        },
    },
    Rotation {
        name: "new_keys_vote_for_themselves",
        why: "Version 2 brings a root key and lowers the threshold to 1; only the new key has signed.",
        error: "not agreed to by version 1: 0 of 2",
        make: |site| {
            fs::create_dir(site.path("next")).expect("made");
            done(
                site,
                "trust add-key trust.json --key root4.pub --role root -o next/trust.2.json",
            );
            bend(site, "next/trust.2.json", |document| {
                document["roles"]["root"]["threshold"] = 1.into()
            });
            sign_unchecked(site, "next/trust.2.json", &["root4"]);
        },
    },
    Rotation {
        name: "half_written",
        why: "The document is cut off in the middle, as a full medium leaves it.",
        error: "not a trust document",
        make: |site| {
            copy(site, "trust.2.json", "next");
            let whole = site.read("next/trust.2.json");
            site.write("next/trust.2.json", &whole[..whole.len() / 2]);
        },
    },
    Rotation {
        name: "signatures_left_behind",
        why: "The document came without its directory of signatures.",
        error: "not agreed to by version 1: 0 of 2",
        make: |site| {
            copy(site, "trust.2.json", "next");
            fs::remove_dir_all(site.path("next/trust.2.json.sigs")).expect("removed");
        },
    },
    Rotation {
        name: "changed",
        why: "One letter of an owner's name was changed after the root keys signed.",
        error: "is not valid",
        make: |site| {
            copy(site, "trust.2.json", "next");
            let text = String::from_utf8(site.read("next/trust.2.json")).expect("text");
            site.write(
                "next/trust.2.json",
                text.replacen("\"owner\":\"second\"", "\"owner\":\"Second\"", 1),
            );
        },
    },
    Rotation {
        name: "issued_before",
        why: "Version 2 says that it was issued before version 1.",
        error: "before the version it follows",
        make: |site| {
            copy(site, "trust.2.json", "next");
            bend(site, "next/trust.2.json", |document| {
                document["issued"] = "2020-01-01T00:00:00Z".into()
            });
            sign_unchecked(site, "next/trust.2.json", &["root1", "root2"]);
        },
    },
];

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// Writes a vector with keys that are discarded, and returns its folder.
fn write(dir: &Path, rotation: &Rotation) -> PathBuf {
    let site = desk();
    chain(&site);
    (rotation.make)(&site);
    let folder = dir.join(format!("rotation_{}_fail", rotation.name));
    fs::create_dir_all(&folder).expect("made");
    copy_all(&site.path("next"), &folder.join("next"));
    fs::copy(site.path("trust.json"), folder.join("installed.json")).expect("copied");
    copy_all(
        &site.path("trust.json.sigs"),
        &folder.join("installed.json.sigs"),
    );
    fs::write(
        folder.join("README.md"),
        format!("# rotation_{}\n\n{}\n", rotation.name, rotation.why),
    )
    .expect("written");
    fs::write(folder.join("expect"), run(&folder)).expect("written");
    folder
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from)
        .expect("readable")
        .map(|entry| entry.expect("readable"))
    {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_all(&path, &to);
        } else {
            fs::copy(path, to).expect("copied");
        }
    }
}

/// Installs into a copy, which must stay unchanged; returns the exit code and the error line, in the form of `expect`.
fn run(folder: &Path) -> String {
    let site = Site::empty();
    copy_all(folder, site.dir());
    let before = site.snapshot();
    let outcome = site.run(["trust", "install", "next", "--trust", "installed.json"]);
    assert_eq!(
        site.snapshot(),
        before,
        "{}: something was changed",
        folder.display()
    );
    let error = outcome
        .stderr
        .lines()
        .find(|line| line.starts_with("pgseal: error: "))
        .unwrap_or_default();
    format!("exit: {}\n{error}\n", outcome.code)
}

#[test]
fn every_committed_rotation_is_refused_as_it_says() {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(committed()).expect("tests/vectors") {
        let folder = entry.expect("readable").path();
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a plain name")
            .to_owned();
        if name.starts_with("rotation_") {
            assert_eq!(
                run(&folder),
                fs::read_to_string(folder.join("expect")).expect("expect"),
                "{name}"
            );
            found.insert(name);
        }
    }
    let all: BTreeSet<String> = ROTATIONS
        .iter()
        .map(|rotation| format!("rotation_{}_fail", rotation.name))
        .collect();
    assert_eq!(found, all, "run the ignored test regenerate_rotations");
}

#[test]
fn every_rotation_made_anew_is_refused_for_its_own_reason() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for rotation in &ROTATIONS {
        let said = run(&write(dir.path(), rotation));
        assert!(
            said.starts_with("exit: 11\n") && said.contains(rotation.error),
            "{}: {said}",
            rotation.name
        );
    }
}

/// Not a test: writes the rotations below tests/vectors again.
#[test]
#[ignore = "writes into the source tree"]
fn regenerate_rotations() {
    for rotation in &ROTATIONS {
        let _ = fs::remove_dir_all(committed().join(format!("rotation_{}_fail", rotation.name)));
        write(&committed(), rotation);
    }
}
