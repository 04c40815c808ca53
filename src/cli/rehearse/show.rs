//! Results of a rehearsal for people.

use super::super::{Output, Paint, escape};
use pgseal_verify::format::rehearsal::{
    CommitPoint, FromPoint, LockRecord, Rehearsal, RehearsalStep,
};
use pgseal_verify::plural;
use pgseal_verify::words::records;

/// Maximum number of locks shown; the receipt has all of them.
const LOCKS_SHOWN: usize = 20;

/// Lock modes that make others wait, strongest first. All but the last make writers wait; the last
/// conflicts with itself, the stronger modes and VACUUM.
const STRONG: [&str; 5] = [
    "AccessExclusiveLock",
    "ExclusiveLock",
    "ShareRowExclusiveLock",
    "ShareLock",
    "ShareUpdateExclusiveLock",
];

/// Prints all steps and the locks that make others wait.
pub fn show(rehearsal: &Rehearsal, out: Output) {
    let row = |step: &RehearsalStep| {
        let ok = if step.ok { "ok" } else { "FAILED" };
        vec![
            ok.to_owned(),
            escape(&step.name),
            step.milliseconds.to_string(),
            escape(&step.detail),
        ]
    };
    out.table(
        &["", "step", "ms", ""],
        rehearsal.steps.iter().map(row).collect(),
    );
    let strong = strong(rehearsal);
    if !strong.is_empty() {
        let row = |lock: &&LockRecord| {
            vec![
                escape(&lock.relation),
                escape(&lock.mode),
                taker(lock),
                lock.milliseconds.to_string(),
            ]
        };
        let rows = strong.iter().take(LOCKS_SHOWN).map(row).collect();
        out.table(&["locked", "mode", "by", "ms at most"], rows);
    }
    if !rehearsal.points.is_empty() {
        let row = |point: &CommitPoint| {
            vec![
                escape(&point.tier),
                escape(point.at.as_deref().unwrap_or("its transaction")),
                from_point(point.rollback).to_owned(),
            ]
        };
        out.table(
            &["commit point of tier", "behind", "rollback from there"],
            rehearsal.points.iter().map(row).collect(),
        );
    }
    out.line(headline(rehearsal, out));
}

/// Results of the rollbacks from commit points in one line.
pub fn points(rehearsal: &Rehearsal) -> Option<String> {
    let total = rehearsal.points.len() as u64 + rehearsal.more_points;
    let points = rehearsal.points.iter();
    let restored = points.filter(|point| point.rollback == FromPoint::Restored);
    let (restored, untried) = (restored.count() as u64, rehearsal.untried_points());
    if total == 0 {
        return None;
    }
    let failed = total - restored - untried;
    let text = format!(
        "rolled back from {restored} of {} where a run can stop",
        plural::count(total, "commit point")
    );
    let failed = (failed > 0).then(|| format!(", {failed} failed"));
    let untried = (untried > 0).then(|| format!(", {untried} not tried"));
    Some(format!(
        "{text}{}{}",
        failed.unwrap_or_default(),
        untried.unwrap_or_default()
    ))
}

fn from_point(result: FromPoint) -> &'static str {
    match result {
        FromPoint::Restored => "restored",
        FromPoint::Failed => "FAILED",
        FromPoint::Untried => "not tried",
    }
}

/// `rehearsal of one-roof 1.0.0 on a clone of directus: proved`
pub fn headline(rehearsal: &Rehearsal, out: Output) -> String {
    let (is_good, outcome) = records::rehearsal_outcome(rehearsal);
    let paint = if is_good { Paint::Good } else { Paint::Bad };
    records::rehearsal_headline(rehearsal, &out.paint(paint, outcome))
}

/// Summary of the locks in one line; the receipt has each of them.
pub fn locks(rehearsal: &Rehearsal) -> Option<String> {
    let strong = strong(rehearsal);
    let longest = strong.iter().max_by_key(|lock| lock.milliseconds)?;
    let of_mode = |mode: &&str| {
        let count = strong.iter().filter(|lock| lock.mode == **mode).count();
        (count > 0).then(|| format!("{count} {mode}"))
    };
    let modes: Vec<String> = STRONG.iter().filter_map(of_mode).collect();
    Some(format!(
        "locks that keep others waiting: {}; the longest at most {} ms, on {} by {}{}",
        modes.join(", "),
        longest.milliseconds,
        escape(&longest.relation),
        if longest.tier.is_empty() { "" } else { "tier " },
        taker(longest),
    ))
}

/// The tier that took a lock, or the relative expectations.
fn taker(lock: &LockRecord) -> String {
    match lock.tier.as_str() {
        "" => "the expectations".to_owned(),
        tier => escape(tier),
    }
}

fn strong(rehearsal: &Rehearsal) -> Vec<&LockRecord> {
    let locks = rehearsal.locks.iter();
    let is_strong = |lock: &&LockRecord| STRONG.contains(&lock.mode.as_str());
    locks.filter(is_strong).collect()
}
