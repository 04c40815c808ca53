//! Comparison of a rollback's end with the start of the run that it undoes.

use super::failure::Failure;
use super::run_context::RunContext;
use super::touched::Touched;
use crate::database::Session;
use crate::fingerprint::{self, Difference, FingerprintError};
use crate::lint::added_values::{self, AddedValue};
use pgseal_verify::format::fingerprint::{Fingerprint, Scope};

/// The definitions before the run that a rollback undoes.
pub struct StartOfRun {
    pub definitions: Fingerprint,
    /// Whether a difference keeps the rollback from being committed.
    pub is_required: bool,
}

/// Most differences that are kept.
const MOST: usize = 100;

/// The differences of the definitions in the open transaction, as lines, without those that the
/// release accepts.
pub(super) fn differences(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    start: &StartOfRun,
) -> Result<Vec<String>, FingerprintError> {
    let now = fingerprint::take_on(session, &Scope::Schema, (order.clock)())?;
    let differences = fingerprint::differences(&start.definitions, &now);
    let accepted = Accepted::by(order);
    let counted = differences
        .iter()
        .filter(|difference| !accepted.has(difference));
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

/// Differences after a rollback that a release accepts: orders of columns, and acknowledged values
/// of enumerations, which no statement drops (docs/decisions/112).
pub(super) struct Accepted<'a> {
    reordered: &'a [String],
    values: Vec<AddedValue>,
    /// The schema of names without one, if there is only one.
    schema: Option<&'a str>,
}

impl<'a> Accepted<'a> {
    pub fn by(order: &RunContext<'a>) -> Self {
        let manifest = order.manifest();
        Self {
            reordered: &manifest.reordered,
            values: added_values::acknowledged(manifest, &mut order.walk()),
            schema: match manifest.target.search_path.as_slice() {
                [schema] => Some(schema),
                _ => None,
            },
        }
    }

    pub fn has(&self, difference: &Difference) -> bool {
        if let Some(table) = difference.reordered() {
            return self.reordered.iter().any(|accepted| accepted == table);
        }
        let Some((name, labels)) = difference.new_labels() else {
            return false;
        };
        // Of several schemas, the statement may have meant another one's type.
        let is_of = |of: &str| match (of.contains('.'), self.schema) {
            (true, _) => name == of,
            (false, Some(schema)) => *name == format!("{schema}.{of}"),
            (false, None) => false,
        };
        let is_accepted = |label: &String| {
            let mut values = self.values.iter();
            values.any(|value| value.value == *label && is_of(&value.of))
        };
        labels.iter().all(is_accepted)
    }
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
