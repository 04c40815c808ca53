//! Links in an archive: neither reading nor writing follows a link on the way to a file.

use std::os::unix::fs::symlink;

use super::{add, desk, fault, faults, names, numbered};
use pgseal_testkit::site::Site;

/// Creates an archive with `2026/a.pgseal`, and a sibling directory without a log.
fn two_places() -> Site {
    let site = desk();
    for dir in ["archive/2026", "elsewhere"] {
        std::fs::create_dir(site.path(dir)).expect("our own directory");
    }
    site.write("archive/2026/a.pgseal", numbered(1));
    add(&site, &["archive"]).done();
    site.write("kept", site.read("archive/checkpoint"));
    site
}

/// Moves a file or directory out of the archive and puts a link in its place.
fn replaced(site: &Site, path: &str) {
    let (from, to) = (
        site.path(&format!("archive/{path}")),
        site.path("elsewhere").join(path.replace('/', "-")),
    );
    std::fs::rename(&from, &to).expect("it is there");
    symlink(&to, &from).expect("our own link");
}

fn sentence(site: &Site) -> String {
    let document = site.run(["archive", "verify", "archive", "--json"]).json();
    document["faults"][0]["sentence"]
        .as_str()
        .expect("text")
        .to_owned()
}

#[test]
fn a_linked_directory_has_no_file_of_the_archive() {
    let site = two_places();
    replaced(&site, "2026");
    assert_eq!(faults(&site, &[]), fault("deleted", "2026/a.pgseal"));
    assert_eq!(
        sentence(&site),
        "gone: 2026 is a link, and not the file itself"
    );
    let told = site.run(["audit", "archive", "--json"]).text();
    assert!(told.contains("log-deleted"), "{told}");
    // Neither restoring the lost file nor adding a new one writes through the link.
    site.write("a.pgseal", numbered(1));
    let before = names(&site.path("elsewhere/2026"));
    std::fs::remove_file(site.path("elsewhere/2026/a.pgseal")).expect("it is there");
    let root = site.path("root.key");
    assert!(root.exists());
    site.refused(2, "b.pgseal: b.pgseal is a link", {
        symlink(site.path("small.pgseal"), site.path("archive/b.pgseal")).expect("our own link");
        [
            "archive",
            "add",
            "--with-faults",
            "archive",
            "archive/b.pgseal",
            "archive",
            "--key",
            "log.key",
        ]
    });
    assert_eq!(before.len(), 1);
    assert!(names(&site.path("elsewhere/2026")).is_empty());
    // The path of the archive itself may contain a link.
    std::fs::remove_file(site.path("archive/b.pgseal")).expect("ours");
    std::fs::remove_file(site.path("archive/2026")).expect("ours");
    std::fs::create_dir(site.path("archive/2026")).expect("our own directory");
    site.write("archive/2026/a.pgseal", numbered(1));
    std::fs::rename(site.path("archive"), site.path("real")).expect("it is there");
    symlink("real", site.path("archive")).expect("our own link");
    assert!(faults(&site, &["--since", "kept"]).is_empty());
    add(&site, &["small.pgseal"]).done();
    assert!(faults(&site, &["--since", "kept"]).is_empty());
}

#[test]
fn nothing_is_written_through_a_link() {
    let site = desk();
    // Add writes the signatures of the trust root into `1.trust.json.sigs`.
    symlink(site.path("archive"), site.path("outside")).expect("our own link");
    std::fs::create_dir(site.path("elsewhere")).expect("our own directory");
    symlink("../elsewhere", site.path("archive/1.trust.json.sigs")).expect("our own link");
    let before = site.snapshot();
    site.refused(
        2,
        "1.trust.json.sigs is a link",
        [
            "archive",
            "add",
            "--with-faults",
            "archive",
            "trust.json",
            "--key",
            "log.key",
        ],
    );
    assert_eq!(site.snapshot(), before);
    assert!(names(&site.path("elsewhere")).is_empty());
}

#[test]
fn the_log_itself_lies_in_the_archive() {
    for path in [
        "tile",
        "tile/entries",
        "tile/0",
        "tile/entries/000.p",
        "tile/0/000.p",
        "checkpoint",
    ] {
        let site = two_places();
        replaced(&site, path);
        let told = faults(&site, &["--since", "kept"]);
        assert!(
            !told.is_empty() && told.iter().all(|(kind, _)| kind == "broken"),
            "{path}: {told:?}"
        );
        assert!(
            sentence(&site).contains("link"),
            "{path}: {}",
            sentence(&site)
        );
        let before = site.snapshot();
        let refused = site.refused(
            11,
            "is a link",
            [
                "archive",
                "add",
                "--with-faults",
                "archive",
                "small.pgseal",
                "--key",
                "log.key",
            ],
        );
        assert!(
            refused.stderr.contains("pgseal: hint: "),
            "{}",
            refused.stderr
        );
        assert_eq!(site.snapshot(), before, "{path}");
    }
}
