//! `lint --acknowledge`, and patterns in `[[acknowledge]]`.

use std::fs;

use super::{DROPS, Release, acknowledge};

fn toml(release: &Release) -> String {
    fs::read_to_string(release.path().join("release.toml")).expect("readable")
}

#[test]
fn every_warning_that_is_shown_gets_a_block_once() {
    let limits = "# Long, as the night is.\n[limits]\nlock_timeout = \"10min\" # kept";
    let release = Release::with([
        ("release.toml", limits),
        ("tiers/01.sql", DROPS),
        ("tiers/never.sql", "select 1;\n"),
    ]);
    let before = toml(&release);
    assert_eq!(release.open().len(), 4);
    let output = release.lint(&["--acknowledge", "Checked by \"Ann\", \u{e4} \u{1b}."]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        said,
        "release.toml: acknowledged missing-lock-timeout, 1 place\n\
         release.toml: acknowledged unlisted-script, 1 place\n\
         release.toml: acknowledged ban-drop-table, 2 places\n\
         small 1.0.0: no problems, 4 acknowledged\n"
    );
    let after = toml(&release);
    let blocks = after.strip_prefix(before.as_str()).expect("only added to");
    assert_eq!(blocks.matches("[[acknowledge]]").count(), 4, "{blocks}");
    assert!(
        blocks.contains("file = \"tiers/01.sql\"\nline = 3\n"),
        "{blocks}"
    );
    assert_eq!(release.open(), [""; 0]);
    assert_eq!(release.lint(&["--strict"]).status.code(), Some(0));
    let again = release.lint(&["--acknowledge", "Again.", "--json"]);
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!(again["acknowledgements_written"], 0);
    assert_eq!(
        again["problems"][0]["acknowledged"],
        "Checked by \"Ann\", \u{e4} \u{1b}."
    );
    assert_eq!(toml(&release), after);
}

#[test]
fn what_is_to_be_repaired_gets_no_block() {
    let stale = acknowledge("line = 9\nreason = \"x\"");
    let inline = "acknowledge = []\nformat = 1";
    for (files, exit) in [
        (
            vec![(
                "tiers/01.sql",
                "create table t (a bigint);\ndrop table u;\ncommit;\n",
            )],
            2,
        ),
        (vec![("release.toml", stale.as_str())], 0),
    ] {
        let release = Release::with(files);
        let before = toml(&release);
        let output = release.lint(&["--acknowledge", "x"]);
        assert_eq!(output.status.code(), Some(exit));
        assert_eq!(toml(&release), before);
    }
    let release = Release::tier(DROPS);
    for (reason, toml_text) in [
        (" ", toml(&release)),
        ("x", toml(&release).replace("format = 1", inline)),
    ] {
        release.write("release.toml", &toml_text);
        assert_eq!(
            release.lint(&["--acknowledge", reason]).status.code(),
            Some(2)
        );
        assert_eq!(toml(&release), toml_text);
    }
}

#[test]
fn a_pattern_acknowledges_the_files_that_it_means() {
    let block = |file: &str| acknowledge("reason = \"x\"").replace("tiers/01.sql", file);
    for (file, open) in [
        ("tiers/*", vec![]),
        ("*/0*.sql", vec![]),
        (
            "tiers/02*",
            vec![
                "stale",
                "ban-drop-table tiers/01.sql:2",
                "ban-drop-table tiers/01.sql:3",
            ],
        ),
        (
            "*",
            vec![
                "stale",
                "ban-drop-table tiers/01.sql:2",
                "ban-drop-table tiers/01.sql:3",
            ],
        ),
    ] {
        let release = Release::with([
            ("release.toml", block(file).as_str()),
            ("tiers/01.sql", DROPS),
        ]);
        let found = release.open();
        assert_eq!(found.len(), open.len(), "{file}: {found:?}");
        assert!(
            found.iter().zip(&open).all(|(a, b)| a.starts_with(b)),
            "{file}: {found:?}"
        );
    }
}
