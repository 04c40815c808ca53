//! Comparison of a rollback's end with the start of the run that it undoes.

use super::failure::Failure;
use super::run_context::RunContext;
use super::touched::Touched;
use crate::database::Session;
use crate::fingerprint::{self, Difference, FingerprintError};
use pgseal_verify::format::fingerprint::{Fingerprint, Scope};

/// The definitions before the run that a rollback undoes.
pub struct StartOfRun {
    pub definitions: Fingerprint,
    /// Whether a difference keeps the rollback from being committed.
    pub is_required: bool,
}

/// Most differences that are kept.
const MOST: usize = 100;

/// The differences of the definitions in the open transaction, as lines; orders of columns that the
/// release accepts are left out.
pub(super) fn differences(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    start: &StartOfRun,
) -> Result<Vec<String>, FingerprintError> {
    let now = fingerprint::take_on(session, &Scope::Schema, (order.clock)())?;
    let reordered = &order.manifest().reordered;
    let differences = fingerprint::differences(&start.definitions, &now);
    let counted = differences
        .iter()
        .filter(|difference| !accepts(reordered, difference));
    let counted: Vec<&Difference> = counted.collect();
    if counted.is_empty() {
        return Ok(Vec::new());
    }
    let touched = Touched::by(order);
    let mut lines: Vec<String> = counted
        .into_iter()
        .map(|one| touched.line(one, &one.to_string()))
        .collect();
    if lines.len() > MOST {
        let more = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(format!("and {more} more"));
    }
    Ok(lines)
}

/// Whether a release accepts a difference after its rollback.
pub(super) fn accepts(reordered: &[String], difference: &Difference) -> bool {
    let table = difference.reordered();
    table.is_some_and(|table| reordered.iter().any(|accepted| accepted == table))
}

/// The failure of a rollback that must be exact.
pub(super) fn not_exact(differs: &[String]) -> Failure {
    let first = differs
        .iter()
        .take(3)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    let more = match differs.len() {
        0..=3 => String::new(),
        all => format!("; and {} more", all - 3),
    };
    Failure::plain(format!(
        "the definitions would not be those before the run: {first}{more}"
    ))
    .hint("the receipt has all differences; without --require-exact the rollback is committed, and names them")
}
