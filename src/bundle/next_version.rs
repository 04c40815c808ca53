//! release.toml of the next version: it begins where the version before ended.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::Value;

use super::undecided::DECIDE_TOML;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::{Manifest, State};
use pgseal_verify::format::name::Version;

/// Probe of the new baseline.
pub const BASELINE: &str = "verify/baseline_probe.sql";
/// Probe of the new finalized state, to be changed by the author.
pub const FINALIZED: &str = "verify/finalized_probe.sql";

/// Text of release.toml. Its baseline is the finalized state of the version before, without values relative to a run.
pub fn toml(manifest: &Manifest) -> String {
    let release = &manifest.release;
    let mut toml = format!(
        "{DECIDE_TOML}write the summary, the expected values of finalized and its probe; `pgseal new NAME` adds a change\n\
         format = 1\n\n[release]\nname = \"{}\"\nversion = \"{}\"\nsequence = {}\nsummary = \"Follows {}.\"\n",
        release.name,
        next(&release.version),
        release.sequence.saturating_add(1),
        release.version,
    );
    toml.push_str(&section("target", target(manifest)));
    for (name, variable) in &manifest.variables {
        toml.push_str(&section(&format!("variables.{name}"), table(variable)));
    }
    for gate in &manifest.gates {
        let (name, file) = (quoted(gate.name.as_str()), quoted(gate.file.as_str()));
        toml.push_str(&format!("\n[[gate]]\nname = {name}\nfile = {file}\n"));
    }
    for (name, file) in [("baseline", BASELINE), ("finalized", FINALIZED)] {
        toml.push_str(&format!("\n[states.{name}]\nprobe = \"{file}\"\n"));
        let expect = expected(&manifest.states.finalized);
        toml.push_str(&section(&format!("states.{name}.expect"), expect));
    }
    toml.push_str(&section("limits", table(&manifest.limits)));
    toml
}

/// The files that the next version has from the bundle: path in the bundle, paths in the directory.
pub fn files(manifest: &Manifest) -> Vec<(EntryPath, Vec<String>)> {
    let probe = manifest.states.finalized.probe.clone();
    let gates = manifest.gates.iter().map(|gate| {
        let path = gate.file.as_str().to_owned();
        (gate.file.clone(), vec![path])
    });
    let probes = vec![BASELINE.to_owned(), FINALIZED.to_owned()];
    std::iter::once((probe, probes)).chain(gates).collect()
}

fn expected(state: &State) -> BTreeMap<String, Value> {
    let absolute = state
        .expect
        .iter()
        .filter(|(_, value)| !value.is_relative());
    let pairs =
        absolute.filter_map(|(column, value)| Some((column.clone(), Value::try_from(value).ok()?)));
    pairs.collect()
}

fn target(manifest: &Manifest) -> BTreeMap<String, Value> {
    let mut target = table(&manifest.target);
    if let Some(Value::Array(many)) = target.get("database").cloned() {
        target.remove("database");
        target.insert("databases".to_owned(), Value::Array(many));
    }
    target
}

fn table(of: &impl Serialize) -> BTreeMap<String, Value> {
    match Value::try_from(of) {
        Ok(Value::Table(table)) => table.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

fn section(name: &str, keys: BTreeMap<String, Value>) -> String {
    let lines = keys.into_iter().map(|(key, value)| {
        let key = match key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            true => key,
            false => quoted(&key),
        };
        format!("{key} = {value}\n")
    });
    format!("\n[{name}]\n{}", lines.collect::<String>())
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// 1.2.3 becomes 1.3.0; other versions get a suffix.
fn next(version: &Version) -> String {
    let parts: Vec<&str> = version.as_str().split('.').collect();
    match parts[..] {
        [major, minor, patch] if patch.bytes().all(|b| b.is_ascii_digit()) => {
            match minor.parse::<u32>() {
                Ok(minor) => format!("{major}.{}.0", minor.saturating_add(1)),
                Err(_) => format!("{version}-next"),
            }
        }
        _ => format!("{version}-next"),
    }
}
