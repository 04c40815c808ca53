//! Settings: files, environment variables, and the command that shows them. Runs with settings are in
//! `tests/postgres/settings.rs`.

use std::fs;

use pgseal_testkit::site::{Outcome, Site, outcome};
use serde_json::{Value, json};

/// The settings in force, as key, value and name of the origin.
fn shown(site: &Site, arguments: &[&str], environment: &[(&str, &str)]) -> Vec<[Value; 3]> {
    let mut command = site.command([&["config", "show", "--json"], arguments].concat());
    command
        .env_remove("PGSEAL_TRUST")
        .env_remove("PGSEAL_GATE_USER");
    command.envs(environment.iter().copied());
    let document = outcome(&mut command).done().json();
    let settings = document["settings"].as_array().expect("a list").iter();
    settings
        .map(|one| {
            [
                one["key"].clone(),
                one["value"].clone(),
                one["source"]["name"].clone(),
            ]
        })
        .collect()
}

fn row(key: &str, value: &str, source: &str) -> [Value; 3] {
    [json!(key), json!(value), json!(source)]
}

#[test]
fn later_sources_precede_earlier_ones() {
    let site = Site::new();
    assert_eq!(
        shown(&site, &[], &[]),
        [
            [json!("trust"), json!("/etc/pgseal/trust.json"), Value::Null],
            [json!("receipts"), json!("pgseal-receipts"), Value::Null],
        ]
    );
    fs::create_dir(site.dir().join("etc")).expect("a directory");
    site.write(
        "etc/my.toml",
        "trust = \"trust.json\"\ndb = \"postgresql://h/app\"\nreceipts = \"/r\"\nreceipt_key = \"host.key\"
gate_user = \"reader\"\n\n[variables]\nticket = \"CHG-1\"\ncode = \"1\"\n",
    );
    let file = ["--config", "etc/my.toml"];
    let environment = [
        ("PGSEAL_DB", "postgresql://u:secret@h/other"),
        ("PGSEAL_RECEIPTS", ""),
        ("PGSEAL_VAR_TICKET", "CHG-2"),
    ];
    assert_eq!(
        shown(&site, &file, &environment),
        [
            row("trust", "etc/trust.json", "etc/my.toml"),
            [json!("db"), Value::Null, json!("PGSEAL_DB")],
            row("receipts", "/r", "etc/my.toml"),
            row("receipt_key", "etc/host.key", "etc/my.toml"),
            row("gate_user", "reader", "etc/my.toml"),
            row("variables.TICKET", "CHG-2", "PGSEAL_VAR_TICKET"),
            row("variables.code", "1", "etc/my.toml"),
        ]
    );
}

#[test]
fn a_file_that_is_wrong_stops_every_command() {
    let site = Site::new();
    let refused = |text: &str, words: &str| {
        site.write("c.toml", text);
        for command in [&["config", "show"][..], &["trust", "show"]] {
            let answer: Outcome = site.run([command, &["--config", "c.toml"]].concat());
            answer.is_error(2, words);
        }
    };
    refused(
        "db = \"x\"\nrecipts = \"y\"\n",
        "c.toml:2:1: unknown field `recipts`",
    );
    // No key opens anything that a policy closes.
    for key in [
        "force",
        "require_rehearsal",
        "approvals",
        "windows",
        "minimum_sequence",
        "role",
    ] {
        refused(
            &format!("{key} = false\n"),
            &format!("c.toml:1:1: unknown field `{key}`"),
        );
    }
    refused("db = 1\n", "c.toml:1:6: invalid type: integer `1`");
    refused(
        "[variables]\nticket = 1\n",
        "c.toml:2:10: invalid type: integer `1`",
    );
    refused("db\n", "c.toml:1:");
    let answer: Outcome = site.run(["config", "show", "--config", "none.toml"]);
    answer.is_error(1, "none.toml: No such file");
}
