//! Proof that a release ran on another database first (docs/decisions/078).

use std::io;
use std::path::{Path, PathBuf};

use super::preflight::PreflightError;
use super::run_context::RunContext;
use crate::record::definitions::receipts_in;
use crate::record::receipt;
use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::format::database_pattern::DatabasePattern;
use pgseal_verify::format::receipt::{Action, ObservedTarget, Outcome};
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::format::timestamp::Timestamp;

/// Finds the databases on which a release ran, by the signed receipts in a directory. Empty if the
/// trust root requires no such run.
pub fn ran_on(
    receipts: &Path,
    root: &TrustRoot,
    release: ReleaseId,
    now: Timestamp,
) -> io::Result<Vec<ObservedTarget>> {
    if root.policy().require_run_on.is_empty() {
        return Ok(Vec::new());
    }
    let target = |path: &PathBuf| {
        let read = receipt::read(path, root, JudgedAt::At(now)).ok()?;
        read.is_evidence_of(release).ok()?;
        let receipt = read.statement.predicate;
        let ran = receipt.action == Action::Run && receipt.outcome == Outcome::Committed;
        ran.then_some(receipt.target)
    };
    Ok(receipts_in(receipts)?.iter().filter_map(target).collect())
}

/// Fails unless the release ran on each database on which the trust root wants it to run first. On
/// one of these, and on a clone, it needs no such run.
pub(super) fn check(order: &RunContext<'_>, target: &ObservedTarget) -> Result<(), PreflightError> {
    if order.clone.is_some() {
        return Ok(());
    }
    let first = &order.root().policy().require_run_on;
    let ran = |one: &DatabasePattern| order.ran_on.iter().any(|ran| one.matches(ran));
    match first.iter().find(|one| !ran(one)) {
        Some(one) if !first.iter().any(|one| one.matches(target)) => {
            Err(PreflightError::NotRunOn(one.clone()))
        }
        _ => Ok(()),
    }
}
