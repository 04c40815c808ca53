//! The key ceremony of keys/README.md, line by line in one shell.

use std::fs;
use std::path::Path;

use super::one_roof::{self, Directus};
use super::typed::{commands, type_in};
use pgseal_testkit::cluster::GATE_USER;

#[test]
fn followed_word_by_word() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("keys/README.md")).unwrap();
    let commands = commands(&page);
    assert!(
        commands.len() > 40 && commands.iter().filter(|typed| typed.exit == 11).count() >= 10,
        "{}",
        commands.len()
    );
    let directus = Directus::empty();
    let dir = tempfile::tempdir().unwrap();
    let release = one_roof::sources();
    let environment = [
        ("DB", directus.db.url()),
        ("PGSEAL_GATE_USER", GATE_USER.to_owned()),
        ("RELEASE", release.to_string_lossy().into_owned()),
    ];
    let environment = environment
        .each_ref()
        .map(|(name, value)| (*name, &**value));
    let answers = type_in(&commands, dir.path(), &environment);
    for (typed, answer) in commands.iter().zip(&answers) {
        let says = |start| answer.stderr.lines().any(|line| line.starts_with(start));
        assert!(
            typed.exit == 0 || says("pgseal: error: ") && says("pgseal: hint: "),
            "$ {}\nwhat is wrong, and what to do: {}",
            typed.line,
            answer.stderr
        );
    }
    let joined = |stream: fn(&_) -> &str| answers.iter().map(stream).collect::<String>();
    let shown = joined(|answer| &answer.stdout);
    for words in [
        "approvals: l2 0 of 2, l4 0 of 1",
        "one-roof 1.0.0 is finalized",
        "trust root version 2",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    let said = joined(|answer| &answer.stderr);
    assert!(
        said.contains("approvals are missing: l2 1 of 2, l4 0 of 1"),
        "{said}"
    );
}
