//! A stage with states of its own: it starts where its whole can't, and its rollback is compared with them.

use std::fs;

use super::stages::{pack, write};
use super::{database, rehearse::Rehearsal};
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::{Operator, Site};

/// The whole needs two rows in `said`, the stage exactly one.
fn own_states(toml: &str) -> String {
    let replaced = [
        ("said = { min = 0 }", "said = 2"),
        (
            "finalized = { probe = \"verify/structure.sql\", expect = { structure = true, said = 1, rows = 0 } }",
            "baseline = { probe = \"verify/baseline.sql\", expect = { structure = false, said = 1 } }
finalized = { probe = \"verify/structure.sql\", expect = { structure = true, said = \"unchanged\", rows = 0 } }
rolled_back = { probe = \"verify/baseline.sql\", expect = { structure = false, said = \"unchanged\" } }",
        ),
    ];
    replaced.iter().fold(toml.to_owned(), |toml, (from, to)| {
        assert!(toml.contains(from), "{from}");
        toml.replace(from, to)
    })
}

fn said(db: &TestDatabase<'_>, what: &str) {
    let mut client = db.client();
    client
        .execute("insert into public.said values ($1)", &[&what])
        .unwrap();
}

fn missing(operator: &Operator<'_>) -> Vec<String> {
    let document = operator.json("gate");
    let missing = document["missing"].as_array().unwrap().iter();
    missing
        .map(|one| format!("{} {}", one["kind"], one["message"]))
        .collect()
}

#[test]
fn a_stage_starts_from_its_own_baseline() {
    let db = database("stagestates");
    db.client()
        .batch_execute("create table public.said (what text not null)")
        .unwrap();
    said(&db, "structure");
    let site = Site::new();
    let dir = write(&site, db.name(), own_states);
    let (whole, packed) = pack(&site, &dir, &[], "whole.pgseal");
    packed.done();
    let (bundle, packed) = pack(&site, &dir, &["--stage", "structure"], "stage.pgseal");
    packed
        .done()
        .says(&["leaves structure = true; its baseline has false"]);
    let whole = site.operator(&whole, &db.url()).variable("code", "A-1");
    let stage = site.operator(&bundle, &db.url());

    let whole_lacks = missing(&whole);
    assert!(
        whole_lacks
            .iter()
            .any(|one| one.contains("said is 1, expected 2")),
        "{whole_lacks:?}"
    );
    assert!(missing(&stage).is_empty());
    stage.check().done().says(&["state baseline"]);
    let plan = stage.json("plan");
    assert_eq!(
        (&plan["would_run"], &plan["expected"]["baseline"]["said"]),
        (&true.into(), &1.into()),
        "{plan}"
    );
    let report = stage.json("report");
    let mut values = report["values"].as_array().unwrap().iter();
    let said_in_report = values.find(|value| value["name"] == "said").unwrap();
    assert_eq!(said_in_report["baseline"], "1", "{report}");
    Rehearsal::of(&site, &bundle, Cluster::shared())
        .from(db.name())
        .run()
        .done()
        .says(&["proved"]);

    stage.run().done();
    assert_eq!(stage.receipt()["start"], serde_json::json!({ "said": "1" }));
    stage.check().done().says(&["state finalized"]);
    // Daily work: a rollback to `said = 1` would be refused.
    said(&db, "ratified");
    stage.rollback().done();
    assert_eq!(
        db.ask("select to_regclass('public.ownership') is null"),
        "t"
    );
    stage.check().done();
    let (_, status) = stage.status();
    assert_eq!(status["in_effect"], serde_json::json!([]));

    // Now the whole is at its baseline, and the stage is not.
    stage.run().fails_saying(22, &["said is 2, expected 1"]);
    whole.run().done();
    whole.rollback().done();
}

/// Without `rolled_back` the rollback ends in the stage's baseline, not in that of the whole.
#[test]
fn a_stage_rolls_back_to_its_own_baseline() {
    let db = database("stageback");
    db.client()
        .batch_execute("create table public.said (what text not null)")
        .unwrap();
    said(&db, "structure");
    let site = Site::new();
    let without = |toml: &str| {
        let toml = own_states(toml);
        let mut lines: Vec<_> = toml.lines().collect();
        lines.retain(|line| !line.starts_with("rolled_back"));
        lines.join("\n")
    };
    let dir = write(&site, db.name(), without);
    let (stage, packed) = pack(&site, &dir, &["--stage", "structure"], "stage.pgseal");
    packed.done();
    let stage = site.operator(&stage, &db.url());
    stage.run().done();
    said(&db, "ratified");
    stage
        .rollback()
        .fails_saying(30, &["said is 2, expected 1"]);
    db.client()
        .batch_execute("delete from public.said where what = 'ratified'")
        .unwrap();
    stage.rollback().done();
}

#[test]
fn states_of_a_stage_are_checked() {
    let site = Site::new();
    let refused = |from: &str, to: &str, words: &[&str]| {
        let dir = write(&site, "anything", own_states);
        let text = fs::read_to_string(dir.join("release.toml")).unwrap();
        let (before, _) = text.split_once(from).unwrap_or_else(|| panic!("{from}"));
        let line = format!("release.toml:{}:", before.lines().count() + 1);
        fs::write(dir.join("release.toml"), text.replacen(from, to, 1)).unwrap();
        let answer = pack(&site, &dir, &["--stage", "structure"], "no.pgseal").1;
        answer.fails_saying(2, &[words, &[&line]].concat());
    };
    let baseline =
        "baseline = { probe = \"verify/baseline.sql\", expect = { structure = false, said = 1 } }";
    refused(
        baseline,
        "baseline = \"shadow\"",
        &["string \"shadow\", expected a state: { probe = \"FILE\""],
    );
    refused(
        baseline,
        "baseline = { probe = \"verify/none.sql\", expect = { said = 1 } }",
        &["no file \"verify/none.sql\"", "paths count from"],
    );
    refused(
        baseline,
        "baseline = { probe = \"verify/baseline.sql\", expect = {} }",
        &["expects nothing"],
    );
    let rolled_back = "rolled_back = { probe = \"verify/baseline.sql\"";
    refused(
        rolled_back,
        "rolled_back = { probe = \"verify/none.sql\"",
        &["no file \"verify/none.sql\""],
    );
    // Probes of a stage are one SELECT each.
    for (name, file) in [
        ("baseline", "verify/own.sql"),
        ("rolled_back", "verify/own.sql"),
    ] {
        let dir = write(&site, "anything", |toml| {
            let line = format!("\n{name} = {{ probe = \"verify/baseline.sql\"");
            let own = format!("\n{name} = {{ probe = \"{file}\"");
            own_states(toml).replace(&line, &own)
        });
        fs::write(dir.join(file), "delete from public.said;\n").unwrap();
        let answer = pack(&site, &dir, &["--stage", "structure"], "no.pgseal").1;
        answer.fails_saying(2, &["verify/own.sql:1:", "a probe is one SELECT"]);
    }
}

/// `lint` reads the states of stages, too.
#[test]
fn a_live_count_pinned_by_a_stage() {
    let site = Site::new();
    let lint = |own: &str| {
        let dir = write(&site, "anything", |toml| {
            own_states(toml)
                .replace(
                    "expect = { structure = false, said = 2 }",
                    "expect = { structure = false }",
                )
                .replace("structure = false, said = 1 }", own)
        });
        site.pgseal(["lint", dir.to_str().unwrap(), "--json"])
            .json()["problems"]
            .to_string()
    };
    assert!(lint("structure = false, said = 7 }").contains("expected to be 7"));
    assert!(!lint("structure = false }").contains("pinned-live-count"));
}
