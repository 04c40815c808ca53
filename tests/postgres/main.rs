//! End-to-end tests against real servers: the real program, real keys, a throwaway cluster.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod adapter;
mod approvals;
mod approved_runs;
mod as_new;
mod attack;
mod between;
mod branches;
mod bundle_file;
mod ceremony;
mod check;
mod clones;
mod connection;
mod contrib;
mod crash;
mod dependencies;
mod dialect;
mod drips;
mod events;
mod evidence;
mod example_page;
mod failover;
mod failure;
mod fingerprint;
mod gate;
mod gate_races;
mod gate_role;
mod gate_stalls;
mod gate_told;
mod gate_written;
mod generated;
mod harmless;
mod held;
mod hints;
mod if_needed;
mod interrupt;
mod ledger;
mod locks;
mod medium;
mod mixed;
mod one_roof;
mod own_statements;
mod owner_page;
mod password;
mod plan;
mod points;
mod pooler;
mod preflight;
mod reading;
mod readme;
mod receipts;
mod records;
mod rehearse;
mod rehearse_left;
mod rehearse_locks;
mod rehearse_points;
mod rehearse_proof;
mod rehearse_verdict;
mod relative;
mod report;
mod restored;
mod rollout;
mod runbook;
mod screen;
mod script;
mod servers;
mod session;
mod settings;
mod several_hosts;
mod shadow;
mod shop;
mod signed_answers;
mod source;
mod stage_states;
mod stages;
mod story;
mod targets;
mod throwaway;
mod tls;
mod together;
mod trial;
mod typed;
mod undo;
mod waiting;

use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::{BEFORE, Release, Site};

/// Creates a database in which a small release can run.
fn database(prefix: &str) -> TestDatabase<'static> {
    let cluster = Cluster::shared();
    let template = cluster.template("small_before", |db| {
        db.client().batch_execute(BEFORE).unwrap()
    });
    TestDatabase::from_template(cluster, template, prefix)
}

/// Like [`small`], but gates and probes run as the role of `--db`, which may be a superuser: only the checks prevent
/// side effects.
fn small_without_gate_user(prefix: &str) -> (TestDatabase<'static>, Release, Site) {
    let (db, release, _) = small(prefix);
    (db, release, Site::without_gate_user())
}

/// Creates a database, and a small release for it.
fn small(prefix: &str) -> (TestDatabase<'static>, Release, Site) {
    let db = database(prefix);
    let release = Release::on(db.name());
    (db, release, Site::new())
}
