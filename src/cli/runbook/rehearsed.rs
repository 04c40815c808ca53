//! The facts `duration` and `rollback` of a runbook as Markdown: measurements and proof of a signed
//! rehearsal.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::left::left;
use crate::bundle::AuthenticatedBundle;
use crate::cli::measured::Rehearsed;
use crate::lint::modes::Mode;
use crate::readiness::human_time::{count, day_and_time, listed, seconds, sentence};
use crate::readiness::why;
use crate::runbook::escaped;
use pgseal_verify::format::manifest::{Tier, Transaction};
use pgseal_verify::format::rehearsal::{LockRecord, RehearsalOutcome};

/// Maximum number of tables named for a tier and a kind of session.
const TABLES: usize = 10;

/// A release with its relevant rehearsal.
pub struct Facts<'a> {
    pub bundle: &'a AuthenticatedBundle<'a>,
    pub rehearsed: Option<&'a Rehearsed>,
    /// Values of the variables, if all that a run requires are known.
    pub values: Option<&'a BTreeMap<String, String>>,
    /// The command that rehearses the release.
    pub command: &'a str,
}

impl Facts<'_> {
    /// Duration of each tier, and the sessions that wait meanwhile.
    pub fn duration(&self) -> String {
        let Some(rehearsed) = self.rehearsed else {
            return self.unknown("Not known yet", "measures it");
        };
        let (rehearsal, the) = (rehearsed.rehearsal(), self.the(rehearsed));
        let signer = escaped(rehearsed.signer().unwrap_or_default());
        let ended = match rehearsal.outcome {
            RehearsalOutcome::Proved | RehearsalOutcome::Limited => "",
            RehearsalOutcome::Failed => ", which failed",
            RehearsalOutcome::Incomplete => ", which did not come to its end",
        };
        let mut text = format!(
            "Measured by {the}{ended}; the receipt is signed by {signer}.\n\n| tier | takes | who waits |\n|---|---|---|\n"
        );
        for tier in &self.bundle.manifest().tiers {
            let name = tier.name.as_str();
            let took = rehearsed.milliseconds(name);
            let took = took.map_or("not reached".to_owned(), seconds);
            let waiting = waiting(rehearsed, name);
            let _ = writeln!(text, "| {} | {took} | {waiting} |", escaped(name));
        }
        if let Some(run) = rehearsal.steps.iter().find(|step| step.name == "run") {
            let _ = writeln!(text, "| the whole run | {} | |", seconds(run.milliseconds));
        }
        text + "\nSessions wait only if they use these tables at that time. On a busier server it can take longer."
    }

    /// Remainders of a rollback, and the proof that it restores everything else.
    pub fn rollback(&self) -> String {
        let left = left(self.bundle);
        let (proof, is_proved) = self.proof();
        let mut text = match (left.is_empty(), is_proved) {
            (true, true) => "Everything can be undone.",
            (true, false) => "Nothing is known that a rollback would leave behind.",
            (false, _) => "A rollback leaves behind:",
        }
        .to_owned();
        text.extend(left.iter().map(|line| format!("\n- {line}")));
        let _ = write!(
            text,
            "\n\n{proof} The ledger keeps the record of the run and of its rollback."
        );
        let tiers = self.bundle.manifest().tiers.iter();
        let alone = tiers.filter(|tier| tier.transaction == Transaction::None);
        let name = |tier: &Tier| escaped(tier.name.as_str());
        let alone: Vec<String> = alone.map(name).collect();
        if !alone.is_empty() {
            let _ = write!(
                text,
                "\n\nEach statement of {} is committed at once: a run that stops there leaves a part of the release, until it is resumed or rolled back.",
                listed(&alone)
            );
        }
        text
    }

    /// The proof in words, and whether it is one.
    fn proof(&self) -> (String, bool) {
        let Some(rehearsed) = self.rehearsed else {
            return (
                self.unknown("The rollback is not proved yet", "tries it"),
                false,
            );
        };
        let rehearsal = rehearsed.rehearsal();
        let the = self.the(rehearsed);
        let untried = rehearsal.untried_points();
        let text = match rehearsal.outcome {
            _ if rehearsed.differs(self.bundle.manifest(), self.values) => {
                format!("the rollback is not proved with these values: there is only {the}")
            }
            RehearsalOutcome::Proved => {
                let text = format!(
                    "{the}, proved the rollback: every row and every definition was as before the run"
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
                    escaped(&why(rehearsal))
                )
            }
            RehearsalOutcome::Incomplete => format!(
                "the rollback is not proved: {the}, did not come to its end{}",
                escaped(&why(rehearsal))
            ),
        };
        (sentence(&text), false)
    }

    fn unknown(&self, beginning: &str, effect: &str) -> String {
        format!(
            "{beginning}: no signed rehearsal of this release is here. `{}` {effect} on a copy.",
            self.command
        )
    }

    /// `the rehearsal of 21 November 2026, 21:05 UTC, on a copy of the database shop`
    fn the(&self, rehearsed: &Rehearsed) -> String {
        let rehearsal = rehearsed.rehearsal();
        let of = match &rehearsal.source.database {
            Some(database) => format!("the database {}", escaped(database)),
            None => "a dump".to_owned(),
        };
        let values = match rehearsed.differs(self.bundle.manifest(), self.values) {
            true => ", with other values of the variables",
            false => "",
        };
        let at = day_and_time(rehearsal.finished);
        format!("the rehearsal of {at}, on a copy of {of}{values}")
    }
}

/// The sessions that a tier's locks make wait.
fn waiting(rehearsed: &Rehearsed, tier: &str) -> String {
    // The tables of indexes are known only in the database.
    let locks = rehearsed.locks(tier, &BTreeMap::new());
    let mut by_kind: BTreeMap<&str, Vec<&LockRecord>> = BTreeMap::new();
    for lock in locks {
        if let Some(kind) = Mode::named(&lock.mode).and_then(Mode::waiting) {
            by_kind.entry(kind).or_default().push(lock);
        }
    }
    let line = |(kind, locks): (&&str, &Vec<&LockRecord>)| {
        let tables = locks.iter().take(TABLES);
        let mut tables: Vec<String> = tables.map(|lock| escaped(&lock.relation)).collect();
        let more = locks.len() - tables.len();
        tables.extend((more > 0).then(|| count(more as u64, "other table")));
        let longest = locks.iter().map(|lock| lock.milliseconds).max();
        let longest = seconds(longest.unwrap_or_default());
        format!("{kind} of {}: at most {longest}", listed(&tables))
    };
    let lines: Vec<String> = by_kind.iter().map(line).collect();
    if lines.is_empty() {
        return "no reader or writer".to_owned();
    }
    lines.join("; ")
}
