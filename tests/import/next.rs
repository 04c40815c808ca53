//! `init --next` and `new`: the version after a release, run on top of it.

use std::fs;
use std::os::unix::fs::symlink;

use crate::{Import, pgseal, shop};
use pgseal_testkit::cluster::Cluster;
use pgseal_testkit::release::Site;

#[test]
fn the_next_version_begins_where_the_last_ended() {
    let db = Cluster::shared().database("next");
    let import = Import::of(shop::golang_migrate);
    import.done("golang-migrate", &["--database", db.name()]);
    let site = Site::new();
    let first = site.path("first.pgseal");
    site.pack_dir(&import.release(), &first).done();
    site.operator(&first, &db.url()).run().done();

    let next = site.path("next");
    let dir = next.to_str().unwrap();
    site.pgseal([
        "init",
        dir,
        "--next",
        first.to_str().unwrap(),
        "--trust",
        "trust.json",
    ])
    .done()
    .says(&["follows shop 20"]);
    site.pgseal(["new", "wishes", "-C", dir])
        .done()
        .says(&["tiers/01_wishes.sql"]);
    site.pgseal(["new", "wishes", "-C", dir])
        .fails_saying(2, &["has a tier or verify script \"wishes\" already"]);
    site.pgseal(["new", "gifts", "-C", dir])
        .done()
        .says(&["rollback/02_gifts.sql"]);
    // Unwritten scripts and undecided words don't pack.
    let refused = site.pgseal(["lint", dir]);
    refused.fails(2);
    refused.says(&["empty-script", "undecided-import"]);
    let toml = fs::read_to_string(next.join("release.toml")).unwrap();
    assert!(toml.contains("sequence = 2"), "{toml}");
    let first_rollback = toml.find("rollback/02_gifts.sql").unwrap();
    assert!(
        first_rollback < toml.find("rollback/01_wishes.sql").unwrap(),
        "{toml}"
    );
    for (file, sql) in [
        (
            "tiers/01_wishes.sql",
            "create table shop.wishes (id integer);",
        ),
        (
            "tiers/02_gifts.sql",
            "create table shop.gifts (id integer);",
        ),
        ("rollback/01_wishes.sql", "drop table shop.wishes;"),
        ("rollback/02_gifts.sql", "drop table shop.gifts;"),
        (
            "verify/wishes.sql",
            "select id from shop.wishes where false;",
        ),
        ("verify/gifts.sql", "select id from shop.gifts where false;"),
        (
            "verify/finalized_probe.sql",
            "select to_regclass('shop.gifts') is not null as gifts;",
        ),
    ] {
        fs::write(next.join(file), sql).unwrap();
    }
    let decided: String = toml
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("# pgseal: decide:"))
        .collect();
    let (before, after) = decided.split_once("[states.finalized.expect]").unwrap();
    let (_, after) = after.split_once("\n[").unwrap();
    let decided = format!("{before}[states.finalized.expect]\ngifts = true\n\n[{after}");
    fs::write(next.join("release.toml"), decided).unwrap();
    let second = site.path("second.pgseal");
    site.pack_dir(&next, &second).done();
    let operator = site.operator(&second, &db.url());
    operator.run().done();
    operator.rollback().done();
    assert_eq!(
        db.ask("select count(*)::text from pg_tables where schemaname = 'shop'"),
        "6"
    );
}

#[test]
fn a_change_needs_a_release_directory() {
    let dir = tempfile::tempdir().unwrap();
    let output = pgseal(dir.path(), &["new", "wishes"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is no release directory"));
    // With a pattern, the files are enough.
    let ok = |arguments: &[&str]| {
        assert!(
            pgseal(dir.path(), arguments).status.success(),
            "{arguments:?}"
        )
    };
    ok(&["init", "shop"]);
    let toml = dir.path().join("shop/release.toml");
    let text = fs::read_to_string(&toml).unwrap();
    let text = text.replace("format = 1", "format = 1\ntiers = \"tiers/*.sql\"");
    let text = text.replace("[[rollback]]\nfile = \"rollback/01_greetings.sql\"\n", "");
    fs::write(&toml, text).unwrap();
    ok(&["new", "wishes", "-C", "shop"]);
    let text = fs::read_to_string(&toml).unwrap();
    assert!(
        !text.contains("01_wishes") && !text.contains("02_wishes"),
        "{text}"
    );
    assert!(dir.path().join("shop/tiers/02_wishes.sql").exists());
}

/// Names that lead elsewhere, links, and a directory that can't be written: nothing is left behind.
#[test]
fn a_change_that_is_refused_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| pgseal(dir.path(), arguments);
    assert!(run(&["init", "shop"]).status.success());
    let toml = fs::read_to_string(dir.path().join("shop/release.toml")).unwrap();
    let list = || {
        let files = walkdir::WalkDir::new(dir.path()).sort_by_file_name();
        let paths = files.into_iter().map(|file| file.unwrap().into_path());
        paths.collect::<Vec<_>>()
    };
    // A link to nowhere, and a verify script that another hand began.
    symlink(
        "../../outside.sql",
        dir.path().join("shop/rollback/02_link.sql"),
    )
    .unwrap();
    fs::write(dir.path().join("shop/verify/taken.sql"), "select 1;\n").unwrap();
    let before = list();
    for name in [
        "../out",
        "a b",
        "a\n",
        "\u{1b}[31m",
        "",
        "A",
        "link",
        "taken",
    ] {
        let refused = run(&["new", name, "-C", "shop"]);
        assert_eq!(refused.status.code(), Some(2), "{name:?}: {refused:?}");
        assert!(!refused.stderr.contains(&0x1b), "{name:?}");
    }
    for name in ["a b", "a\n", "\u{1b}[31m"] {
        let refused = run(&["init", name]);
        assert_eq!(refused.status.code(), Some(2), "{name:?}: {refused:?}");
    }
    let text = fs::read_to_string(dir.path().join("shop/release.toml")).unwrap();
    assert_eq!((list(), text), (before, toml));
}
