//! The facts `duration` and `rollback` of a runbook as Markdown: measurements and proof of a signed
//! rehearsal.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::bundle::AuthenticatedBundle;
use crate::cli::measured::Rehearsed;
use crate::readiness::human_time::{at_most, count, listed, seconds};
use crate::readiness::{Measured, left};
use crate::runbook::escaped;
use pgseal_verify::format::manifest::{Tier, Transaction};

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
        let (Some(rehearsed), Some(measured)) = (self.rehearsed, self.measured()) else {
            return self.unknown("Not known yet", "measures it");
        };
        let (the, ended) = (escaped(&measured.the()), measured.ended());
        let signer = escaped(rehearsed.signer().unwrap_or_default());
        let mut text = format!(
            "Measured by {the}{ended}; the receipt is signed by {signer}.\n\n| tier | takes | who waits |\n|---|---|---|\n"
        );
        for tier in &self.bundle.manifest().tiers {
            let name = tier.name.as_str();
            let (took, waiting) = match rehearsed.milliseconds(name) {
                Some(took) => (seconds(took), waiting(&measured, name)),
                None => ("not reached".to_owned(), "not known".to_owned()),
            };
            let _ = writeln!(text, "| {} | {took} | {waiting} |", escaped(name));
        }
        if let Some(run) = measured.step("run") {
            let _ = writeln!(text, "| the whole run | {} | |", seconds(run));
        }
        text + "\nSessions wait only if they use these tables at that time. On a busier server it can take longer."
    }

    /// Remainders of a rollback, and the proof that it restores everything else.
    pub fn rollback(&self) -> String {
        let left = left(self.bundle);
        let (proof, is_proved) = match self.measured().map(|measured| measured.proof()) {
            Some((proof, is_proved)) => (escaped(&proof), is_proved),
            None => {
                let text = self.unknown("The rollback is not proved yet", "tries it");
                (text, false)
            }
        };
        let mut text = match (left.is_empty(), is_proved) {
            (true, true) => "Everything can be undone.",
            (true, false) => "Nothing is known that a rollback would leave behind.",
            (false, _) => "A rollback leaves behind:",
        }
        .to_owned();
        text.extend(left.iter().map(|line| format!("\n- {}", escaped(line))));
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

    fn measured(&self) -> Option<Measured<'_>> {
        Some(Measured {
            manifest: self.bundle.manifest(),
            rehearsal: self.rehearsed?.rehearsal(),
            values: self.values,
            leaves: !left(self.bundle).is_empty(),
        })
    }

    fn unknown(&self, beginning: &str, effect: &str) -> String {
        format!(
            "{beginning}: no signed rehearsal of this release is here. `{}` {effect} on a copy.",
            self.command
        )
    }
}

/// The sessions that a tier's locks make wait.
fn waiting(measured: &Measured<'_>, tier: &str) -> String {
    let mut lines = Vec::new();
    for waits in measured.waits(Some(tier)) {
        let kind = match waits.readers {
            true => "readers and writers",
            false => "writers",
        };
        let tables = waits.tables.iter().take(TABLES);
        let mut tables: Vec<String> = tables.map(|table| escaped(table)).collect();
        let more = waits.tables.len() - tables.len();
        tables.extend((more > 0).then(|| count(more as u64, "other table")));
        let longest = at_most(waits.milliseconds);
        lines.push(format!("{kind} of {}: at most {longest}", listed(&tables)));
    }
    if lines.is_empty() {
        return "no reader or writer".to_owned();
    }
    lines.join("; ")
}
