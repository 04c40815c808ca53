//! The key ceremony of keys/README.md, line by line in one shell.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::one_roof::{self, Directus};
use pgseal_testkit::cluster::GATE_USER;

/// Extracts the commands of the page with the exit codes that it promises.
fn lines(page: &str) -> Vec<(String, i32)> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ => {
                let Some(line) = line.strip_prefix("$ ").filter(|_| inside) else {
                    continue;
                };
                let (command, code) = match line.split_once("    # exit ") {
                    Some((command, code)) => (command, code.parse().expect("a number")),
                    None => (line, 0),
                };
                found.push((command.to_owned(), code));
            }
        }
    }
    found
}

#[test]
fn followed_word_by_word() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("keys/README.md")).unwrap();
    let lines = lines(&page);
    assert!(
        lines.len() > 40 && lines.iter().filter(|(_, code)| *code == 11).count() >= 10,
        "{}",
        lines.len()
    );
    // One shell keeps the variables; it prints the exit code of each line and continues.
    let script: String = lines
        .iter()
        .map(|(line, _)| format!("{line}\necho \"@@ $?\" >&2\n"))
        .collect();
    let directus = Directus::empty();
    let dir = tempfile::tempdir().unwrap();
    let program = pgseal_testkit::pgseal();
    let programs = program.parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut sh = Command::new("sh");
    sh.arg("-c")
        .arg(script)
        .current_dir(dir.path())
        .env("PATH", path)
        .env("DB", directus.db.url())
        .env("PGSEAL_GATE_USER", GATE_USER);
    sh.env("RELEASE", one_roof::sources())
        .env_remove("PGSEAL_TRUST")
        .stdin(Stdio::null());
    let output = sh.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let mut rest = said.as_str();
    for (line, expected) in &lines {
        let (text, after) = rest
            .split_once("@@ ")
            .unwrap_or_else(|| panic!("no answer to $ {line}\n{rest}"));
        let (code, after) = after.split_once('\n').unwrap();
        assert_eq!(code.parse(), Ok(*expected), "$ {line}\n{text}");
        if *expected != 0 {
            let error = text.lines().any(|line| line.starts_with("pgseal: error: "));
            let hint = text.lines().any(|line| line.starts_with("pgseal: hint: "));
            assert!(
                error && hint,
                "$ {line}: what is wrong, and what to do: {text}"
            );
        }
        rest = after;
    }
    let shown = String::from_utf8(output.stdout).unwrap();
    for words in [
        "approvals: l2 0 of 2, l4 0 of 1",
        "one-roof 1.0.0 is finalized",
        "trust root version 2",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    assert!(
        said.contains("approvals are missing: l2 1 of 2, l4 0 of 1"),
        "{said}"
    );
}
