//! Consistency of fault kinds with the documents that list them, and of output documents with their schemas.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jsonschema::Registry;
use pgseal::audit::{FaultKind, Kind};
use serde_json::Value;

use crate::vault::{ARCHIVE, Vault, approved, bundle, ran, yes};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn schema(name: &str) -> Value {
    let bytes = std::fs::read(folder("schemas").join(name)).expect("a schema");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[test]
fn every_word_has_its_sentence() {
    let page = std::fs::read_to_string(folder("docs/audit.md")).expect("the page");
    let explained: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(word, _)| word)
        .collect();
    for kind in FaultKind::ALL {
        assert!(
            explained.contains(kind.as_str()),
            "docs/audit.md has no sentence for {kind}"
        );
    }
}

#[test]
fn the_schema_has_every_word() {
    let line = schema("output/audit-line.schema.json");
    let listed = |pointer: &str| -> BTreeSet<String> {
        let list = line
            .pointer(pointer)
            .and_then(Value::as_array)
            .expect("a list");
        list.iter()
            .map(|word| word.as_str().expect("a word").to_owned())
            .collect()
    };
    let words: BTreeSet<String> = FaultKind::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(listed("/$defs/fault/properties/kind/enum"), words);
    let kinds: BTreeSet<String> = Kind::ALL
        .iter()
        .map(|kind| kind.as_str().to_owned())
        .collect();
    assert_eq!(listed("/$defs/kind/enum"), kinds);
}

#[test]
fn documents_and_lines_fit_their_schemas() {
    let base = "https://pgseal.invalid/schemas/";
    let mut registry = Registry::new();
    for name in [
        "common.schema.json",
        "output/audit.schema.json",
        "output/audit-line.schema.json",
    ] {
        registry = registry
            .add(format!("{base}{name}"), schema(name))
            .expect("an address of its own");
    }
    let registry = registry.prepare().expect("references inside schemas/ only");
    let validator = |name: &str| {
        let options = jsonschema::options().with_registry(&registry).offline();
        options.build(&schema(name)).expect("a schema")
    };
    let (document, line) = (
        validator("output/audit.schema.json"),
        validator("output/audit-line.schema.json"),
    );
    let fits = |validator: &jsonschema::Validator, value: &Value| {
        let wrong: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}\n{value:#}", wrong.join("\n"));
        let mut more = value.clone();
        more["one_key_too_many"] = Value::Null;
        assert!(!validator.is_valid(&more));
    };

    let vault = Vault::new();
    let draft = vault.draft();
    let trust = vault.trust(|_| {});
    let one = bundle("shop", "1.0.0", 1, &vault.keys.release);
    vault.put("one.pgseal", approved(&one, &vault.keys.ann));
    vault.put("one.approval", yes(&one, &vault.keys.bob));
    vault.put(
        "stolen.pgseal",
        bundle("shop", "2.0.0", 2, &vault.keys.stolen),
    );
    vault.put("bad.pgseal", "bad");
    vault.receipt("one", &ran(&one, trust, "2026-11-21T08:00:00Z", "one"));
    vault.put("trust.json", draft.bytes());
    for (key, signature) in draft.signatures(&draft.bytes()) {
        vault.put(&format!("trust.json.sigs/1.{key}.sig"), signature);
    }
    std::os::unix::fs::symlink("nowhere", vault.site.path("missing")).expect("our own directory");
    let answer = vault.audit(&[ARCHIVE, "missing", "--json"]).json();
    fits(&document, &answer);
    assert_eq!(answer["files"].as_array().map(Vec::len), Some(7));
    let lines = vault.audit(&[ARCHIVE, "missing", "--jsonl"]).text();
    assert_eq!(lines.lines().count(), 7);
    lines
        .lines()
        .for_each(|text| fits(&line, &serde_json::from_str(text).expect("JSON")));
}
