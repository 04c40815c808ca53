//! Interrupted runs of `unpack`, and the next run after them.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::small_site;
use pgseal_testkit::bundles::{small_with, write_dir};
use pgseal_testkit::site::{Site, outcome};

/// Starts to unpack, and stops the process while it writes the first file.
fn stopped(site: &Site, dir: &str) -> Child {
    let before = asides(site);
    let mut command = site.command(["unpack", "large.pgseal", "-C", dir]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    while !asides(site)
        .iter()
        .any(|aside| !before.contains(aside) && aside.join("release").exists())
    {
        assert!(
            child.try_wait().expect("ours").is_none(),
            "it was never seen at work"
        );
        std::thread::sleep(Duration::from_micros(200));
    }
    kill_process(Pid::from_child(&child), Signal::STOP).expect("ours");
    assert!(
        !site.path(dir).exists(),
        "it was done before it could be stopped"
    );
    child
}

/// Returns the temporary directories in which releases are built.
fn asides(site: &Site) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(site.dir())
        .expect("readable")
        .map(|entry| entry.expect("an entry").path());
    let mut found: Vec<_> = entries
        .filter(|path| path.to_string_lossy().contains("/.pgseal-") && path.is_dir())
        .collect();
    found.sort();
    found
}

/// Creates a site with a bundle that takes long to unpack.
fn large_site() -> Site {
    let site = Site::new();
    write_dir(
        &site.path("large"),
        &small_with("data/large.sql", &b"-- a line\n".repeat(10 << 20)),
    );
    site.run([
        "pack",
        "large",
        "-o",
        "large.pgseal",
        "--key",
        "release.key",
    ])
    .done();
    site
}

/// Creates a private directory with these empty files.
fn closed(dir: PathBuf, files: &[&str]) -> PathBuf {
    std::fs::create_dir(&dir).expect("writable");
    std::fs::set_permissions(&dir, Permissions::from_mode(0o700)).expect("our own");
    for file in files.iter().map(|file| dir.join(file)) {
        std::fs::create_dir_all(file.parent().expect("it is in a directory")).expect("writable");
        std::fs::write(file, "").expect("writable");
    }
    dir
}

/// Creates a directory with the content of a killed run, but a name that is not a temporary one.
fn victim(site: &Site) -> PathBuf {
    closed(site.path("victim"), &["dear", "release/dear"])
}

/// Returns the files of a directory.
fn inside(site: &Site, dir: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    site.snapshot()
        .into_iter()
        .filter(|(path, _)| path.starts_with(dir))
        .collect()
}

#[test]
fn what_was_killed_goes_and_nothing_else() {
    let site = large_site();
    // Directories of the user with similar names.
    let own =
        [".pgseal-own", ".pgseal-unpack-aBcDeF", ".pgseal-unpack-own"].map(|name| site.path(name));
    for dir in &own {
        std::fs::create_dir(dir).expect("writable");
        std::fs::write(dir.join("dear"), "to somebody").expect("writable");
    }

    let mut killed = stopped(&site, "killed");
    killed.kill().expect("SIGKILL of our own process");
    killed.wait().expect("it ends");
    let left: Vec<_> = asides(&site)
        .into_iter()
        .filter(|dir| !own.contains(dir))
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");

    // A live process keeps its directory, however long it takes.
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

/// The release keeps the permissions of the empty directory that was its target.
#[test]
fn an_empty_directory_keeps_its_mode() {
    let site = small_site();
    for mode in [0o700, 0o750, 0o2770, 0o711] {
        let dir = site.path(&format!("{mode:o}"));
        std::fs::create_dir(&dir).expect("writable");
        std::fs::set_permissions(&dir, Permissions::from_mode(mode)).expect("our own");
        site.run(["unpack", "small.pgseal", "-C", &format!("{mode:o}")])
            .done();
        assert_eq!(
            dir.metadata().expect("there").mode() & 0o7777,
            mode,
            "{mode:o}"
        );
        assert!(dir.join("release.toml").is_file());
    }
    assert!(asides(&site).is_empty());
}

/// Refuses the current directory as the target: no other directory can take its place.
#[test]
fn the_directory_where_one_is_can_not_be_replaced() {
    let site = small_site();
    std::fs::create_dir(site.path("empty")).expect("writable");
    let before = site.snapshot();
    for dir in [".", "./"] {
        let args = [
            "unpack",
            "../small.pgseal",
            "-C",
            dir,
            "--trust",
            "../trust.json",
        ];
        let refused = outcome(site.command(args).current_dir(site.path("empty")));
        refused.is_error(2, "can't be replaced");
        assert!(
            refused.stderr.contains("name a new directory"),
            "{}",
            refused.stderr
        );
    }
    assert!(site.snapshot() == before);
}

#[test]
fn only_a_closed_directory_of_that_name_goes() {
    let site = small_site();
    let gone = [("eMpTy0", &[][..]), ("bEgUn0", &["release/one.sql"])]
        .map(|(name, files)| closed(site.path(&format!(".pgseal-unpack-{name}")), files));
    let stays = [
        closed(site.path(".pgseal-unpack-own"), &[]),
        closed(site.path(".pgseal-unpack-own_00"), &[]),
        closed(site.path(".pgseal-unpack-oPeN00"), &[]),
        closed(site.path("empty"), &[]),
    ];
    std::fs::set_permissions(&stays[2], Permissions::from_mode(0o750)).expect("our own");
    let link = site.path(".pgseal-unpack-lInK00");
    symlink(&stays[3], &link).expect("a link");
    let said = site.run(["unpack", "small.pgseal", "-C", "out"]).done();
    assert_eq!(
        said.stderr.matches("which a killed process left").count(),
        gone.len(),
        "{}",
        said.stderr
    );
    assert!(!gone.iter().any(|dir| dir.exists()));
    assert!(stays.iter().all(|dir| dir.is_dir()) && link.is_symlink());
}

/// Cleaning up follows no link, neither one with a temporary name nor one inside such a directory.
#[test]
fn a_link_in_the_place_of_what_was_killed() {
    let site = small_site();
    let victim = victim(&site);
    let before = inside(&site, &victim);
    let link = site.path(".pgseal-unpack-lInK00");
    symlink(&victim, &link).expect("a link");
    let killed = closed(site.path(".pgseal-unpack-kIlLeD"), &[]);
    symlink(&victim, killed.join("release")).expect("a link");
    symlink(victim.join("dear"), killed.join("dear")).expect("a link");
    site.run(["unpack", "small.pgseal", "-C", "out"]).done();
    assert_eq!(inside(&site, &victim), before);
    assert!(link.is_symlink() && !killed.exists());
}

/// An attacker with write access to the parent directory replaces the temporary directory with a link while unpack
/// runs.
#[test]
fn a_link_in_the_place_of_one_that_is_at_work() {
    let site = large_site();
    let victim = victim(&site);
    let before = inside(&site, &victim);
    let mut unpack = stopped(&site, "out");
    let at_work = asides(&site).pop().expect("one is at work");
    let moved = site.path("moved");
    std::fs::rename(&at_work, &moved).expect("our own");
    symlink(&victim, &at_work).expect("a link");
    kill_process(Pid::from_child(&unpack), Signal::CONT).expect("ours");
    assert!(unpack.wait().expect("it ends").success());
    assert_eq!(inside(&site, &victim), before);
    assert!(at_work.is_symlink());
    assert_eq!(
        moved.read_dir().expect("it is there").count(),
        0,
        "its own is empty"
    );
    for file in ["release.toml", "data/large.sql"] {
        assert!(
            site.read(&format!("out/{file}")) == site.read(&format!("large/{file}")),
            "{file}"
        );
    }
}
