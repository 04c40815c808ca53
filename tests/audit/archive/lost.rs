//! Reports about a log that is partly lost or damaged: one cause gives one fault, with the command that repairs it.

use pgseal_verify::digest::Digest;
use serde_json::{Value, json};

use super::{ORIGIN, add, desk, fault, faults, numbered};
use pgseal_testkit::keys::key;
use pgseal_testkit::site::Site;

/// Creates four releases, and a copy of the checkpoint as `kept`.
fn four() -> Site {
    let site = desk();
    let names = ["0.pgseal", "1.pgseal", "2.pgseal", "3.pgseal"];
    names
        .iter()
        .enumerate()
        .for_each(|(number, name)| drop(site.write(name, numbered(number))));
    add(&site, &names).done();
    site.write("kept", site.read("archive/checkpoint"));
    site
}

fn remove(site: &Site, path: &str) {
    let path = site.path(&format!("archive/{path}"));
    let removed = if path.is_dir() {
        std::fs::remove_dir_all(&path)
    } else {
        std::fs::remove_file(&path)
    };
    removed.expect("it is there");
}

/// Returns the sentence of the only fault.
fn sentence(site: &Site, args: &[&str]) -> String {
    let document = site
        .run(
            ["archive", "verify", "archive", "--json"]
                .iter()
                .chain(args),
        )
        .json();
    let faults = document["faults"].as_array().expect("a list").clone();
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults[0]["sentence"].as_str().expect("text").to_owned()
}

/// Asserts that every command that needs the log reports the loss, with the hint that repairs it.
fn says(site: &Site, what: &str, hint: &str) {
    let key = ["--key", "log.key"];
    let commands: [&[&str]; 3] = [
        &["archive", "add", "archive", "small.pgseal"],
        &["archive", "init", "archive", "--origin", ORIGIN],
        &["archive", "checkpoint", "archive"],
    ];
    for command in commands {
        if what.contains("tile/") && command[1] != "add" {
            continue;
        }
        let with_key = if command[1] == "checkpoint" {
            &[][..]
        } else {
            &key
        };
        let refused = site.refused(11, what, command.iter().chain(with_key));
        assert!(refused.stderr.contains(hint), "{}", refused.stderr);
        assert!(
            !refused.stderr.contains("archive init"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_lost_checkpoint_is_repaired_by_a_kept_one() {
    let site = four();
    remove(&site, "checkpoint");
    says(
        &site,
        "the log's checkpoint is gone",
        "put back a copy of `checkpoint`",
    );
    assert_eq!(faults(&site, &[]), fault("broken", "checkpoint"));
    assert!(sentence(&site, &["--since", "kept"]).starts_with("gone: put back a copy"));
    // The remaining entries still show which files were lost since.
    remove(&site, "2.pgseal");
    let mut both = fault("broken", "checkpoint");
    both.append(&mut fault("deleted", "2.pgseal"));
    assert_eq!(faults(&site, &[]), both);
    site.write("archive/checkpoint", site.read("kept"));
    assert_eq!(faults(&site, &[]), fault("deleted", "2.pgseal"));
}

#[test]
fn lost_tiles_are_one_fault_and_no_file_is_called_unlogged() {
    let site = four();
    let copy = site.path("tile.copy");
    std::fs::rename(site.path("archive/tile"), &copy).expect("it is there");
    says(
        &site,
        "the log's entries (tile/) are gone",
        "put back a copy of `tile/`",
    );
    assert_eq!(faults(&site, &[]), fault("broken", "tile"));
    assert!(
        sentence(&site, &["--since", "kept"]).contains("the files can't be compared with the log")
    );
    std::fs::rename(&copy, site.path("archive/tile")).expect("it is there");
    assert!(faults(&site, &["--since", "kept"]).is_empty());
    // The only entry bundle, truncated.
    let entries = site.read("archive/tile/entries/000.p/4");
    site.write(
        "archive/tile/entries/000.p/4",
        &entries[..entries.len() - 1],
    );
    let told = faults(&site, &[]);
    assert!(told.iter().all(|(kind, _)| kind == "broken"), "{told:?}");
}

#[test]
fn a_log_that_is_gone_is_a_finding_for_who_kept_a_checkpoint() {
    let site = four();
    remove(&site, "checkpoint");
    remove(&site, "tile");
    site.refused(2, "there is no log", ["archive", "verify", "archive"]);
    assert_eq!(
        faults(&site, &["--since", "kept"]),
        fault("deleted", "checkpoint")
    );
    let told = sentence(&site, &["--since", "kept"]);
    assert!(
        told.starts_with(&format!(
            "the log of {ORIGIN} is gone, of which a checkpoint of 4 entries was kept"
        )),
        "{told}"
    );
    // A checkpoint with a bad signature does not prove a larger log.
    let text = String::from_utf8(site.read("kept"))
        .expect("text")
        .replace("\n4\n", "\n5\n");
    site.write("changed", text);
    assert_eq!(
        faults(&site, &["--since", "changed"]),
        fault("unsigned", "checkpoint")
    );
}

#[test]
fn what_was_lost_and_comes_back_is_said_to_be_put_back() {
    let site = four();
    remove(&site, "1.pgseal");
    let command = [
        "archive",
        "add",
        "--with-faults",
        "archive",
        "0.pgseal",
        "1.pgseal",
        "--key",
        "log.key",
    ];
    let added = site.run(command.iter().chain(&["--json"])).done().json();
    assert_eq!(
        (&added["restored"], &added["present"]),
        (&json!(["1.pgseal"]), &json!(["0.pgseal"]))
    );
    assert_eq!(added["checkpoint"], Value::Null);
    remove(&site, "1.pgseal");
    let said = site.run(command).done().text();
    assert!(
        said.contains("1.pgseal: put back\n") && said.contains("0.pgseal: is there already\n"),
        "{said}"
    );
    assert!(faults(&site, &[]).is_empty());
}

/// Replaces every other byte by one ASCII character, also in lengths, so that offsets in the text are offsets in the
/// file.
fn ascii(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| {
            if byte.is_ascii() {
                char::from(*byte)
            } else {
                '?'
            }
        })
        .collect()
}

#[test]
fn one_damage_is_one_fault() {
    let site = four();
    // Flips a bit of an entry's path, digest or size.
    let path = "archive/tile/entries/000.p/4";
    let good = site.read(path);
    let text = ascii(&good);
    for part in ["2.pgseal\"", "\"sha256\":\"", "\"size\":"] {
        let at = if part.starts_with('2') {
            text.find(part)
        } else {
            text.find(part).map(|at| at + part.len())
        };
        let mut bad = good.clone();
        bad[at.expect("it is in the entry")] ^= 1;
        site.write(path, bad);
        assert_eq!(faults(&site, &["--since", "kept"]).len(), 1, "{part}");
        assert_eq!(
            faults(&site, &[]),
            fault("broken", "tile/entries/000.p/4"),
            "{part}"
        );
    }
    site.write(path, &good);
    // One digit of the checkpoint, which then proves nothing about the log.
    let checkpoint = String::from_utf8(site.read("kept")).expect("text");
    for size in ["\n3\n", "\n5\n", "\n400000\n"] {
        site.write("archive/checkpoint", checkpoint.replace("\n4\n", size));
        assert_eq!(
            faults(&site, &[]),
            fault("unsigned", "checkpoint"),
            "{size}"
        );
        assert_eq!(
            faults(&site, &["--since", "kept"]),
            fault("unsigned", "checkpoint"),
            "{size}"
        );
    }
    site.write("archive/checkpoint", &checkpoint);
    assert!(faults(&site, &["--since", "kept"]).is_empty());
}

/// A file that may belong to the damaged entry, but is not provably the logged one, is reported.
#[test]
fn a_damaged_entry_hides_no_file() {
    let site = four();
    let path = "archive/tile/entries/000.p/4";
    let good = site.read(path);
    let text = ascii(&good);
    let damage = |part: &str, by: &str| {
        let at = text.find(part).expect("it is in an entry") + part.len() - by.len();
        let mut bad = good.clone();
        bad[at..at + by.len()].copy_from_slice(by.as_bytes());
        site.write(path, bad);
    };
    let broken = fault("broken", "tile/entries/000.p/4");
    let and = |name: &str| {
        broken
            .iter()
            .cloned()
            .chain(fault("unlogged", name))
            .collect()
    };
    let said = |name: &str| {
        let told = site.run(["archive", "verify", "archive"]).text();
        let line = told
            .lines()
            .find(|line| line.contains(&format!("unlogged  {name}: ")))
            .expect("it is told");
        line.to_owned()
    };
    // Another file has replaced the logged one, and the digest of the entry is damaged.
    site.write("archive/1.pgseal", numbered(7));
    let digest = Digest::of(&numbered(1)).to_string();
    damage(&digest, "~");
    assert_eq!(faults(&site, &[]), and("1.pgseal"));
    assert!(
        said("1.pgseal").contains("whether this file is the logged one can't be said"),
        "{}",
        said("1.pgseal")
    );
    // The hash tile would confirm this file as the entry; but the tile is not signed.
    let tile = "archive/tile/0/000.p/4";
    let (hashes, size) = (site.read(tile), format!("\"size\":{}", numbered(1).len()));
    let own = text[text
        .find("\"path\":\"1.pgseal\"")
        .map(|at| text[..at].rfind('{').expect("begins"))
        .expect("1")..]
        .split_once('}')
        .expect("ends")
        .0
        .replace(&digest, &Digest::of(&numbered(7)).to_string())
        .replace(&size, &format!("\"size\":{}", numbered(7).len()));
    let leaf = Digest::of([&[0], format!("{own}}}").as_bytes()].concat().as_slice());
    site.write(
        tile,
        [&hashes[..32], leaf.as_bytes(), &hashes[64..]].concat(),
    );
    assert!(
        faults(&site, &[]).contains(&("unlogged".to_owned(), "1.pgseal".to_owned())),
        "{:?}",
        faults(&site, &[])
    );
    site.write(tile, hashes);
    // Another name was written into an entry: the digest still proves the file that was logged.
    site.write("archive/1.pgseal", numbered(1));
    site.write("archive/e.pgseal", numbered(8));
    damage("\"path\":\"1.pgseal", "e.pgseal");
    assert_eq!(faults(&site, &[]), and("e.pgseal"));
    assert!(
        said("e.pgseal").contains("`pgseal archive add`"),
        "{}",
        said("e.pgseal")
    );
    // A copy of the file whose name is damaged.
    site.write("archive/e.pgseal", numbered(1));
    damage("\"path\":\"1.pgseal", "~.pgseal");
    assert_eq!(faults(&site, &[]), and("e.pgseal"));
}

#[test]
fn the_words_are_those_of_what_happened() {
    let site = four();
    add(&site, &["ann.approval"]).done();
    site.write("kept", site.read("archive/checkpoint"));
    let since = |file: &str| site.run(["archive", "consistency", "archive", "--since", file]);
    assert_eq!(
        since("kept").done().text(),
        format!("consistent: {ORIGIN} did not grow since, it has 5 entries\n")
    );
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
    since("other/checkpoint").is_error(50, "a checkpoint of another log, example.com/other");
    std::fs::rename(
        site.path("archive/0.pgseal"),
        site.path("archive/renamed.pgseal"),
    )
    .expect("it is there");
    remove(&site, "ann.approval");
    let told = site.run(["archive", "verify", "archive"]).text();
    assert!(told.contains("gone: an approval of "), "{told}");
    assert!(told.contains("; now renamed.pgseal\n"), "{told}");
    // Errors use names as they were typed.
    site.write(
        "archive/stranger.pgseal",
        super::pack(&super::small(), &[key("stranger")]),
    );
    let refused = site.refused(
        11,
        "archive/stranger.pgseal",
        [
            "archive",
            "add",
            "--with-faults",
            "archive",
            "archive",
            "--key",
            "log.key",
        ],
    );
    assert!(
        !refused.stderr.contains(&*site.dir().to_string_lossy()),
        "{}",
        refused.stderr
    );
}
