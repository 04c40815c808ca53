//! A plan for people; a small release fits on one screen.

use super::super::{Output, Paint, escape};
use super::super::{approvals, gate, points, release_text, stage, table};
use super::Answer;
use crate::lint::touches::{How, Touch};
use crate::release::plan::{Plan, PlannedTier};
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::manifest::{Manifest, Transaction};
use pgseal_verify::plural::count;

/// Maximum number of names shown per kind; `--json` has all of them.
const NAMES: usize = 2;
/// Maximum number of locks shown per tier.
const LOCKS: usize = 3;

/// Prints the whole plan.
pub fn show(manifest: &Manifest, plan: &Plan, answer: &Answer<'_>, out: Output) {
    match &plan.gates {
        Some(gates) => gate::show(gates, out),
        None => out.line("the gates were not asked"),
    }
    for line in approvals::lines(&answer.approvals) {
        out.line(line);
    }
    if let Some(rehearsed) = answer.rehearsed {
        rehearsed.show(out);
    }
    for (at, tier) in plan.tiers.iter().enumerate() {
        let about = if tier.about.is_empty() {
            String::new()
        } else {
            format!(": {}", escape(&tier.about))
        };
        out.line(format!(
            "{}/{} {}{about}",
            at + 1,
            plan.tiers.len(),
            tier.name
        ));
        one(tier, answer, out);
    }
    phases(plan, out);
    points::show_with_evidence(&plan.points, out);
    release_text::show_acknowledged(manifest, out);
    stage::show(manifest, out);
    states(manifest, plan, out);
    if answer.obstacles.is_empty() {
        out.line(format!("{} here", out.paint(Paint::Good, "it would run")));
    }
    for obstacle in answer.obstacles {
        out.line(format!(
            "{}: {}",
            out.paint(Paint::Bad, "it would not run"),
            obstacle.lines.join("\n")
        ));
    }
}

fn one(tier: &PlannedTier, answer: &Answer<'_>, out: Output) {
    let kinds: Vec<String> = tier
        .statements
        .iter()
        .map(|(verb, count)| format!("{count} {verb}"))
        .collect();
    out.line(format!("    {}", escape(&kinds.join(", "))));
    let objects = objects(tier);
    if !objects.is_empty() {
        out.line(format!("    {}", escape(&objects.join("; "))));
    }
    let locks = match answer.rehearsed {
        Some(rehearsed) => {
            let locks = rehearsed.locks(&tier.name, answer.tables);
            let told = locks
                .iter()
                .map(|lock| format!("{} {} {} ms", lock.mode, lock.relation, lock.milliseconds));
            let took = rehearsed.milliseconds(&tier.name);
            let took = took
                .map(|took| format!("took {took} ms in the rehearsal"))
                .into_iter();
            few(took.chain(told).collect(), LOCKS + 1)
        }
        None => {
            // Strongest first.
            let mut locks: Vec<_> = tier.locks.iter().collect();
            locks.sort_by_key(|lock| std::cmp::Reverse(lock.mode));
            few(
                locks
                    .iter()
                    .map(|lock| format!("{} {}", lock.mode.as_str(), lock.relation))
                    .collect(),
                LOCKS,
            )
        }
    };
    if !locks.is_empty() {
        let what = if answer.rehearsed.is_some() {
            ""
        } else {
            "locks until COMMIT: "
        };
        out.line(format!("    {what}{}", escape(&locks)));
    }
    release_text::show_dispatch(&tier.dispatch, out);
}

/// Objects by action and kind.
fn objects(tier: &PlannedTier) -> Vec<String> {
    let mut said = Vec::new();
    for how in [How::Creates, How::Alters, How::Writes, How::Drops] {
        let of_how: Vec<&Touch> = tier
            .objects
            .iter()
            .filter(|touch| touch.how == how)
            .collect();
        let mut kinds: Vec<&str> = of_how.iter().map(|touch| touch.kind).collect();
        kinds.dedup();
        let kinds = kinds.into_iter().map(|kind| {
            let names: Vec<String> = of_how
                .iter()
                .filter(|touch| touch.kind == kind)
                .map(|touch| touch.name.clone())
                .collect();
            let kind = if names.len() == 1 {
                kind.to_owned()
            } else {
                count(names.len(), kind)
            };
            format!("{kind} {}", few(names, NAMES))
        });
        let kinds: Vec<String> = kinds.collect();
        if !kinds.is_empty() {
            said.push(format!("{} {}", how.as_str(), kinds.join(", ")));
        }
    }
    if tier.hidden > 0 {
        said.push(match tier.hidden {
            1 => "1 statement may do more than its words say".to_owned(),
            hidden => format!(
                "{} may do more than their words say",
                count(hidden, "statement")
            ),
        });
    }
    said
}

fn few(mut names: Vec<String>, most: usize) -> String {
    let more = names.len().saturating_sub(most);
    names.truncate(most);
    let told = names.join(", ");
    if more == 0 {
        told
    } else {
        format!("{told} and {more} more")
    }
}

/// Prints the current result of the probe next to the expected values before and after.
fn states(manifest: &Manifest, plan: &Plan, out: Output) {
    let Some(now) = &plan.now else { return };
    let states = &manifest.states;
    let expected =
        |expected: Option<&Expectation>| expected.map(ToString::to_string).unwrap_or_default();
    let mut columns: Vec<&String> = states
        .baseline
        .expect
        .keys()
        .chain(states.finalized.expect.keys())
        .chain(now.keys())
        .collect();
    columns.sort();
    columns.dedup();
    let rows = columns.into_iter().map(|column| {
        let value = now
            .get(column)
            .map(|value| value.as_deref().unwrap_or("NULL"))
            .unwrap_or_default();
        let (before, after) = (
            states.baseline.expect.get(column),
            states.finalized.expect.get(column),
        );
        vec![
            column.clone(),
            value.to_owned(),
            expected(before),
            expected(after),
        ]
    });
    out.line(table::render(
        &["", "now", "baseline", "finalized"],
        rows.collect(),
    ));
}

/// Prints the phases between which a run can stop. A release of a single transaction has none.
fn phases(plan: &Plan, out: Output) {
    if plan
        .phases
        .iter()
        .all(|phase| phase.transaction == Transaction::Release)
    {
        return;
    }
    for (at, phase) in plan.phases.iter().enumerate() {
        let how = match phase.transaction {
            Transaction::Release => "one transaction",
            Transaction::None => "statement by statement, each committed alone",
        };
        out.line(format!(
            "phase {}/{}: {how}: {}",
            at + 1,
            plan.phases.len(),
            phase.tiers.join(", ")
        ));
    }
    if plan
        .phases
        .last()
        .is_some_and(|phase| phase.transaction == Transaction::None)
    {
        out.line("    then one transaction that checks the finalized state");
    }
}
