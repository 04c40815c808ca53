//! The whole story of the seeds over weeks, with the reference release: a production that is written to all day,
//! its structure in shadow mode while people decide, staging first, servers that restart while pgseal waits, an
//! owner who changes his mind twice, a drift, rollbacks that lead back exactly, and an archive in which all of it
//! is found whole.

mod places;

use std::path::Path;

use super::approved_runs::DAYS_PASS;
use super::one_roof::{self, Directus, ISSUE};
use super::shadow;
use super::targets::copy_receipts;
use pgseal_testkit::release::{Answer, Operator, Site};
use pgseal_testkit::writer::Application;
use places::{Production, Shipped};

const SIGNED: [&str; 3] = ["--receipt-key", "receipt.key", "--fingerprint"];
const EXACT: [&str; 4] = [
    "--receipt-key",
    "receipt.key",
    "--fingerprint",
    "--require-exact",
];

/// Signs the answer of a command that only reads.
fn answered(operator: &Operator<'_>, command: &str) -> Answer {
    let receipts = operator.receipts().to_str().unwrap();
    operator.ask_with(
        command,
        &["--receipt-key", "receipt.key", "--receipts", receipts],
    )
}

fn drift(site: &Site, operator: &Operator<'_>, url: &str) -> Answer {
    let mut command = site.command();
    command.args([
        "drift",
        "--trust",
        "trust.json",
        "--db",
        url,
        "--receipt-key",
        "receipt.key",
    ]);
    Answer::of(
        command
            .arg("--receipts")
            .arg(operator.receipts())
            .output()
            .unwrap(),
    )
}

/// Puts files into a new archive, and audits it.
fn archived(site: &Site, files: &[&Path]) -> Answer {
    let pgseal = |args: &[&str], files: &[&Path]| {
        let mut command = site.command();
        command
            .env("PGSEAL_TRUST", "trust.json")
            .args(args)
            .args(files);
        Answer::of(command.output().unwrap())
    };
    let log = ["--key", "log.key", "archive"];
    let origin = ["--origin", "example.com/directus"];
    pgseal(&[&["archive", "init"], &log[..], &origin[..]].concat(), &[]).done();
    pgseal(
        &[&["archive", "add"], &log[..], &["trust.json"]].concat(),
        files,
    )
    .done();
    pgseal(&["audit", "archive"], &[])
}

#[test]
fn one_roof_lives_for_weeks() {
    let staging = Directus::at_baseline();
    let system = staging
        .db
        .ask("select 'directus@' || system_identifier from pg_control_system()");
    let mut production = Production::start();
    let site = Site::new();
    site.add_key("ann", "l2");
    site.add_key("log", "log");
    site.policy(&["--require", "l2=1", "--require-run-on", &system]);
    let shipped =
        |name, bundle| Shipped::of(&site, name, bundle, &staging.db.url(), &production.url);
    let shadow = shipped("one-roof-shadow", shadow::pack(&site));
    let whole = shipped("one-roof", one_roof::pack(&site)).with_apr();
    let application = Application::start(production.url.clone(), ISSUE);
    let owned = "select count(*) from public.ownership";

    // The first week: the structure alone, while the ratification is pending.
    let blocked = answered(&whole.at_production, "gate");
    assert_eq!(blocked.code, 11, "{blocked}");
    blocked.says(&["BLOCKED ratification", "READY authorisation"]);
    let mut waiting = shadow.wait(&site);
    waiting.says("waiting for staging-missing: ");
    shadow.on_staging(&site, &system);
    waiting.says("no longer waiting for staging-missing");
    production.restarts(&mut waiting);
    shadow.approve(&site, &[]);
    waiting.end().done();
    application.goes_on();
    answered(&shadow.at_production, "check").done();
    assert_eq!(production.ask(owned), "0");
    production.sql(DAYS_PASS);

    // The second week: ratified on staging, where the whole takes the place of the structure.
    shadow.at_staging.ask_with("rollback", &EXACT).done();
    staging.ratify();
    whole.on_staging(&site, &system);
    let in_effect = ["one-roof-shadow 1.0.0, which has tiers of this release, is in effect"];
    whole.approve(&site, &[]);
    production.ratify();
    whole.at_production.run().fails_saying(22, &in_effect);
    site.pgseal([
        "withdraw",
        whole.bundle.to_str().unwrap(),
        "--key",
        "ann.key",
        "--trust",
        "trust.json",
    ])
    .done();
    production.sql("update public.os_proposal_approvals set decision = 'withdrawn'");
    shadow.at_production.ask_with("rollback", &EXACT).done();
    production.sql(DAYS_PASS);

    // The third week: production waits for the council and for Ann.
    let mut waiting = whole.wait(&site);
    production.restarts(&mut waiting);
    waiting.says("waiting for gate-blocked: ");
    whole.approve(&site, &[]);
    waiting.says("no longer waiting for approvals-missing");
    production.sql("update public.os_proposal_approvals set decision = 'ratified'");
    waiting.end().done();
    application.goes_on();
    production.sql(DAYS_PASS);
    answered(&whole.at_production, "check")
        .done()
        .says(&["ok 65/65 checks"]);
    assert_eq!(production.ask(owned), "210");
    drift(&site, &whole.at_production, &production.url).done();

    // An engineer adds an index; the owner takes the ratification back.
    production.sql("create index hurry on public.system_issues (title)");
    let differs = drift(&site, &whole.at_production, &production.url);
    assert_eq!(differs.code, 50, "{differs}");
    production.sql("update public.os_proposal_approvals set decision = 'withdrawn'");
    let hurry = ["index public.hurry is new"];
    whole
        .at_production
        .ask_with("rollback", &EXACT)
        .fails_saying(30, &hurry);
    application.goes_on();
    production.sql("drop index public.hurry");
    let back = whole.at_production.ask_with("rollback", &EXACT);
    back.done().says(&["as before the run"]);
    assert_eq!(production.ask(owned), "0");
    production.sql(DAYS_PASS);

    // He changes his mind again: Ann's approval is used.
    production.sql("update public.os_proposal_approvals set decision = 'ratified'");
    let held = answered(&whole.at_production, "gate");
    assert_eq!(held.code, 11, "{held}");
    held.says(&["approvals-used"]);
    let used = ["HELD", "approved one run"];
    whole.at_production.run().fails_saying(11, &used);
    whole.approve(&site, &[]);
    answered(&whole.at_production, "gate").done();
    whole.at_production.ask_with("run", &SIGNED).done();
    answered(&whole.at_production, "report").done();
    application.goes_on();
    let written = application.stop();
    assert_eq!(production.ask(owned), "210");
    let issues = "select count(*) - 204556 from public.system_issues";
    assert!(production.ask(issues).parse::<u64>().unwrap() >= written);
    let runs = "select string_agg(action || ' ' || release, ', ' order by id) from pgseal.ledger";
    assert_eq!(
        production.ask(runs),
        "run one-roof-shadow, rollback one-roof-shadow, run one-roof, rollback one-roof, run one-roof"
    );

    copy_receipts(&whole.at_staging, &whole.at_production, "");
    let files = [
        &shadow.bundle,
        &whole.bundle,
        whole.at_production.receipts(),
    ];
    archived(&site, &files)
        .done()
        .says(&["9 receipts, 8 signed answers", "0 faults"]);
}
