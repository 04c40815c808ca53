//! Values from the probes, compared with the expectations of the release.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::facts::ReleaseFacts;
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::manifest::State;

/// A value before and after the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Value {
    pub name: String,
    /// Expected value before the run; `None` if not compared.
    pub baseline: Option<String>,
    /// Expected value after the run; `None` if not compared.
    pub finalized: Option<String>,
    /// Value before the run in effect, by its receipt.
    pub before: Option<String>,
    /// Current value, if the database was queried.
    pub now: Option<String>,
    /// Whether the current value is the expected one; `None` if not compared.
    pub holds: Option<bool>,
    /// True if there is a current value, and nothing to compare it with: the expected one is
    /// relative to the start of the run.
    #[serde(skip)]
    pub is_relative: bool,
}

/// Numbers of a state's expectations that can be compared now, and of relative ones.
pub(super) fn compared(state: &State) -> (usize, usize) {
    let relative = state.expect.values().filter(|one| one.is_relative());
    let relative = relative.count();
    (state.expect.len() - relative, relative)
}

/// Every value that is compared before or after, by name.
pub fn values(release: &ReleaseFacts) -> Vec<Value> {
    let states = &release.manifest.states;
    let (baseline, finalized) = (&states.baseline.expect, &states.finalized.expect);
    let names: BTreeSet<&String> = baseline.keys().chain(finalized.keys()).collect();
    let answers = release.answers();
    let observed = answers.and_then(|answers| answers.observed.as_ref());
    let before = release
        .receipt_in_effect()
        .and_then(|kept| kept.document.before.as_ref());
    let expected_now = if release.in_effect().is_some() {
        finalized
    } else {
        baseline
    };
    let is_relative = |name: &String| {
        let is_seen = observed.is_some_and(|row| row.contains_key(name));
        is_seen && expected_now.get(name).is_some_and(Expectation::is_relative)
    };
    let value = |name: &String| Value {
        name: name.clone(),
        baseline: baseline.get(name).map(spelled),
        finalized: finalized.get(name).map(spelled),
        before: before.and_then(|row| seen(row, name, baseline.get(name))),
        now: observed.and_then(|row| seen(row, name, expected_now.get(name))),
        holds: observed.and_then(|row| {
            let expected = expected_now.get(name).filter(|_| !is_relative(name))?;
            Some(
                row.get(name)
                    .is_some_and(|value| expected.accepts(value.as_deref())),
            )
        }),
        is_relative: is_relative(name),
    };
    names.into_iter().map(value).collect()
}

/// An expectation in words for people.
pub(super) fn spelled(expectation: &Expectation) -> String {
    match expectation {
        Expectation::Bool(true) => "yes".to_owned(),
        Expectation::Bool(false) => "no".to_owned(),
        Expectation::Range {
            min: Some(min),
            max: None,
        } => format!("{min} or more"),
        Expectation::Range {
            min: None,
            max: Some(max),
        } => format!("{max} or less"),
        other => other.to_string(),
    }
}

/// A value for people: unchanged, except that an expected boolean becomes a word.
fn seen(
    row: &BTreeMap<String, Option<String>>,
    name: &str,
    expected: Option<&Expectation>,
) -> Option<String> {
    let value = row.get(name)?.as_deref().unwrap_or("NULL");
    let word = match (expected, value) {
        (Some(Expectation::Bool(_)), "t" | "true") => "yes",
        (Some(Expectation::Bool(_)), "f" | "false") => "no",
        _ => value,
    };
    Some(word.to_owned())
}
