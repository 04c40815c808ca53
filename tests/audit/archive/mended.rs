//! Entries after the checkpoint: an older checkpoint was restored, a file is missing, or another file has its place.

use serde_json::json;

use super::{add, desk, fault, faults, numbered};
use pgseal_testkit::site::Site;

/// Creates three releases, and restores the checkpoint of the first two.
fn put_back() -> (Site, Vec<u8>) {
    let site = desk();
    for number in 0..4 {
        site.write(&format!("{number}.pgseal"), numbered(number));
    }
    add(&site, &["0.pgseal", "1.pgseal"]).done();
    let older = site.read("archive/checkpoint");
    add(&site, &["2.pgseal", "run.receipt.json"]).done();
    let newest = site.read("archive/checkpoint");
    site.write("archive/checkpoint", older);
    (site, newest)
}

fn remove(site: &Site, path: &str) {
    std::fs::remove_file(site.path(&format!("archive/{path}"))).expect("it is there");
}

#[test]
fn a_lost_file_behind_the_checkpoint_is_put_back_by_adding_it() {
    let (site, newest) = put_back();
    remove(&site, "2.pgseal");
    remove(&site, "run.receipt.sig");
    let refused = [
        "archive",
        "add",
        "--with-faults",
        "archive",
        "3.pgseal",
        "--key",
        "log.key",
    ];
    let said = site.refused(11, "", refused).stderr;
    assert!(
        said.contains("2.pgseal: gone") || said.contains("run.receipt.json"),
        "{said}"
    );
    // Another file of the same name is refused.
    std::fs::create_dir(site.path("other")).expect("our own directory");
    site.write("other/2.pgseal", numbered(3));
    site.refused(
        11,
        "2.pgseal: gone",
        [
            "archive",
            "add",
            "--with-faults",
            "archive",
            "other/2.pgseal",
            "run.receipt.json",
            "--key",
            "log.key",
        ],
    );
    let added = add(&site, &["2.pgseal", "run.receipt.json"]).done().json();
    assert_eq!(added["size"], json!(5));
    assert_eq!(
        site.read("archive/checkpoint"),
        newest,
        "the same log again"
    );
    assert!(faults(&site, &[]).is_empty());
    assert_eq!(site.read("archive/2.pgseal"), numbered(2));
}

#[test]
fn what_is_no_part_of_the_log_is_named_with_what_helps() {
    let site = desk();
    add(&site, &["small.pgseal"]).done();
    let refused = |path: &str| {
        let args = [
            "archive",
            "add",
            "--with-faults",
            "archive",
            "ann.approval",
            "--key",
            "log.key",
        ];
        let said = site.refused(11, path, args).stderr;
        assert!(said.contains("remove it"), "{said}");
        assert_eq!(faults(&site, &[]), fault("broken", path));
        let text = site.run(["archive", "verify", "archive"]).text();
        assert!(text.contains("remove it"), "{text}");
    };
    let junk = "tile/entries/000.p/7";
    site.write(&format!("archive/{junk}"), "junk");
    refused(junk);
    remove(&site, junk);
    std::fs::create_dir(site.path("archive").join(junk)).expect("our own directory");
    refused(junk);
    std::fs::remove_dir(site.path("archive").join(junk)).expect("ours");
    // Entries of another log, which follow other entries than these.
    site.run([
        "archive",
        "init",
        "other",
        "--key",
        "log.key",
        "--origin",
        "example.com/other",
    ])
    .done();
    for file in ["ann.approval", "small.pgseal"] {
        site.run([
            "archive",
            "add",
            "--with-faults",
            "other",
            file,
            "--key",
            "log.key",
        ])
        .done();
    }
    site.write(
        "archive/tile/entries/000.p/2",
        site.read("other/tile/entries/000.p/2"),
    );
    refused("tile/entries/000.p/2");
    remove(&site, "tile/entries/000.p/2");
    // Files without a number for a name are ignored.
    site.write("archive/tile/entries/000.p/notes", "junk");
    add(&site, &["ann.approval"]).done();
    assert!(faults(&site, &[]).is_empty());
}

#[test]
fn a_log_that_did_not_grow_is_looked_at_too() {
    let site = desk();
    add(&site, &["small.pgseal", "ann.approval"]).done();
    site.write("kept", site.read("archive/checkpoint"));
    let tile = "archive/tile/0/000.p/2";
    let good = site.read(tile);
    let mut bad = good.clone();
    bad[0] ^= 1;
    site.write(tile, bad);
    let consistency = ["archive", "consistency", "archive", "--since", "kept"];
    site.refused(11, "its tiles are not those of the checkpoint", consistency);
    std::fs::remove_file(site.path(tile)).expect("it is there");
    site.refused(11, "tile/0/000.p/2", consistency);
    site.write(tile, good);
    site.run(consistency).done();
    // Commands that read a log don't create a new one when it is missing.
    std::fs::remove_file(site.path("archive/checkpoint")).expect("it is there");
    std::fs::remove_dir_all(site.path("archive/tile")).expect("it is there");
    let gone: [(i32, &[&str]); 4] = [
        (50, &["consistency", "archive", "--since", "kept"]),
        (2, &["prove", "archive", "small.pgseal"]),
        (2, &["verify", "archive"]),
        (2, &["checkpoint", "archive"]),
    ];
    for (exit, args) in gone {
        let said = site
            .refused(exit, "there is no log", ["archive"].iter().chain(args))
            .stderr;
        assert!(
            said.contains("put back its `checkpoint` and `tile/`") && !said.contains("init"),
            "{said}"
        );
    }
    let said = site.refused(
        2,
        "there is no log",
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
        said.stderr.contains("init") && said.stderr.contains("put back"),
        "{}",
        said.stderr
    );
}

/// A kill between a file and its signatures leaves the signatures missing; the refusal names the command that completes
/// them.
#[test]
fn a_file_that_lacks_its_signatures_is_mended_by_the_command_that_named_it() {
    for (file, there) in [
        ("trust.json", "1.trust.json"),
        ("run.receipt.json", "run.receipt.json"),
    ] {
        let site = desk();
        // The state that `add` leaves when it is stopped.
        site.write(&format!("archive/{there}"), site.read(file));
        for more in [&[][..], &["small.pgseal"]] {
            let args = [
                &[
                    "archive",
                    "add",
                    "--with-faults",
                    "archive",
                    "archive",
                    "--key",
                    "log.key",
                ],
                more,
            ]
            .concat();
            let said = site.refused(11, there, args).stderr;
            assert!(
                said.contains("repeat the command that named this file"),
                "{said}"
            );
            assert_eq!(
                said.contains("nothing was added; "),
                !more.is_empty(),
                "{said}"
            );
        }
        add(&site, &[file]).done();
        add(&site, &["archive", "small.pgseal"]).done();
        assert!(faults(&site, &[]).is_empty());
    }
    // A file from elsewhere without signatures is not the trace of a stopped add.
    let site = desk();
    std::fs::create_dir(site.path("other")).expect("our own directory");
    site.write("other/trust.json", site.read("trust.json"));
    let said = site.refused(
        11,
        "other/trust.json",
        [
            "archive",
            "add",
            "--with-faults",
            "archive",
            "other/trust.json",
            "--key",
            "log.key",
        ],
    );
    assert!(!said.stderr.contains("repeat"), "{}", said.stderr);
}
