//! Compares rollout receipts with the receipts of their runs.

use std::collections::BTreeMap;

use super::archive::Archive;
use super::{Answer, Coverage, Severity};
use crate::audit::fault::FaultKind;
use crate::audit::file_facts::RolloutFacts;
use pgseal_verify::digest::Digest;

/// Maximum number of databases that a sentence names.
const NAMED: usize = 3;

/// Reports receipts of runs that a rollout names and that are missing, or are not those that it
/// names, and rollouts that did not come to their end.
pub fn check(archive: &Archive<'_>) -> Vec<Answer> {
    let mut receipts = BTreeMap::<&str, Vec<Digest>>::new();
    for record in &archive.receipts {
        let of_run = receipts.entry(&record.receipt.run_id).or_default();
        of_run.push(record.receipt.sha256);
    }
    let mut answers = Vec::new();
    for (at, finding) in archive.findings.iter().enumerate() {
        let facts = finding.facts.as_ref();
        let Some(rollout) = facts.and_then(|facts| facts.rollout.as_ref()) else {
            continue;
        };
        // An unsigned receipt can be forged, so it proves no fault.
        let severity = Severity::fault_if(!finding.is_unsigned());
        let (missing, differing) = compared(rollout, &receipts);
        if let Some(list) = listed(&differing) {
            let text =
                format!("the receipts here of these runs are not those that it names: {list}");
            answers.push(Answer::new(at, severity, FaultKind::RolloutDiffers, text));
        }
        if let Some(list) = listed(&missing).filter(|_| archive.extent == Coverage::Whole) {
            let text = format!("receipts that it names are not here: {list}");
            answers.push(Answer::new(at, severity, FaultKind::RolloutMissing, text));
        }
        if rollout.done < rollout.databases {
            let text = rollout.summary.clone();
            answers.push(Answer::note(at, FaultKind::RolloutUnfinished, text));
        }
    }
    answers
}

/// Databases whose receipts are missing, and those whose receipts differ.
fn compared<'a>(
    rollout: &'a RolloutFacts,
    receipts: &BTreeMap<&str, Vec<Digest>>,
) -> (Vec<&'a str>, Vec<&'a str>) {
    let (mut missing, mut differing) = (Vec::new(), Vec::new());
    for run in &rollout.runs {
        match receipts.get(run.run_id.as_str()) {
            None => missing.push(run.database.as_str()),
            Some(found) if !found.contains(&run.sha256) => differing.push(run.database.as_str()),
            Some(_) => {}
        }
    }
    (missing, differing)
}

/// `a, b, c and 7 more`; `None` for none.
fn listed(databases: &[&str]) -> Option<String> {
    let named = databases
        .iter()
        .take(NAMED)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match databases.len() {
        0 => None,
        few if few <= NAMED => Some(named),
        many => Some(format!("{named} and {} more", many - NAMED)),
    }
}
