//! `schemas/release.schema.json`, by which editors complete and check `release.toml`.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Replacements in the template of `init` that make it invalid.
const BAD: &[(&str, &str)] = &[
    ("format = 1", "format = 2"),
    ("format = 1", "format = 1\nforce = true"),
    ("version = ", "verison = "),
    ("sequence = 1", "sequence = -1"),
    ("sequence = 1", "sequence = \"1\""),
    ("database = ", "databases = [\"a\"]\ndatabase = "),
    ("database = ", "schema = "),
    ("transaction = \"release\"", "transaction = \"some\""),
    ("[[tier]]", "[[teir]]"),
    ("audience = \"operator\"", "audience = \"everybody\""),
    ("mode = \"read-only\"", "mode = \"readonly\""),
    ("[states.finalized]", "[states.final]"),
    ("name = \"example\"", "name = \"Example\""),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn is_valid(validator: &jsonschema::Validator, toml: &str) -> bool {
    let value: Value = toml::from_str(toml).expect("TOML");
    validator.is_valid(&value)
}

fn validator() -> jsonschema::Validator {
    let text = fs::read_to_string(root().join("schemas/release.schema.json")).expect("the schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    jsonschema::draft7::meta::validate(&schema).expect("a schema of draft 7");
    jsonschema::draft7::new(&schema).expect("a schema")
}

#[test]
fn every_release_of_the_repository_fits() {
    let walk = walkdir::WalkDir::new(root()).into_iter();
    let walk = walk.filter_entry(|entry| entry.file_name() != "target");
    let mut found = 0;
    for entry in walk.filter_map(Result::ok) {
        if entry.file_name() == "release.toml" {
            let text = fs::read_to_string(entry.path()).expect("UTF-8");
            let value: Value = toml::from_str(&text).expect("TOML");
            let errors: Vec<_> = validator()
                .iter_errors(&value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{}: {errors:?}", entry.path().display());
            found += 1;
        }
    }
    assert!(found >= 4, "{found}");
}

#[test]
fn what_the_program_refuses_does_not_fit() {
    let validator = validator();
    let dir = tempfile::tempdir().expect("a directory");
    let lint = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
        let output = command.args(args).current_dir(dir.path()).output();
        output.expect("the program runs").status.code()
    };
    assert_eq!(lint(&["init", "example"]), Some(0));
    let path = dir.path().join("example/release.toml");
    let good = fs::read_to_string(&path).expect("init wrote it");
    assert!(is_valid(&validator, &good));
    for (from, to) in BAD {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        fs::write(&path, &bad).expect("our own file");
        assert_eq!(lint(&["lint", "example"]), Some(2), "{to}");
        assert!(!is_valid(&validator, &bad), "{to}");
    }
}

#[test]
fn every_key_of_the_readme_is_in_the_schema() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README");
    let schema = fs::read_to_string(root().join("schemas/release.schema.json")).expect("schema");
    let section = readme
        .split("\n## release.toml\n")
        .nth(1)
        .expect("the section");
    let section = section.split("\n### ").next().expect("its table");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let mut keys = 0;
    for row in rows {
        let cell = row.split(" | ").next().expect("a cell");
        for name in cell.split('`').skip(1).step_by(2) {
            let name = name.split(' ').next().expect("a word");
            assert!(schema.contains(&format!("\"{name}\": {{")), "{name}");
            keys += 1;
        }
    }
    assert!(keys > 25, "{keys}");
}
