//! Runs the harness of `just bench` from end to end: one round of the smallest workloads, all sets, a real server.
//! Checks that the benchmark page matches its numbers. Nothing is timed here.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pgseal_verify::digest::Digest;
use serde_json::Value;

/// The directory of the harness.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench")
}

fn python<I: AsRef<OsStr>>(script: &str, arguments: impl IntoIterator<Item = I>) -> Output {
    let mut command = Command::new("python3");
    command
        .arg(here().join(script))
        .args(arguments)
        .env("PGSEAL", env!("CARGO_BIN_EXE_pgseal"));
    command.output().expect("python3 is installed")
}

fn succeeds(done: &Output) {
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn a_tiny_run_of_every_set_makes_numbers_page_and_plots() {
    let dir = tempfile::tempdir().unwrap();
    let docs = dir.path().join("docs");
    fs::create_dir(&docs).unwrap();
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks.md"),
        docs.join("benchmarks.md"),
    )
    .unwrap();
    let places = ["--docs".into(), docs.clone().into_os_string()];
    let work = [
        "--workspace".into(),
        dir.path().join("work").into_os_string(),
        "--smallest".into(),
    ];
    succeeds(&python("bench.py", places.iter().chain(&work)));

    let results: Value =
        serde_json::from_slice(&fs::read(docs.join("benchmarks/results.json")).unwrap()).unwrap();
    let sets = results["sets"].as_object().unwrap();
    let names: Vec<&str> = sets.keys().map(String::as_str).collect();
    let wanted = [
        "audit",
        "fingerprint",
        "gate",
        "load",
        "pack",
        "run",
        "verify",
    ];
    assert_eq!(BTreeSet::from_iter(names), BTreeSet::from(wanted));
    for (name, set) in sets {
        assert!(set["machine"]["cores"].as_u64().unwrap() >= 1);
        for group in set["groups"].as_array().unwrap() {
            // Every command ran in every round, or is reported as not installed; pgseal's own commands always run.
            for (n, command) in group["commands"].as_array().unwrap().iter().enumerate() {
                let rounds = group["rounds"].as_u64().unwrap() as usize;
                match command["missing"].as_str() {
                    Some(missing) => assert!(
                        n > 0 && missing.ends_with("not installed"),
                        "{name}: {command}"
                    ),
                    None => {
                        assert_eq!(
                            command["seconds"].as_array().unwrap().len(),
                            rounds,
                            "{name}: {command}"
                        );
                        assert!(
                            command["peak_kib"].as_u64().unwrap() > 0,
                            "{name}: {command}"
                        );
                    }
                }
            }
        }
    }

    let page = fs::read_to_string(docs.join("benchmarks.md")).unwrap();
    assert!(
        page.contains("verify a release of 200 KB, cold cache; 1 round"),
        "{page}"
    );
    for plot in ["verify.svg", "pack.svg", "audit.svg"] {
        let text = fs::read_to_string(docs.join("benchmarks").join(plot)).unwrap();
        assert!(
            text.starts_with("<svg ") && text.ends_with("</svg>\n") && text.contains("pgseal"),
            "{plot}: {text}"
        );
    }
    succeeds(&python("bench.py", ["check".into()].iter().chain(&places)));
    fs::write(
        docs.join("benchmarks.md"),
        page.replace(" cold cache; 1 round", " cold cache; 9 rounds"),
    )
    .unwrap();
    assert!(
        !python("bench.py", ["check".into()].iter().chain(&places))
            .status
            .success(),
        "a figure by hand"
    );
}

#[test]
fn the_page_says_what_the_numbers_say() {
    succeeds(&python("bench.py", ["check"]));
}

/// Workloads are the same bytes on every machine.
#[test]
fn workloads_are_the_same_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    for (size, expected) in [("20000", SMALL), ("1500000", LARGER)] {
        let release = dir.path().join(size);
        succeeds(&python(
            "workloads.py",
            [OsStr::new("release"), release.as_os_str(), OsStr::new(size)],
        ));
        assert_eq!(
            tree(&release).to_string(),
            expected,
            "release of {size} bytes"
        );
    }
}

const SMALL: &str = "8d98548715c199a2b2099c480c0a4767efe760499c1e69bc814d901e6012e6eb";
const LARGER: &str = "806f94382aaadc5e0339150769313381f415e1f4b69a71994bab6eaed829c2f6";

/// Returns the digest of a directory's paths and contents.
fn tree(dir: &Path) -> Digest {
    let files = walkdir::WalkDir::new(dir)
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap);
    let mut bytes = Vec::new();
    for file in files.filter(|file| file.file_type().is_file()) {
        let path = file.path().strip_prefix(dir).unwrap().to_str().unwrap();
        bytes.extend_from_slice(
            format!("{path} {}\n", Digest::of(&fs::read(file.path()).unwrap())).as_bytes(),
        );
    }
    Digest::of(&bytes)
}

/// Debian's psql in PATH is a wrapper; the server's programs can be links into another directory.
#[test]
fn psql_itself_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let (real, path) = (dir.path().join("real"), dir.path().join("path"));
    for dir in [&real, &path] {
        fs::create_dir(dir).unwrap();
    }
    for name in ["initdb", "pg_ctl", "postgres", "psql", "pg_wrapper"] {
        let program = real.join(name);
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let linked = if name == "pg_wrapper" { "psql" } else { name };
        if name != "psql" {
            symlink(&program, path.join(linked)).unwrap();
        }
    }
    let mut command = Command::new("python3");
    command.args([
        "-B",
        "-c",
        "import database; print(database.program('psql'), database.wrapped())",
    ]);
    command
        .current_dir(here())
        .env_remove("PGSEAL_POSTGRES_BIN");
    let paths = std::env::var_os("PATH").unwrap();
    let paths =
        std::env::join_paths([path].into_iter().chain(std::env::split_paths(&paths))).unwrap();
    let done = command.env("PATH", paths).output().unwrap();
    succeeds(&done);
    assert_eq!(
        String::from_utf8(done.stdout).unwrap(),
        format!("{} True\n", real.join("psql").display())
    );
}

#[test]
fn what_is_no_set_is_refused() {
    let done = python("bench.py", ["verfy"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("no set verfy: verify, pack, audit"));
}
