//! README's section "A release of your own", line by line in one shell.

use std::fs;
use std::path::Path;

use super::typed::{Answer, Typed, commands, type_in};
use pgseal_testkit::cluster::Cluster;

#[test]
fn a_release_of_your_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("README.md")).unwrap();
    let (_, section) = page.split_once("\n## A release of your own\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let commands = commands(section);
    assert!(commands.len() > 30, "{}", commands.len());
    let cluster = Cluster::own();
    let connection = cluster.server().connection("postgres");
    let setting = |name: &str| {
        let named = |word: &&str| word.starts_with(&format!("{name}="));
        let word = connection.split(' ').find(named).unwrap();
        word.split_once('=').unwrap().1.trim_matches('\'')
    };
    let environment = [
        ("PGHOST", setting("host")),
        ("PGPORT", setting("port")),
        ("PGUSER", setting("user")),
    ];
    let dir = tempfile::tempdir().unwrap();
    let answers = type_in(&commands, dir.path(), &environment);
    for (typed, answer) in commands.iter().zip(&answers) {
        assert_shown(typed, answer);
    }
}

/// Asserts that a command prints the lines of the page, except those with times, which change.
fn assert_shown(typed: &Typed, answer: &Answer) {
    let said = format!("{}{}", answer.stdout, answer.stderr);
    for line in &typed.shown {
        let changes = line.contains(" took ") || line.contains("rehearsed on ");
        assert!(
            changes || said.lines().any(|said| said.trim_end() == line.trim_end()),
            "$ {}\n{line}\n{said}",
            typed.line
        );
    }
}
