//! Kinds of errors: the program's list, docs/errors.md and the schema must agree.

use std::collections::BTreeSet;

use pgseal::cli::kind::Kind;

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).expect("readable")
}

#[test]
fn kinds_are_unique_and_kebab_case() {
    let words: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    let meanings: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.meaning()).collect();
    assert_eq!(
        (words.len(), meanings.len()),
        (Kind::ALL.len(), Kind::ALL.len())
    );
    for word in words {
        assert!(
            word.split('-')
                .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase())),
            "{word}"
        );
    }
}

#[test]
fn the_page_lists_exactly_the_kinds() {
    let page = read("docs/errors.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let listed: Vec<String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split(" | ").collect();
            assert!(
                cells.len() == 4 && !cells[3].trim_end_matches(" |").is_empty(),
                "{row}"
            );
            cells[..3].join(" | ")
        })
        .collect();
    let row = |kind: &Kind| {
        format!(
            "| `{}` | {} | {}",
            kind.as_str(),
            kind.exit().code(),
            kind.meaning()
        )
    };
    assert_eq!(listed, Kind::ALL.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn the_schema_lists_exactly_the_kinds() {
    let schema: serde_json::Value =
        serde_json::from_str(&read("schemas/common.schema.json")).expect("JSON");
    let listed = &schema["$defs"]["error"]["properties"]["kind"]["enum"];
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(listed, &serde_json::json!(kinds));
}

#[test]
fn the_page_about_waiting_lists_exactly_the_kinds_that_pass() {
    let page = read("docs/waiting.md");
    let (_, table) = page.split_once("| kind | mended by |").expect("a table");
    let (table, _) = table.split_once("\n\n").expect("an end");
    let listed: BTreeSet<&str> = table.split('`').skip(1).step_by(2).collect();
    let kinds = Kind::ALL.iter().filter(|kind| kind.may_pass());
    let passing: BTreeSet<&str> = kinds.map(|kind| kind.as_str()).collect();
    assert_eq!(listed, passing);
    // Nobody waits for these, whatever else becomes a condition.
    for kind in [
        Kind::NotAuthentic,
        Kind::Usage,
        Kind::WrongTarget,
        Kind::AlreadyInEffect,
        Kind::OlderSequence,
        Kind::ReleaseBlocked,
        Kind::ReleaseChanged,
        Kind::TrustExpired,
    ] {
        assert!(!kind.may_pass(), "{kind:?}");
    }
}

/// Every kind must be used by an error: a documented kind that never occurs is a promise that the program does not
/// keep.
#[test]
fn every_kind_is_the_kind_of_an_error() {
    let mut directories = vec![format!("{}/src/cli", env!("CARGO_MANIFEST_DIR")).into()];
    let mut code = String::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir::<std::path::PathBuf>(directory).expect("readable") {
            let path = entry.expect("readable").path();
            match path.extension() {
                _ if path.is_dir() => directories.push(path),
                Some(extension) if extension == "rs" => {
                    code += &std::fs::read_to_string(path).expect("readable")
                }
                _ => {}
            }
        }
    }
    for kind in Kind::ALL {
        let generic = Kind::from(kind.exit()) == *kind;
        let named = code.contains(&format!("Kind::{kind:?}"));
        assert!(generic || named, "no error is {kind:?}");
    }
}
