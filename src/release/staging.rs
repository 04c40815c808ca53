//! Proof that a release ran on another database first (docs/decisions/078).

use std::path::PathBuf;

use super::preflight::PreflightError;
use super::run_context::RunContext;
use crate::record::definitions::receipts_in;
use crate::record::receipt;
use crate::trust::JudgedAt;
use pgseal_verify::format::database_pattern::DatabasePattern;
use pgseal_verify::format::receipt::{Action, ObservedTarget, Outcome};

/// Fails unless signed receipts prove that the release ran on each database on which the trust root
/// wants it to run first. On one of these, and on a clone, it needs no such run.
pub(super) fn check(order: &RunContext<'_>, target: &ObservedTarget) -> Result<(), PreflightError> {
    let first = &order.root().policy().require_run_on;
    let is_first = first.iter().any(|one| one.matches(target));
    if order.clone.is_some() || first.is_empty() || is_first {
        return Ok(());
    }
    let ran_on = ran_on(order)?;
    let ran = |one: &DatabasePattern| ran_on.iter().any(|ran| one.matches(ran));
    match first.iter().find(|one| !ran(one)) {
        Some(one) => Err(PreflightError::NotRunOn(one.clone())),
        None => Ok(()),
    }
}

/// The databases on which the release ran, by the signed receipts.
fn ran_on(order: &RunContext<'_>) -> Result<Vec<ObservedTarget>, PreflightError> {
    let Some(receipts) = order.receipts else {
        return Ok(Vec::new());
    };
    let now = JudgedAt::At((order.clock)());
    let target = |path: &PathBuf| {
        let read = receipt::read(path, order.root(), now).ok()?;
        read.is_evidence_of(order.bundle.release_id()).ok()?;
        let receipt = read.statement.predicate;
        let ran = receipt.action == Action::Run && receipt.outcome == Outcome::Committed;
        ran.then_some(receipt.target)
    };
    let files = receipts_in(receipts).map_err(|source| PreflightError::Receipts {
        path: receipts.to_owned(),
        source,
    })?;
    Ok(files.iter().filter_map(target).collect())
}
