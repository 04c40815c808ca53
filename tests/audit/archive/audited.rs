//! Checks of the archives' logs by `audit`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ORIGIN, add, desk, numbered};
use pgseal_testkit::bundles::{pack, small};
use pgseal_testkit::keys::key;
use pgseal_testkit::site::Site;
use pgseal_testkit::tar::{Member, Tar};

/// Returns kinds and paths of all faults that concern logs. (Two releases of these tests share a name, which is another
/// fault.)
fn told(site: &Site, args: &[&str]) -> BTreeSet<(String, String)> {
    let outcome = site.run(["audit", "--json"].iter().chain(args));
    let document = outcome.json();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut told = BTreeSet::new();
    for file in document["files"].as_array().expect("a list") {
        for fault in file["faults"].as_array().expect("a list") {
            told.insert((text(&fault["kind"]), text(&file["path"])));
        }
    }
    assert_eq!(
        outcome.code,
        if told.is_empty() { 0 } else { 50 },
        "{}",
        outcome.stderr
    );
    told.retain(|(kind, _)| kind.starts_with("log-"));
    told
}

fn set<const N: usize>(faults: [(&str, &str); N]) -> BTreeSet<(String, String)> {
    faults
        .into_iter()
        .map(|(kind, path)| (kind.to_owned(), path.to_owned()))
        .collect()
}

#[test]
fn an_audit_tells_what_the_log_misses() {
    let site = desk();
    add(
        &site,
        &[
            "small.pgseal",
            "ann.approval",
            "run.receipt.json",
            "trust.json",
        ],
    )
    .done();
    let first = site.run(["archive", "checkpoint", "archive"]).done().stdout;
    site.write("first", first);
    site.write("next.pgseal", numbered(1));
    add(&site, &["next.pgseal"]).done();
    let last = site.run(["archive", "checkpoint", "archive"]).done().stdout;
    site.write("last", last);
    let said = site
        .run(["audit", "archive", "--checkpoint", "first"])
        .text();
    let line = format!(
        "ok archive/checkpoint: log {ORIGIN}, 7 entries, signed by log key; leads on from 1 checkpoint kept elsewhere"
    );
    assert!(said.contains(&line), "{said}");
    for args in [
        &["archive"][..],
        &["."],
        &["archive", "--checkpoint", "first", "--checkpoint", "last"],
    ] {
        assert_eq!(told(&site, args), set([]), "{args:?}");
    }
    // A lost file, a rewritten one, and one added without the log; reported by the paths that were given.
    std::fs::remove_file(site.path("archive/next.pgseal")).expect("it is there");
    site.write(
        "archive/ann.approval",
        site.read("archive/run.receipt.json"),
    );
    site.write("archive/other.pgseal", numbered(2));
    let lost = told(&site, &["archive"]);
    for fault in set([
        ("log-deleted", "archive/next.pgseal"),
        ("log-rewritten", "archive/ann.approval"),
        ("log-unlogged", "archive/other.pgseal"),
    ]) {
        assert!(lost.contains(&fault), "{fault:?} in {lost:?}");
    }
}

/// A deleted bundle is not reported as an unreadable one.
#[test]
fn a_bundle_that_the_log_misses_is_not_here() {
    let site = desk();
    std::fs::rename(site.path("ann.approval"), site.path("small.approval")).expect("it is there");
    add(&site, &["small.pgseal", "small.approval"]).done();
    std::fs::remove_file(site.path("archive/small.pgseal")).expect("it is there");
    let said = site.run(["audit", "archive"]).text();
    assert!(
        said.contains("FAULT archive/small.approval: the bundle of its release, small "),
        "{said}"
    );
    assert!(
        said.contains(", is not here (approval-without-bundle)"),
        "{said}"
    );
}

#[test]
fn a_checkpoint_that_was_kept_shows_what_no_file_can() {
    let site = desk();
    add(&site, &["small.pgseal"]).done();
    let kept = site.run(["archive", "checkpoint", "archive"]).done().stdout;
    site.write("kept", kept);
    // The holder of the key made the archive again without the bundle.
    std::fs::remove_dir_all(site.path("archive")).expect("it is there");
    site.run([
        "archive", "init", "archive", "--key", "log.key", "--origin", ORIGIN,
    ])
    .done();
    add(&site, &["ann.approval"]).done();
    assert_eq!(told(&site, &["archive"]), set([]));
    assert_eq!(
        told(&site, &["archive", "--checkpoint", "kept"]),
        set([("log-fork", "archive/checkpoint")])
    );
    // The same archive without its log.
    std::fs::remove_file(site.path("archive/checkpoint")).expect("it is there");
    std::fs::remove_dir_all(site.path("archive/tile")).expect("it is there");
    assert_eq!(
        told(&site, &["archive", "--checkpoint", "kept"]),
        set([("log-deleted", "kept")])
    );
    site.refused(
        10,
        "not a checkpoint",
        ["audit", "archive", "--checkpoint", "small.pgseal"],
    );
}

#[test]
fn a_log_is_asked_wherever_its_archive_lies() {
    let site = desk();
    add(&site, &["small.pgseal", "trust.json"]).done();
    std::fs::remove_file(site.path("archive/1.trust.json")).expect("it is there");
    std::os::unix::fs::symlink("archive", site.path("link")).expect("our own directory");
    assert_eq!(
        told(&site, &["link"]),
        set([("log-deleted", "link/1.trust.json")])
    );
    std::fs::create_dir_all(site.path("up/tile")).expect("our own directory");
    std::fs::rename(site.path("archive"), site.path("up/tile/tile")).expect("our own directory");
    for place in ["up", "up/tile/tile"] {
        assert_eq!(
            told(&site, &[place]),
            set([("log-deleted", "up/tile/tile/1.trust.json")]),
            "{place}"
        );
    }
}

/// All faults of one path are reported, whichever check finds them.
#[test]
fn no_fault_hides_another() {
    let site = desk();
    add(&site, &["small.pgseal"]).done();
    let before = site.read("archive/checkpoint");
    site.write("next.pgseal", numbered(1));
    add(&site, &["next.pgseal"]).done();
    site.write("kept", site.read("archive/checkpoint"));
    // An older checkpoint was restored: there are entries after it, and a kept checkpoint is of a larger log.
    site.write("archive/checkpoint", &before);
    let mut bytes = site.read("archive/small.pgseal");
    let end = bytes.len() - 1100;
    bytes[end] ^= 1;
    site.write("archive/small.pgseal", bytes);
    let document = site
        .run(["audit", "archive", "--checkpoint", "kept", "--json"])
        .json();
    let words = |path: &str| -> Vec<String> {
        let files = document["files"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|file| file["path"] == path);
        let faults = files.flat_map(|file| file["faults"].as_array().expect("a list"));
        faults
            .map(|fault| fault["kind"].as_str().expect("a word").to_owned())
            .collect()
    };
    assert_eq!(
        words("archive/checkpoint"),
        ["log-unfinished", "log-shrunk"]
    );
    assert_eq!(
        words("archive/small.pgseal"),
        ["malformed", "log-rewritten"]
    );
    // Files of the entries after the checkpoint have no fault of their own.
    assert_eq!(words("archive/next.pgseal"), Vec::<String>::new());
}

/// Of two releases with the same name, the report is about the one that was not logged.
#[test]
fn what_was_logged_is_believed_rather_than_what_was_not() {
    let site = desk();
    add(&site, &["small.pgseal"]).done();
    std::fs::create_dir_all(site.path("aside")).expect("our own directory");
    for (other, paths) in [
        ("archive/a.pgseal", &["archive"][..]),
        ("aside/a.pgseal", &["archive", "aside"]),
    ] {
        site.write(other, numbered(1));
        site.write("aside/small.pgseal", site.read("small.pgseal"));
        let said = site.run(["audit"].iter().chain(paths)).text();
        for line in [
            format!("FAULT {other}: small 1.0.0 is another release in archive/small.pgseal"),
            format!("note archive/small.pgseal: small 1.0.0 is another release in {other}"),
        ] {
            assert!(said.contains(&line), "{line}\n{said}");
        }
        std::fs::remove_file(site.path(other)).expect("written");
    }
}

#[test]
fn a_size_that_nobody_signed_stops_no_audit() {
    let site = desk();
    add(&site, &["small.pgseal"]).done();
    let checkpoint = String::from_utf8(site.read("archive/checkpoint")).expect("text");
    for size in ["18446744073709551615", "30000000"] {
        site.write(
            "archive/checkpoint",
            checkpoint.replacen("\n1\n", &format!("\n{size}\n"), 1),
        );
        let faults = told(&site, &["archive"]);
        assert!(
            faults.contains(&("log-unsigned".into(), "archive/checkpoint".into())),
            "{faults:?}"
        );
        assert!(faults.len() < 30, "{faults:?}");
    }
}

/// Files in a tar file next to logged files count as not logged, whatever their paths begin with.
#[test]
fn the_logged_release_is_the_measure_and_not_one_in_a_tar_file() {
    let site = desk();
    add(&site, &["small.pgseal"]).done();
    let tar = Tar {
        members: vec![Member::new("small.pgseal", &numbered(1))],
        end: vec![0; 1024],
    };
    site.write("archive/a.tar", tar.bytes());
    let document = site.run(["audit", "--json", "archive"]).json();
    let files = document["files"].as_array().expect("a list").iter();
    let is_equivocation = |file: &&Value| {
        file["faults"]
            .as_array()
            .is_some_and(|faults| faults.iter().any(|fault| fault["kind"] == "equivocation"))
    };
    let paths: Vec<&str> = files
        .filter(is_equivocation)
        .filter_map(|file| file["path"].as_str())
        .collect();
    assert_eq!(paths, ["archive/a.tar/small.pgseal"]);
}

/// Old copies of the log, in any place, do not hide the faults of the log that the checkpoint was kept of.
#[test]
fn a_kept_checkpoint_is_compared_with_every_copy_of_the_log() {
    let site = desk();
    add(&site, &["small.pgseal"]).done();
    let copy = |from: &str, to: &str| {
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .args([site.path(from), site.path(to)])
            .status();
        assert!(copied.expect("cp starts").success());
    };
    std::fs::create_dir(site.path("srv")).expect("our own directory");
    copy("archive", "old");
    site.write("next.pgseal", numbered(1));
    add(&site, &["next.pgseal"]).done();
    site.write("kept", site.read("archive/checkpoint"));
    copy("archive", "srv/aaa");
    copy("old", "srv/archive");
    let args = ["srv", "--checkpoint", "kept"];
    assert_eq!(
        told(&site, &args),
        set([("log-shrunk", "srv/archive/checkpoint")])
    );
    // The same in the other order, and with another tree instead of a smaller one.
    std::fs::rename(site.path("srv/archive"), site.path("srv/a")).expect("our own directory");
    assert_eq!(
        told(&site, &args),
        set([("log-shrunk", "srv/a/checkpoint")])
    );
    site.write("other.pgseal", numbered(2));
    site.run([
        "archive",
        "add",
        "--with-faults",
        "srv/a",
        "--key",
        "log.key",
        "other.pgseal",
    ])
    .done();
    assert_eq!(told(&site, &args), set([("log-fork", "srv/a/checkpoint")]));
    // Intact copies are not a fault, and each is reported as compared.
    std::fs::remove_dir_all(site.path("srv/a")).expect("our own directory");
    copy("archive", "srv/archive");
    assert_eq!(told(&site, &args), set([]));
    let said = site.run(["audit"].iter().chain(&args)).text();
    assert_eq!(
        said.matches("leads on from 1 checkpoint kept elsewhere")
            .count(),
        2,
        "{said}"
    );
}

/// A directory with the names of a log but without its content counts as a damaged log, not as one that never was a
/// log.
#[test]
fn a_log_that_was_emptied_is_damaged() {
    let site = desk();
    add(&site, &["small.pgseal"]).done();
    site.write("kept", site.read("archive/checkpoint"));
    let [checkpoint, tile] = ["archive/checkpoint", "archive/tile"].map(|path| site.path(path));
    let broken = || {
        let told = told(&site, &["archive"]);
        assert!(
            told.contains(&("log-broken".to_owned(), "archive/checkpoint".to_owned())),
            "{told:?}"
        );
        let kept = site.run(["audit", "archive", "--checkpoint", "kept"]);
        assert_eq!(kept.code, 50, "{}", kept.text());
        site.refused(
            11,
            "the log is gone",
            [
                "archive", "init", "archive", "--key", "log.key", "--origin", ORIGIN,
            ],
        );
    };
    std::fs::remove_file(&checkpoint).expect("it is there");
    std::fs::remove_dir_all(tile.join("entries")).expect("it is there");
    broken();
    std::fs::remove_dir_all(&tile).expect("it is there");
    std::fs::create_dir(&tile).expect("our own directory");
    broken();
    std::fs::remove_dir(&tile).expect("our own directory");
    std::fs::create_dir(&checkpoint).expect("our own directory");
    broken();
    std::fs::remove_dir(&checkpoint).expect("our own directory");
    std::os::unix::fs::symlink("nowhere", &checkpoint).expect("our own directory");
    broken();
    // Directories of these names with other content are not a log.
    std::fs::remove_file(&checkpoint).expect("our own link");
    for name in ["checkpoint/1", "tile/0/0"] {
        std::fs::create_dir_all(site.path("archive").join(name)).expect("our own directory");
    }
    assert_eq!(told(&site, &["archive"]), set([]));
}

/// A removed checkpoint is one fault, however much other sources show about the log.
#[test]
fn a_checkpoint_that_is_gone_is_one_fault() {
    let site = desk();
    add(&site, &["small.pgseal", "trust.json"]).done();
    site.write("kept", site.read("archive/checkpoint"));
    add(&site, &["ann.approval"]).done();
    std::fs::remove_file(site.path("archive/checkpoint")).expect("it is there");
    let all = |args: &[&str]| {
        let said = site.run(["audit", "archive"].iter().chain(args)).text();
        said.lines()
            .filter(|line| line.starts_with("FAULT"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for args in [&[][..], &["--checkpoint", "kept"]] {
        let faults = all(args);
        assert_eq!(faults.len(), 1, "{args:?}: {faults:?}");
        assert!(
            faults[0].starts_with("FAULT archive/checkpoint: gone: put back a copy"),
            "{faults:?}"
        );
    }
    // Entries that differ from those of the kept checkpoint are another fault.
    let path = "archive/tile/entries/000.p/4";
    let entries = site.read(path);
    let mut bad = entries.clone();
    bad[40] ^= 1;
    site.write(path, bad);
    let broken = all(&["--checkpoint", "kept"]);
    assert!(
        broken.iter().any(|fault| fault.ends_with("(log-fork)")),
        "{broken:?}"
    );
    site.write(path, entries);
    std::fs::remove_dir_all(site.path("archive/tile")).expect("it is there");
    assert_eq!(all(&["--checkpoint", "kept"]).len(), 1);
}

/// Restoring an older checkpoint is one fault, however many files were logged since; each of those gets a note.
#[test]
fn a_checkpoint_that_was_put_back_is_one_fault() {
    let site = desk();
    add(&site, &["small.pgseal"]).done();
    let older = site.read("archive/checkpoint");
    site.write("next.pgseal", numbered(1));
    add(&site, &["next.pgseal", "ann.approval", "run.receipt.json"]).done();
    site.write("archive/checkpoint", older);
    let files = [
        "archive/ann.approval",
        "archive/next.pgseal",
        "archive/run.receipt.json",
        "archive/run.receipt.sig",
    ];
    assert_eq!(
        told(&site, &["archive"]),
        set([("log-unfinished", "archive/checkpoint")])
    );
    let text = site.run(["audit", "archive"]).text();
    for file in &files[..3] {
        assert!(
            text.contains(&format!(
                "note {file}: logged behind the log's checkpoint only (log-unfinished)"
            )),
            "{text}"
        );
    }
    let said = site.run(["archive", "verify", "archive"]).text();
    assert!(
        said.contains(
            "; 4 files are logged behind this checkpoint only, which no key has signed here\n"
        ),
        "{said}"
    );
    let document = site.run(["archive", "verify", "archive", "--json"]).json();
    let behind: Vec<String> = files
        .iter()
        .map(|file| file.replace("archive/", ""))
        .collect();
    assert_eq!(
        (
            document["faults"].as_array().map(Vec::len),
            &document["behind"]
        ),
        (Some(1), &behind.into())
    );
    // The files after the checkpoint don't count as logged: of two releases with the same name, the signed entry is the
    // reference.
    assert!(
        text.contains(
            "FAULT archive/next.pgseal: small 1.0.0 is another release in archive/small.pgseal"
        ),
        "{text}"
    );
    std::fs::rename(
        site.path("archive/next.pgseal"),
        site.path("archive/a.pgseal"),
    )
    .expect("it is there");
    // With another name or another content, the file is in no entry.
    site.write("archive/ann.approval", "something else");
    let faults = told(&site, &["archive"]);
    for file in ["archive/a.pgseal", "archive/ann.approval"] {
        assert!(
            faults.contains(&("log-unlogged".to_owned(), file.to_owned())),
            "{faults:?}"
        );
    }
    // Another add completes the log.
    site.write("archive/ann.approval", site.read("ann.approval"));
    std::fs::rename(
        site.path("archive/a.pgseal"),
        site.path("archive/next.pgseal"),
    )
    .expect("it is there");
    add(&site, &["next.pgseal"]).done();
    assert_eq!(told(&site, &["archive"]), set([]));
}

/// As with two releases of one name and version, the fault is reported for the one that was not logged.
#[test]
fn the_logged_one_of_two_with_one_sequence_is_the_measure() {
    let site = desk();
    add(&site, &["small.pgseal"]).done();
    let mut files = small();
    let toml = String::from_utf8(files["release.toml"].clone()).expect("text");
    files.insert(
        "release.toml".to_owned(),
        toml.replace("version = \"1.0.0\"", "version = \"2.0.0\"")
            .into_bytes(),
    );
    let other = pack(&files, &[key("release")]);
    for path in ["archive/a.pgseal", "archive/z.pgseal"] {
        site.write(path, &other);
        let said = site.run(["audit", "archive"]).text();
        let line = format!(
            "FAULT {path}: small 2.0.0 has sequence 1, and so has small 1.0.0 in archive/small.pgseal"
        );
        assert!(
            said.contains(&line) && !said.contains("FAULT archive/small.pgseal"),
            "{line}\n{said}"
        );
        std::fs::remove_file(site.path(path)).expect("written");
    }
}

/// Logs inside tar files are not read; the report of a missing log mentions them.
#[test]
fn a_kept_checkpoint_names_the_tar_file_whose_log_is_not_asked() {
    let site = desk();
    add(&site, &["small.pgseal"]).done();
    let kept = site.run(["archive", "checkpoint", "archive"]).done().stdout;
    site.write("kept", kept);
    std::fs::create_dir(site.path("old")).expect("our own directory");
    let mut tar = std::process::Command::new("tar");
    let tar = tar
        .current_dir(site.dir())
        .args(["-cf", "old/2025.tar", "archive"])
        .status()
        .expect("tar is there");
    assert!(tar.success());
    let said = site.run(["audit", "old", "--checkpoint", "kept"]).text();
    let line = format!(
        "FAULT kept: no log of {ORIGIN} is in a directory below the given paths: it was taken away, or is elsewhere; \
         not asked is what log is in old/2025.tar (log-deleted)"
    );
    assert!(said.contains(&line), "{said}");
}
