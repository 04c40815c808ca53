//! A signed rehearsal as the measure of a run: duration, waiting sessions, and the proof of the
//! rollback.

use std::collections::BTreeMap;

use super::human_time::{count, day_and_time, sentence};
use super::rehearsed::why;
use crate::lint::modes::Mode;
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::rehearsal::{LockRecord, Rehearsal, RehearsalOutcome};

/// A rehearsal of a release, in plain text.
pub struct Measured<'a> {
    pub manifest: &'a Manifest,
    pub rehearsal: &'a Rehearsal,
    /// Values of the variables, if all that a run requires are known.
    pub values: Option<&'a BTreeMap<String, String>>,
    /// Whether the release names effects that a rollback leaves behind.
    pub leaves: bool,
}

/// Locked tables for which the same sessions wait.
pub struct Waits<'a> {
    /// Whether readers wait as well as writers.
    pub readers: bool,
    /// The longest of the locks comes first.
    pub tables: Vec<&'a str>,
    /// The longest time.
    pub milliseconds: u64,
}

impl<'a> Measured<'a> {
    /// `the rehearsal of 21 November 2026, 21:05 UTC, on a copy of the database shop`
    pub fn the(&self) -> String {
        let of = match &self.rehearsal.source.database {
            Some(database) => format!("the database {database}"),
            None => "a dump".to_owned(),
        };
        let values = match self.has_other_values() {
            true => ", with other values of the variables",
            false => "",
        };
        let at = day_and_time(self.rehearsal.finished);
        format!("the rehearsal of {at}, on a copy of {of}{values}")
    }

    /// The end of a rehearsal that did not succeed, to append to [`Self::the`].
    pub fn ended(&self) -> &'static str {
        match self.rehearsal.outcome {
            RehearsalOutcome::Proved | RehearsalOutcome::Limited => "",
            RehearsalOutcome::Failed => ", which failed",
            RehearsalOutcome::Incomplete => ", which did not come to its end",
        }
    }

    fn has_other_values(&self) -> bool {
        let rehearsed = &self.rehearsal.variables;
        self.values
            .is_some_and(|run| !self.manifest.is_rehearsed(run, rehearsed))
    }

    /// Duration of a step that held: `run`, `rollback`. A run that broke off measures nothing.
    pub fn step(&self, name: &str) -> Option<u64> {
        let mut steps = self.rehearsal.steps.iter();
        let held = steps.find(|step| step.name == name && step.ok)?;
        Some(held.milliseconds)
    }

    /// The tables that make readers or writers wait, in one tier or in the whole run. A table that
    /// readers wait for is also one of writers only if those wait longer.
    pub fn waits(&self, tier: Option<&str>) -> Vec<Waits<'a>> {
        let of_tier = |lock: &&LockRecord| tier.is_none_or(|tier| lock.tier == tier);
        let mut locks: Vec<&LockRecord> = self.rehearsal.locks.iter().filter(of_tier).collect();
        locks.sort_by_key(|lock| std::cmp::Reverse(lock.milliseconds));
        let mut all: [Option<Waits<'a>>; 2] = [None, None];
        for lock in locks {
            let Some(readers) = Mode::named(&lock.mode).and_then(Mode::readers_wait) else {
                continue;
            };
            let is_blocked = |waits: &Waits<'_>| waits.tables.contains(&lock.relation.as_str());
            if !readers && all[0].as_ref().is_some_and(is_blocked) {
                continue;
            }
            let waits = all[usize::from(!readers)].get_or_insert(Waits {
                readers,
                tables: Vec::new(),
                milliseconds: lock.milliseconds,
            });
            // Two tiers of a release may lock the same table.
            if !waits.tables.contains(&lock.relation.as_str()) {
                waits.tables.push(&lock.relation);
            }
        }
        all.into_iter().flatten().collect()
    }

    /// Whether the rollback is proved, and why.
    pub fn proof(&self) -> (String, bool) {
        let (rehearsal, the) = (self.rehearsal, self.the());
        let untried = rehearsal.untried_points();
        let text = match rehearsal.outcome {
            _ if self.has_other_values() => {
                format!("the rollback is not proved with these values: there is only {the}")
            }
            RehearsalOutcome::Proved => {
                let but = if self.leaves {
                    ", but for what it leaves behind"
                } else {
                    ""
                };
                let text = format!(
                    "{the}, proved the rollback: every row and every definition was as before the run{but}"
                );
                return (sentence(&text), true);
            }
            RehearsalOutcome::Limited if untried > 0 => format!(
                "{the}, does not prove the rollback from everywhere: not tried from {} where a run can stop",
                count(untried, "point")
            ),
            RehearsalOutcome::Limited => {
                format!("{the}, does not prove that all data came back: not all rows were compared")
            }
            RehearsalOutcome::Failed => {
                format!(
                    "the rollback is not proved: {the}, failed{}",
                    why(rehearsal)
                )
            }
            RehearsalOutcome::Incomplete => format!(
                "the rollback is not proved: {the}, did not come to its end{}",
                why(rehearsal)
            ),
        };
        (sentence(&text), false)
    }
}
