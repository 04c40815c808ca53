//! The whole line against real servers: the real program, real keys, a throwaway cluster.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "support/browser.rs"]
mod browser;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/fingerprint.rs"]
mod fingerprint;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/release.rs"]
mod release;
#[path = "support/server.rs"]
mod server;
#[path = "support/server_words.rs"]
mod server_words;

#[path = "postgres/adapter.rs"]
mod adapter;
#[path = "postgres/approvals.rs"]
mod approvals;
#[path = "postgres/as_new.rs"]
mod as_new;
#[path = "postgres/attack.rs"]
mod attack;
#[path = "postgres/branches.rs"]
mod branches;
#[path = "postgres/bundle_file.rs"]
mod bundle_file;
#[path = "postgres/ceremony.rs"]
mod ceremony;
#[path = "postgres/check.rs"]
mod check;
#[path = "postgres/connection.rs"]
mod connection;
#[path = "postgres/crash.rs"]
mod crash;
#[path = "postgres/dialect.rs"]
mod dialect;
#[path = "postgres/drips.rs"]
mod drips;
#[path = "postgres/evidence.rs"]
mod evidence;
#[path = "postgres/example_page.rs"]
mod example_page;
#[path = "postgres/failover.rs"]
mod failover;
#[path = "postgres/failure.rs"]
mod failure;
#[path = "postgres/fingerprint/mod.rs"]
mod fingerprints;
#[path = "postgres/gate.rs"]
mod gate;
#[path = "postgres/gate_races.rs"]
mod gate_races;
#[path = "postgres/gate_stalls.rs"]
mod gate_stalls;
#[path = "postgres/between.rs"]
mod between;
#[path = "postgres/gate_told.rs"]
mod gate_told;
#[path = "postgres/own_statements.rs"]
mod own_statements;
#[path = "postgres/gate_written.rs"]
mod gate_written;
#[path = "postgres/gate_role.rs"]
mod gate_role;
#[path = "postgres/harmless.rs"]
mod harmless;
#[path = "postgres/generated.rs"]
mod generated;
#[path = "postgres/medium.rs"]
mod medium;
#[path = "postgres/mixed.rs"]
mod mixed;
#[path = "postgres/interrupt.rs"]
mod interrupt;
#[path = "postgres/ledger.rs"]
mod ledger;
#[path = "postgres/locks.rs"]
mod locks;
#[path = "postgres/one_roof.rs"]
mod one_roof;
#[path = "postgres/plan.rs"]
mod plan;
#[path = "postgres/points.rs"]
mod points;
#[path = "postgres/pooler.rs"]
mod pooler;
#[path = "postgres/preflight.rs"]
mod preflight;
#[path = "postgres/reading.rs"]
mod reading;
#[path = "postgres/receipts.rs"]
mod receipts;
#[path = "postgres/records.rs"]
mod records;
#[path = "postgres/rehearse.rs"]
mod rehearse;
#[path = "postgres/rehearse_left.rs"]
mod rehearse_left;
#[path = "postgres/rehearse_proof.rs"]
mod rehearse_proof;
#[path = "postgres/report.rs"]
mod report;
#[path = "postgres/runbook.rs"]
mod runbook;
#[path = "postgres/script.rs"]
mod script;
#[path = "postgres/servers.rs"]
mod servers;
#[path = "postgres/session.rs"]
mod session;
#[path = "postgres/several_hosts.rs"]
mod several_hosts;
#[path = "postgres/shop.rs"]
mod shop;
#[path = "postgres/stages.rs"]
mod stages;
#[path = "postgres/tls.rs"]
mod tls;
#[path = "postgres/together.rs"]
mod together;
#[path = "postgres/undo.rs"]
mod undo;

use cluster::{Cluster, TestDatabase};
use release::{BEFORE, Release, Site};

/// A database in which a small release can run.
fn database(prefix: &str) -> TestDatabase<'static> {
    let cluster = Cluster::shared();
    let template = cluster.template("small_before", |db| db.client().batch_execute(BEFORE).unwrap());
    TestDatabase::from_template(cluster, template, prefix)
}

/// [`small`] where gates and probes are asked as the role of `--db`, which may be a superuser: nothing but the checks stands
/// between them and what they call.
fn small_without_gate_user(prefix: &str) -> (TestDatabase<'static>, Release, Site) {
    let (db, release, _) = small(prefix);
    (db, release, Site::without_gate_user())
}

/// A database, and a small release for it.
fn small(prefix: &str) -> (TestDatabase<'static>, Release, Site) {
    let db = database(prefix);
    let release = Release::on(db.name());
    (db, release, Site::new())
}
