//! A release that is run, checked and rolled back by settings alone; options precede them.

use std::fs;

use super::small;
use pgseal_testkit::cluster::{GATE_USER, TestDatabase};
use pgseal_testkit::release::{Answer, Site};

/// Nobody listens there.
const NOWHERE: &str = "postgresql://postgres@/none?host=/nonexistent";

fn pgseal(site: &Site, arguments: &[&str], environment: &[(&str, &str)]) -> Answer {
    let mut command = site.command();
    command.args(arguments).env_remove("PGSEAL_GATE_USER");
    command.env("PGSEAL_TRUST", "trust.json");
    command.envs(environment.iter().copied());
    Answer::of(command.output().unwrap())
}

/// A release with a variable, and its bundle's name.
fn packed(prefix: &str) -> (TestDatabase<'static>, Site, String) {
    let (db, release, site) = small(prefix);
    let release = release.variable("ticket").tier(
        "ticket",
        "insert into public.approvals values (:'ticket');\n",
    );
    let bundle = site.pack(&release);
    (db, site, bundle.to_str().unwrap().to_owned())
}

#[test]
fn a_whole_release_by_the_environment() {
    let (db, site, file) = packed("environment");
    let url = db.url();
    let environment = [
        ("PGSEAL_DB", url.as_str()),
        ("PGSEAL_RECEIPTS", "kept"),
        ("PGSEAL_RECEIPT_KEY", "receipt.key"),
        ("PGSEAL_GATE_USER", GATE_USER),
        ("PGSEAL_VAR_TICKET", "CHG-1"),
        // The release has no such variable.
        ("PGSEAL_VAR_OTHER", "x"),
    ];
    for command in ["gate", "plan", "run", "check"] {
        pgseal(&site, &[command, &file], &environment).done();
    }
    assert_eq!(
        db.ask("select count(*) from public.approvals where who = 'CHG-1'"),
        "1"
    );
    let receipts: Vec<String> = fs::read_dir(site.path("kept"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let signed = receipts
        .iter()
        .filter(|name| name.ends_with(".receipt.sig"));
    assert_eq!(signed.count(), 1, "{receipts:?}");
    // The key signs receipts, and answers only where it is given.
    assert!(
        !receipts.iter().any(|name| name.contains("evidence")),
        "{receipts:?}"
    );
    pgseal(&site, &["status"], &environment)
        .done()
        .says(&["small 1.0.0 is in effect"]);
    pgseal(&site, &["report", &file], &environment)
        .done()
        .says(&["DONE"]);
    pgseal(&site, &["rollback", &file], &environment).done();
}

#[test]
fn options_precede_settings() {
    let (db, site, file) = packed("options");
    let config = format!(
        "db = \"{NOWHERE}\"\ngate_user = \"{GATE_USER}\"\n[variables]\nticket = \"CHG-1\"\n"
    );
    fs::write(site.path("pgseal.toml"), config).unwrap();
    let config = ["--config", "pgseal.toml"];
    let run = |more: &[&str], environment: &[(&str, &str)]| {
        pgseal(
            &site,
            &[&["run", &file], &config[..], more].concat(),
            environment,
        )
    };
    run(&[], &[]).fails_saying(1, &["no connection"]);
    // An option for one part goes with the rest of the setting.
    let host = db.url();
    let host = host
        .split("host=")
        .nth(1)
        .and_then(|rest| rest.split('&').next())
        .unwrap();
    run(&["-h", host], &[]).fails_saying(1, &["database \"none\" does not exist"]);
    let url = db.url();
    run(
        &["-d", &url, "-v", "ticket=CHG-2"],
        &[("PGSEAL_VAR_ticket", "CHG-3")],
    )
    .done();
    assert_eq!(
        db.ask("select who from public.approvals order by 1 limit 1"),
        "CHG-2"
    );
}

/// Clones are made on a server that the command line names, never on the one of the settings.
#[test]
fn a_rehearsal_does_not_go_to_the_database_of_the_settings() {
    let (db, site, file) = packed("notthere");
    let environment = [
        ("PGSEAL_DB", db.url()),
        ("PGHOST", "/nonexistent".to_owned()),
    ];
    let environment = environment
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let arguments = ["rehearse", &file, "--from", db.name(), "-v", "ticket=CHG-1"];
    pgseal(&site, &arguments, &environment).fails_saying(1, &["no connection", "/nonexistent"]);
    pgseal(&site, &["clone", "list"], &environment).fails_saying(1, &["/nonexistent"]);
}
