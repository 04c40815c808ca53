//! One release, one leader: what is replaced, damaged or begun beside a rollout.

use std::fs;

use pgseal_testkit::release::{Release, Running, wait_until};

use super::fleet::Fleet;

const SLOW: &str = "select pg_catalog.pg_sleep(0.3);\n";

/// Another authentic release takes the file's place while the rollout runs.
#[test]
fn a_replaced_bundle() {
    let fleet = Fleet::with(6, "replaced", |release| release.tier("slow", SLOW));
    fleet.plan("");
    let mut other = Release::on("x").databases(&["fleet_replaced*"]);
    other.version = "9.0.0".to_owned();
    let aside = fleet.site.path("aside");
    fs::copy(&fleet.bundle, &aside).unwrap();
    let run = fleet.start(&["--json"]);
    wait_until("a database is after", || fleet.after() > 0);
    let replaced = fleet.site.pack(&other);
    if replaced != fleet.bundle {
        fs::rename(&replaced, &fleet.bundle).unwrap();
    }
    let answer = run.end();
    let document = answer.json();
    assert_eq!(document["error"]["kind"], "release-changed", "{document}");
    let versions = "select coalesce(string_agg(version, ' '), '') from pgseal.ledger";
    let ran = (0..6).filter(|at| {
        let db = &fleet.databases[*at];
        db.ask("select pg_catalog.to_regclass('pgseal.ledger') is not null") == "t"
    });
    let ran: Vec<usize> = ran.collect();
    assert!(!ran.is_empty() && ran.len() < 6, "{ran:?}");
    for at in ran {
        assert_eq!(fleet.databases[at].ask(versions), "1.0.0", "{at}");
    }
    // The file is put back, and the rollout goes on.
    fs::rename(&aside, &fleet.bundle).unwrap();
    fleet.rollout(&["--resume"]).done();
    (0..6).for_each(|at| fleet.is_after(at));
}

/// A rollout and its rollback are not led at the same time.
#[test]
fn a_rollback_beside_it() {
    let fleet = Fleet::with(3, "beside", |release| release.rollback("slow", SLOW));
    fleet.plan("");
    fleet.rollout(&[]).done();
    let back = Running::of(fleet.command().args(fleet.arguments(&["rollback"], &[])));
    wait_until("its journal is there", || {
        let names = fs::read_dir(fleet.site.path("receipts")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name());
        names
            .filter(|name| name.to_string_lossy().ends_with(".rollout.jsonl"))
            .count()
            == 2
    });
    for more in [&["--resume"][..], &[]] {
        fleet
            .rollout(more)
            .fails_saying(22, &["another process leads a rollout"]);
    }
    back.end().done();
    (0..3).for_each(|at| fleet.is_rolled_back(at));
}

/// The newest journal is damaged: an older one is not taken for it.
#[test]
fn a_damaged_journal() {
    let fleet = Fleet::of(1, "damaged");
    fleet.plan("");
    fleet.rollout(&[]).done();
    fleet.rollout(&[]).done();
    let journal = fleet.newest(".rollout.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("started", "statted", 1)).unwrap();
    let rollback = fleet.arguments(&["rollback"], &[]);
    for answer in [
        fleet.status(&[]),
        fleet.rollout(&[]),
        fleet.rollout(&["--resume"]),
        fleet.pgseal(&rollback),
    ] {
        assert_ne!(answer.code, 0, "{answer}");
        assert!(answer.stderr.contains("the journal is damaged"), "{answer}");
    }
    fleet.is_after(0);
}
