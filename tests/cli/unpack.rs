//! `unpack` that is killed in the middle, and the one that comes after it.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::bundles::{small, small_with, write_dir};
use crate::support::site::{Site, outcome};

/// Starts to unpack, and stops when the first file is being written.
fn stopped(site: &Site, dir: &str) -> Child {
    let before = asides(site);
    let mut command = site.command(["unpack", "large.pgseal", "-C", dir]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    while !asides(site).iter().any(|aside| !before.contains(aside) && aside.join("release").exists()) {
        assert!(child.try_wait().expect("ours").is_none(), "it was never seen at work");
        std::thread::sleep(Duration::from_micros(200));
    }
    kill_process(Pid::from_child(&child), Signal::STOP).expect("ours");
    assert!(!site.path(dir).exists(), "it was done before it could be stopped");
    child
}

/// The directories that look like those in which releases are built.
fn asides(site: &Site) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(site.dir()).expect("readable").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<_> =
        entries.filter(|path| path.to_string_lossy().contains("/.pgseal-") && path.is_dir()).collect();
    found.sort();
    found
}

#[test]
fn what_was_killed_goes_and_nothing_else() {
    let site = Site::new();
    write_dir(&site.path("large"), &small_with("data/large.sql", &b"-- a line\n".repeat(10 << 20)));
    site.run(["pack", "large", "-o", "large.pgseal", "--key", "release.key"]).done();
    // What people have by such names.
    let own = [".pgseal-own", ".pgseal-unpack-aBcDeF", ".pgseal-unpack-own"].map(|name| site.path(name));
    for dir in &own {
        std::fs::create_dir(dir).expect("writable");
        std::fs::write(dir.join("dear"), "to somebody").expect("writable");
    }

    let mut killed = stopped(&site, "killed");
    killed.kill().expect("SIGKILL of our own process");
    killed.wait().expect("it ends");
    let left: Vec<_> = asides(&site).into_iter().filter(|dir| !own.contains(dir)).collect();
    assert_eq!(left.len(), 1, "{left:?}");

    // One that is alive keeps its own, however long it takes.
    let mut alive = stopped(&site, "alive");
    assert!(!left[0].exists(), "the next one has taken it away");
    let third = site.run(["unpack", "large.pgseal", "-C", "third"]).done();
    assert!(!third.stderr.contains("removed"), "{}", third.stderr);
    kill_process(Pid::from_child(&alive), Signal::CONT).expect("ours");
    assert!(alive.wait().expect("it ends").success());
    assert!(site.read("alive/release.toml") == site.read("third/release.toml"));
    assert_eq!(asides(&site), own);
    assert!(own.iter().all(|dir| dir.join("dear").exists()));
}

/// The release is as private as the empty directory that was made for it.
#[test]
fn an_empty_directory_keeps_its_mode() {
    let site = Site::new();
    write_dir(&site.path("small"), &small());
    site.run(["pack", "small", "-o", "small.pgseal", "--key", "release.key"]).done();
    for mode in [0o700, 0o750, 0o2770, 0o711] {
        let dir = site.path(&format!("{mode:o}"));
        std::fs::create_dir(&dir).expect("writable");
        std::fs::set_permissions(&dir, Permissions::from_mode(mode)).expect("our own");
        site.run(["unpack", "small.pgseal", "-C", &format!("{mode:o}")]).done();
        assert_eq!(dir.metadata().expect("there").mode() & 0o7777, mode, "{mode:o}");
        assert!(dir.join("release.toml").is_file());
    }
    assert!(asides(&site).is_empty());
}

/// A directory that no other one can take the place of.
#[test]
fn the_directory_where_one_is_can_not_be_replaced() {
    let site = Site::new();
    write_dir(&site.path("small"), &small());
    site.run(["pack", "small", "-o", "small.pgseal", "--key", "release.key"]).done();
    std::fs::create_dir(site.path("empty")).expect("writable");
    let before = site.snapshot();
    for dir in [".", "./"] {
        let args = ["unpack", "../small.pgseal", "-C", dir, "--trust", "../trust.json"];
        let refused = outcome(site.command(args).current_dir(site.path("empty")));
        refused.is_error(2, "can't be replaced");
        assert!(refused.stderr.contains("name a new directory"), "{}", refused.stderr);
    }
    assert!(site.snapshot() == before);
}
