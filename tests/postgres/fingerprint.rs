//! Fingerprints: equal after a dump and restore, and a named difference for every change.

mod around;
mod changes;
mod command;
mod rows;
mod same;

use std::num::NonZeroUsize;
use std::path::Path;

use pgseal::fingerprint::{Difference, FingerprintError, differences, take};
use pgseal::postgres::Connector;
use pgseal_verify::format::fingerprint::{Fingerprint, Scope};
use pgseal_verify::format::timestamp::Timestamp;

use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release;

/// A database with one object of every kind. Its subscription keeps it from being dropped.
fn every_kind() -> TestDatabase<'static> {
    let template = Cluster::shared().template("fp_every_kind", fill);
    TestDatabase::from_template(Cluster::shared(), template, "fp_copy")
}

fn fill(db: &TestDatabase<'_>) {
    roles();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres/fingerprint");
    let output = release::psql(db, &["-o", "/dev/null", "-f", "every_kind.sql"], &dir);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Roles are shared by all databases.
fn roles() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let db = Cluster::shared().database("fp_roles");
        db.client()
            .batch_execute("create role fp_reader login; create role fp_owner login")
            .unwrap();
    });
}

fn clock() -> Timestamp {
    Timestamp::from_time_or_date("2026-01-01").unwrap()
}

fn try_take(connection: &str, scope: &Scope) -> Result<Fingerprint, FingerprintError> {
    let connect = Connector::new(connection.parse().unwrap());
    take(
        &connect,
        scope,
        NonZeroUsize::new(3).unwrap(),
        clock(),
        &|_| {},
    )
}

/// Fingerprints the whole database, in three sessions.
#[track_caller]
fn of(db: &TestDatabase<'_>) -> Fingerprint {
    try_take(&db.connection(), &Scope::All).unwrap()
}

/// The lines that the command prints.
fn lines(a: &Fingerprint, b: &Fingerprint) -> Vec<String> {
    differences(a, b).iter().map(Difference::heading).collect()
}

#[track_caller]
fn assert_alike(a: &Fingerprint, b: &Fingerprint) {
    let found: Vec<_> = differences(a, b)
        .iter()
        .map(|one| format!("{one} {:?}", one.lines()))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(a.sha256, b.sha256);
}
