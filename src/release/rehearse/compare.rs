//! Fingerprints of the source and of the clone, and their differences.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::error::RehearsalError;
use super::{ClonedFrom, Job};
use crate::database::Connect;
use crate::fingerprint::{self, Change, Difference, Side};
use crate::release::cancellable::CancellableConnector;
use crate::release::restored::Accepted;
use crate::release::touched::Touched;
use pgseal_verify::format::fingerprint::{Fingerprint, Scope};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::plural::{count, tables_and_sequences};

/// Takes the fingerprint of a database. No connection to it remains.
pub(super) fn take(
    job: &Job<'_>,
    connect: Arc<dyn Connect + Send>,
) -> Result<Fingerprint, RehearsalError> {
    let connect = cancellable(job, connect);
    of(&connect, job.scope, job.workers, (job.order.clock)())
}

/// Takes a fingerprint. No connection to the database remains.
pub(super) fn of(
    connect: &dyn Connect,
    scope: &Scope,
    workers: NonZeroUsize,
    at: Timestamp,
) -> Result<Fingerprint, RehearsalError> {
    Ok(fingerprint::take(connect, scope, workers, at, &|_| ())?)
}

/// A connector whose statements can be cancelled.
pub(super) fn cancellable(job: &Job<'_>, connect: Arc<dyn Connect + Send>) -> CancellableConnector {
    let order = &job.order.authentic();
    CancellableConnector::new(
        connect,
        order.stop.clone(),
        &order.manifest().limits,
        order.limits,
        Arc::clone(&job.aside),
    )
}

/// Each difference as a line.
pub(super) fn lines(before: &Fingerprint, after: &Fingerprint) -> Vec<String> {
    fingerprint::differences(before, after)
        .iter()
        .map(Difference::to_string)
        .collect()
}

/// `12 objects, 3 tables and sequences with 204,556 rows`.
pub(super) fn sentence(fingerprint: &Fingerprint) -> String {
    let rows: u64 = fingerprint.data.values().map(|table| table.rows).sum();
    let digest = fingerprint.sha256.short();
    let (objects, tables) = (
        count(fingerprint.objects.len(), "object"),
        tables_and_sequences(fingerprint.data.len()),
    );
    format!("{objects}, {tables} with {}: {digest}", count(rows, "row"))
}

/// Differences that a rollback left.
pub(super) struct Restored {
    /// Differences that the rollback should have undone.
    pub differ: Vec<Difference>,
    /// Advanced sequences.
    pub values: Vec<String>,
    /// Orders of columns that the release accepts.
    pub accepted: Vec<String>,
    /// New values of types, which the release acknowledges.
    pub left: Vec<String>,
}

pub(super) fn restored(
    before: &Fingerprint,
    after: &Fingerprint,
    accepted: &Accepted<'_>,
) -> Restored {
    let is_value = |difference: &Difference| {
        let sequence = difference.object.strip_prefix("value of ");
        matches!(difference.change, Change::Changed { .. })
            && sequence.is_some_and(|name| went_on(name, before, after))
    };
    let (values, differ): (Vec<_>, Vec<_>) = fingerprint::differences(before, after)
        .into_iter()
        .partition(|difference| is_value(difference));
    let (accepted, differ): (Vec<_>, _) = differ
        .into_iter()
        .partition(|difference| accepted.has(difference));
    let (left, accepted) = accepted
        .into_iter()
        .partition(|difference| difference.new_labels().is_some());
    let lines = |list: Vec<Difference>| list.iter().map(Difference::to_string).collect();
    Restored {
        differ,
        values: lines(values),
        accepted: lines(accepted),
        left: lines(left),
    }
}

/// Most tables that are read again to explain their rows.
const EXPLAINED: usize = 5;

/// The differences that a rollback left, a line each: with the tiers that touch the object, and
/// for rows of a table those that differ. Their values before the run are those of the source, if
/// the clone has one that still has them.
pub(super) fn explained(
    job: &Job<'_>,
    connect: Arc<dyn Connect + Send>,
    before: &Fingerprint,
    after: &Fingerprint,
    differ: &[Difference],
) -> Vec<String> {
    let touched = Touched::by(&job.order.authentic());
    let source = match job.from {
        ClonedFrom::Database { name, .. } => Some(cancellable(job, job.server.database(name))),
        ClonedFrom::Dump { .. } => None,
    };
    let clone = cancellable(job, connect);
    let mut left = EXPLAINED;
    let mut rows = |difference: &Difference| {
        let table = difference.object.strip_prefix("rows of ")?;
        let (before, after) = (before.data.get(table)?, after.data.get(table)?);
        left = left.checked_sub(1)?;
        let (source, clone) = (
            Side {
                connect: source.as_ref()?,
                data: before,
            },
            Side {
                connect: &clone,
                data: after,
            },
        );
        // Without it, the difference itself is still named.
        fingerprint::changed_rows(table, source, clone)
            .ok()
            .flatten()
    };
    let line = |difference: &Difference| {
        let line = match rows(difference) {
            Some(rows) => format!("{} differ: {rows}", difference.object),
            None => difference.to_string(),
        };
        touched.line(difference, &line)
    };
    differ.iter().map(line).collect()
}

/// Whether a sequence only advanced. One that was set back repeats values.
fn went_on(name: &str, before: &Fingerprint, after: &Fingerprint) -> bool {
    let value = |of: &Fingerprint| {
        let (last, called) = of
            .data
            .get(name)?
            .digest
            .strip_prefix("value ")?
            .split_once(", ")?;
        Some((last.parse::<i64>().ok()?, called == "called"))
    };
    let definition = before
        .objects
        .get(&format!("sequence {name}"))
        .map_or("", String::as_str);
    let descends = definition
        .lines()
        .any(|line| line.starts_with("increment: -"));
    match (value(before), value(after)) {
        (Some((was, before)), Some((is, after))) if descends => {
            is < was || is == was && after & !before
        }
        (Some(was), Some(is)) => is > was,
        _ => false,
    }
}
