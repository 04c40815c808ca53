//! What is logged cannot go, so `archive add` says first what an audit will say.

use std::collections::BTreeSet;
use std::path::Path;

use super::{add, desk, key};
use pgseal_testkit::bundles::{pack, small_with};
use pgseal_testkit::site::Site;
use serde_json::Value;

type Faults = BTreeSet<(String, String)>;

/// The names of files and the kinds of their faults.
fn faults(site: &Site) -> Faults {
    let report = site.run(["audit", "archive", "--all", "--json"]).json();
    let files = report["files"].as_array().expect("a list").iter();
    files
        .flat_map(|file| {
            let faults = file["faults"].as_array().expect("a list").iter();
            faults.map(|fault| (name(&file["path"]), text(&fault["kind"])))
        })
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn name(path: &Value) -> String {
    let path = text(path);
    let name = Path::new(&path).file_name().expect("a name");
    name.to_string_lossy().into_owned()
}

#[test]
fn an_audit_is_foreseen() {
    let site = desk();
    let other = small_with("tiers/widgets.sql", b"select 2;\n");
    site.write("other.pgseal", pack(&other, &[key("release")]));
    let receipt = walkdir::WalkDir::new(site.dir())
        .into_iter()
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .find(|name| name.ends_with(".receipt.json"))
        .expect("desk wrote it");
    let mut known = faults(&site);
    // A receipt without its bundle, the bundle, and another one of that name and version.
    for file in [receipt.as_str(), "small.pgseal", "other.pgseal"] {
        let before = site.snapshot();
        // It signs nothing, so it asks for no key.
        let asked = site.run(["archive", "add", "archive", file, "--check", "--json"]);
        assert!(site.snapshot() == before, "it only asks");
        let list = asked.json()["faults"].as_array().expect("a list").clone();
        let list: Faults = list
            .iter()
            .map(|fault| (name(&fault["path"]), text(&fault["kind"])))
            .collect();
        if !list.is_empty() {
            let refused = site.run(["archive", "add", "archive", file, "--key", "log.key"]);
            assert_eq!(refused.code, 50, "{}", refused.stderr);
            assert!(
                refused.stderr.contains("--with-faults"),
                "{}",
                refused.stderr
            );
            assert!(site.snapshot() == before, "what is logged cannot go");
        }
        let said = add(&site, &[file]).done();
        let now = faults(&site);
        let new: Faults = now.difference(&known).cloned().collect();
        // Of two that contradict each other, the order of paths decides which one has the fault.
        let kinds = |faults: &Faults| -> Vec<String> {
            faults.iter().map(|(_, kind)| kind.clone()).collect()
        };
        assert_eq!(kinds(&list), kinds(&new), "{file}");
        assert_eq!(
            asked.code,
            if new.is_empty() { 0 } else { 50 },
            "{}",
            asked.stderr
        );
        for (_, kind) in &new {
            assert!(
                said.stderr.contains(&format!("({kind})")),
                "{}",
                said.stderr
            );
        }
        known = now;
    }
    assert!(
        known.iter().any(|(_, kind)| kind == "equivocation"),
        "{known:?}"
    );
}
