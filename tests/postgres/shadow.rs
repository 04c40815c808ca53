//! Shadow mode of the reference release (seed 004, option 3): its structure in production while the ratification
//! is pending.

use std::path::PathBuf;

use pgseal_testkit::cluster::Cluster;
use pgseal_testkit::release::{Operator, Site, assert_same, dump, psql};
use pgseal_testkit::writer::Writer;
use serde_json::json;

use super::one_roof::{self, APR, Directus, ISSUE, sources};
use super::rehearse::Rehearsal;

/// The owner's e-signature on the structure.
const SIGN: &str = "insert into public.os_proposal_votes values ('APR-BOOT-STRUCTURE-1', 'L4', 'president', 'e-sign')";
const UNSIGN: &str = "delete from public.os_proposal_votes where apr = 'APR-BOOT-STRUCTURE-1'";

pub fn pack(site: &Site) -> PathBuf {
    let (dir, bundle) = (
        sources().join("one-roof"),
        site.path("one-roof-shadow-1.0.0.pgseal"),
    );
    let (dir, file) = (dir.to_str().unwrap(), bundle.to_str().unwrap());
    let args = ["pack", dir, "-o", file, "--stage", "shadow"];
    site.pgseal(args.iter().chain(&["--key", "release.key"]))
        .done();
    bundle
}

fn kinds(operator: &Operator<'_>) -> Vec<String> {
    let document = operator.json("gate");
    let missing = document["missing"].as_array().unwrap().iter();
    let kind = |one: &serde_json::Value| one["kind"].as_str().unwrap().to_owned();
    missing.map(kind).collect()
}

#[test]
fn structure_before_the_ratification() {
    let directus = Directus::at_baseline();
    let (db, site) = (&directus.db, Site::new());
    let bundle = pack(&site);
    let whole = site
        .operator(&one_roof::pack(&site), &db.url())
        .variable("ratified_apr", APR);
    let shadow = site.operator(&bundle, &db.url());
    let sql = |sql: &str| db.client().batch_execute(sql).unwrap();

    // Its own gate.
    sql(UNSIGN);
    shadow.run().fails_saying(
        20,
        &["the L4 e-signature on APR-BOOT-STRUCTURE-1 is missing"],
    );
    // A ratification is no authorisation of the structure, nor the other way round.
    directus.ratify();
    assert_eq!(kinds(&shadow), ["gate-blocked"]);
    sql("delete from public.os_proposal_approvals; delete from public.os_proposal_votes");
    sql(SIGN);
    shadow.gate().done().says(&["READY authorisation"]);
    assert_eq!(kinds(&whole), ["gate-blocked"]);

    // Its own baseline: an open conflict stops the whole alone.
    let untouched = dump(db);
    sql(
        "insert into public.governance_conflicts values (1, 'kg_labels', 'access', 'GOV-DOT', false)",
    );
    assert_eq!(kinds(&whole), ["gate-blocked", "not-baseline"]);
    assert_eq!(kinds(&shadow), [""; 0]);
    Rehearsal::of(&site, &bundle, Cluster::shared())
        .from("directus")
        .run()
        .done()
        .says(&["proved"]);

    let writer = Writer::start(db, ISSUE);
    shadow.run().done();
    let receipt = shadow.receipt();
    let (before, after) = (&receipt["before"], &receipt["after"]);
    assert_eq!(
        (&before["gap"], &after["gap"]),
        (&json!("210"), &json!("210"))
    );
    assert_eq!(
        (&after["claims"], &after["ospa"]),
        (&json!("0"), &json!("0"))
    );
    assert_eq!(receipt["variables"], json!({}));
    assert_eq!(db.ask("select count(*) from public.ownership"), "0");
    assert_eq!(db.ask("select count(*) from one_roof.coverage"), "210");
    assert_eq!(
        db.ask("select value from public.emit_settings where name = 'governance.emit'"),
        "unset"
    );
    writer.wait_for(20);
    shadow
        .check()
        .done()
        .says(&["state finalized", "dot_boundary_rehearsal 3/3"]);

    // The ratification comes, months of daily work later.
    directus.ratify();
    sql(
        "insert into public.governed_collections values ('new_collection', 36, 'knowledge', 'standard', 'New')",
    );
    whole.run().fails_saying(
        22,
        &["one-roof-shadow 1.0.0, which has tiers of this release, is in effect"],
    );
    shadow.rollback().done();
    let written = writer.stop();
    shadow.check().done();
    assert_eq!(db.ask("select to_regnamespace('one_roof') is null"), "t");
    let issues = db.ask("select count(*) from public.system_issues");
    assert_eq!(issues, (204_556 + written).to_string());
    sql("delete from public.governed_collections where ordinal = 36; delete from public.governance_conflicts;
         delete from public.system_issues where id > 204556");
    let ratified = dump(db);
    whole.run().done();
    whole.check().done().says(&["ok 65/65 checks"]);
    whole.rollback().done();
    assert_same(&ratified, &dump(db));
    sql(
        "delete from public.os_proposal_approvals where apr = 'APR-BOOT-AUTHMODEL-1';
         delete from public.os_proposal_votes where apr = 'APR-BOOT-AUTHMODEL-1'",
    );
    assert_same(&untouched, &dump(db));
}

/// Only tiers 1 and 2 may name no proposal, by hand too; a proposal that they name is ratified.
#[test]
fn later_tiers_rest_on_a_ratified_proposal() {
    let directus = Directus::at_baseline();
    let db = &directus.db;
    let run = |tiers: &[&str], variables: &[&str]| {
        let files = tiers.iter().flat_map(|tier| ["-f", tier]);
        let args: Vec<&str> = files.chain(variables.iter().copied()).collect();
        let output = psql(db, &args, &sources().join("one-roof/executor"));
        String::from_utf8(output.stderr).unwrap()
    };
    let apr = ["-v", &format!("ratified_apr={APR}")];
    let says = |answer: String, words: &str| assert!(answer.contains(words), "{answer}");
    let not_ratified = run(&["01_structure.sql"], &apr);
    says(not_ratified, "APR-BOOT-AUTHMODEL-1 is not ratified");
    db.client()
        .batch_execute("drop schema one_roof cascade")
        .unwrap();

    let structure = ["01_structure.sql", "02_responsibility_axis.sql"];
    assert_eq!(run(&structure, &[]), "");
    let third = ["03_ownership_seed.sql"];
    says(run(&third, &[]), "needs a ratified proposal");
    says(run(&third, &apr), "were not run for APR-BOOT-AUTHMODEL-1");
    directus.ratify();
    // Ratified or not, the whole does not continue a shadow.
    says(run(&third, &apr), "were not run for APR-BOOT-AUTHMODEL-1");
    let by_hand = db
        .client()
        .batch_execute("insert into one_roof.tier_log values (3, 'ownership_seed', null)");
    let refused = by_hand.unwrap_err();
    let constraint = refused.as_db_error().unwrap().constraint();
    assert_eq!(constraint, Some("tier_log_rests_on_a_proposal"));
    assert_eq!(db.ask("select count(*) from one_roof.tier_log"), "2");
}
