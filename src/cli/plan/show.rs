//! A plan for people; a small release fits on one screen.

use super::super::{Output, Paint, escape, optional};
use super::super::{approvals, gate, points, relative_locks, release_text, stage};
use super::Answer;
use crate::lint::modes::Lock;
use crate::lint::touches::How;
use crate::release::plan::{Plan, PlannedTier};
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::manifest::{Manifest, Transaction};
use pgseal_verify::plural::count;
use std::collections::BTreeSet;

/// Maximum number of names shown per kind; `--json` has all of them.
const NAMES: usize = 2;
/// Maximum number of locks shown per tier.
const LOCKS: usize = 3;

/// Prints the whole plan.
pub fn show(manifest: &Manifest, plan: &Plan, answer: &Answer<'_>, out: Output) {
    match &plan.gates {
        Some(gates) => gate::show(gates, out),
        None => {
            obstacles(answer, out);
            out.line("the gates were not asked");
        }
    }
    for line in approvals::lines(&answer.approvals) {
        out.line(line);
    }
    if let Some(rehearsed) = answer.rehearsed {
        rehearsed.show(manifest, answer.values, out);
    } else {
        out.line("no rehearsal of it is here: `pgseal rehearse FILE --from DATABASE` proves on a clone that it can be undone");
    }
    for (at, tier) in plan.tiers.iter().enumerate() {
        let (all, name) = (plan.tiers.len(), &tier.name);
        let about = Some(&tier.about).filter(|about| !about.is_empty());
        out.line(format!("{}/{all} {name}{}", at + 1, optional(": ", about)));
        let phase = plan.phases.iter().find(|one| one.tiers.contains(name));
        let phase = phase.map(|one| one.tiers.as_slice()).unwrap_or_default();
        one(tier, phase, answer, out);
    }
    relative_locks::show(&plan.relative, out);
    phases(plan, out);
    points::show_with_evidence(&plan.points, out);
    release_text::show_acknowledged(manifest, out);
    stage::show(manifest, out);
    states(manifest, plan, out);
    match (answer.obstacles, &plan.gates) {
        ([], _) => out.line(format!("{} here", out.paint(Paint::Good, "it would run"))),
        (_, Some(_)) => obstacles(answer, out),
        (_, None) => {
            let not = out.paint(Paint::Bad, "it would not run");
            out.line(format!("{not}, for the reason at the top"));
        }
    }
}

fn obstacles(answer: &Answer<'_>, out: Output) {
    for obstacle in answer.obstacles {
        let not = out.paint(Paint::Bad, "it would not run");
        out.line(format!("{not}: {}", obstacle.lines.join("\n")));
    }
}

fn one(tier: &PlannedTier, phase: &[String], answer: &Answer<'_>, out: Output) {
    let kinds = tier.statements.iter();
    let kinds: Vec<String> = kinds
        .map(|(verb, count)| format!("{count} {verb}"))
        .collect();
    out.line(format!("    {}", escape(&kinds.join(", "))));
    let objects = objects(tier);
    if !objects.is_empty() {
        out.line(format!("    {}", escape(&objects.join("; "))));
    }
    let measured = answer
        .rehearsed
        .and_then(|rehearsed| Some((rehearsed, rehearsed.milliseconds(&tier.name)?)));
    let locks = match measured {
        Some((rehearsed, took)) => {
            let took = format!("took {took} ms in the rehearsal");
            let locks = rehearsed
                .locks(&tier.name, phase, answer.tables)
                .into_iter();
            let locks = locks
                .map(|lock| format!("{} {} {} ms", lock.mode, lock.relation, lock.milliseconds));
            few(std::iter::once(took).chain(locks).collect(), LOCKS + 1)
        }
        None => {
            // Strongest first.
            let mut locks: Vec<_> = tier.locks.iter().collect();
            locks.sort_by_key(|lock| std::cmp::Reverse(lock.mode));
            let name = |lock: &Lock| format!("{} {}", lock.mode.as_str(), lock.relation);
            few(locks.into_iter().map(name).collect(), LOCKS)
        }
    };
    if !locks.is_empty() {
        let what = match measured {
            Some(_) => "",
            None => "locks until COMMIT: ",
        };
        out.line(format!("    {what}{}", escape(&locks)));
    }
    release_text::show_dispatch(&tier.dispatch, out);
}

/// Objects by action and kind.
fn objects(tier: &PlannedTier) -> Vec<String> {
    let mut parts = Vec::new();
    for how in [How::Creates, How::Alters, How::Writes, How::Drops] {
        let touches = || tier.objects.iter().filter(|touch| touch.how == how);
        let mut kinds: Vec<&str> = touches().map(|touch| touch.kind).collect();
        kinds.dedup();
        let kinds = kinds.into_iter().map(|kind| {
            let of_kind = touches().filter(|touch| touch.kind == kind);
            let names: Vec<String> = of_kind.map(|touch| touch.name.clone()).collect();
            match names.len() {
                1 => format!("{kind} {}", few(names, NAMES)),
                many => format!("{} {}", count(many, kind), few(names, NAMES)),
            }
        });
        let kinds: Vec<String> = kinds.collect();
        if !kinds.is_empty() {
            parts.push(format!("{} {}", how.as_str(), kinds.join(", ")));
        }
    }
    match tier.hidden {
        0 => {}
        1 => parts.push("1 statement may do more than its words say".to_owned()),
        hidden => {
            let statements = count(hidden, "statement");
            parts.push(format!("{statements} may do more than their words say"));
        }
    }
    parts
}

fn few(mut names: Vec<String>, most: usize) -> String {
    let more = names.len().saturating_sub(most);
    names.truncate(most);
    let names = names.join(", ");
    match more {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

/// Prints the current result of the probe next to the expected values before and after.
fn states(manifest: &Manifest, plan: &Plan, out: Output) {
    let Some(now) = &plan.now else { return };
    let (before, after) = (
        &manifest.states.baseline.expect,
        &manifest.states.finalized.expect,
    );
    let expected =
        |expected: Option<&Expectation>| expected.map(ToString::to_string).unwrap_or_default();
    let columns: BTreeSet<&String> = before
        .keys()
        .chain(after.keys())
        .chain(now.keys())
        .collect();
    let row = |column: &String| {
        let value = now
            .get(column)
            .map(|value| value.as_deref().unwrap_or("NULL"));
        vec![
            column.clone(),
            value.unwrap_or_default().to_owned(),
            expected(before.get(column)),
            expected(after.get(column)),
        ]
    };
    let rows = columns.into_iter().map(row).collect();
    out.table(&["", "now", "baseline", "finalized"], rows);
}

/// Prints the phases between which a run can stop. A release of a single transaction has none.
fn phases(plan: &Plan, out: Output) {
    let is_alone: Vec<bool> = plan
        .phases
        .iter()
        .map(|phase| phase.transaction == Transaction::None)
        .collect();
    if !is_alone.contains(&true) {
        return;
    }
    for (at, phase) in plan.phases.iter().enumerate() {
        let how = match phase.transaction {
            Transaction::Release => "one transaction",
            Transaction::None => "statement by statement, each committed alone",
        };
        let (all, tiers) = (plan.phases.len(), phase.tiers.join(", "));
        out.line(format!("phase {}/{all}: {how}: {tiers}", at + 1));
    }
    if is_alone.last() == Some(&true) {
        out.line("    then one transaction that checks the finalized state");
    }
}
