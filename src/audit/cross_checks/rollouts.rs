//! Compares rollout receipts with the receipts of their runs.

use std::collections::BTreeMap;

use super::archive::Archive;
use super::{Answer, Coverage, Severity};
use crate::audit::fault::FaultKind;
use crate::audit::file_facts::RolloutFacts;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::Action;

/// Maximum number of databases that a sentence names.
const NAMED: usize = 3;

/// Reports receipts of runs that a rollout names and that are missing, or are not those that it
/// names, and rollouts that did not come to their end.
pub fn check(archive: &Archive<'_>) -> Vec<Answer> {
    let mut receipts = BTreeMap::<&str, Vec<Known<'_>>>::new();
    for record in &archive.receipts {
        let of_run = receipts.entry(&record.receipt.run_id).or_default();
        let receipt = record.receipt;
        of_run.push((receipt.sha256, &record.release.id, receipt.action));
    }
    let mut answers = Vec::new();
    for (at, finding) in archive.findings.iter().enumerate() {
        let facts = finding.facts.as_ref();
        let Some(rollout) = facts.and_then(|facts| facts.rollout.as_ref()) else {
            continue;
        };
        // An unsigned receipt can be forged, so it proves no fault.
        let severity = Severity::fault_if(!finding.is_unsigned());
        let release = facts.and_then(|facts| facts.release.as_ref());
        let Some(release) = release else { continue };
        let (missing, differing) = compared(rollout, &release.id, &receipts);
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

/// A receipt's digest, release and action.
type Known<'a> = (Digest, &'a Digest, Action);

/// Databases whose receipts are missing, and those whose receipts differ or are of another release or
/// action.
fn compared<'a>(
    rollout: &'a RolloutFacts,
    release: &Digest,
    receipts: &BTreeMap<&str, Vec<Known<'_>>>,
) -> (Vec<&'a str>, Vec<&'a str>) {
    let (mut missing, mut differing) = (Vec::new(), Vec::new());
    for run in &rollout.runs {
        match receipts.get(run.run_id.as_str()) {
            None => missing.push(run.database.as_str()),
            Some(found) if !found.contains(&(run.sha256, release, rollout.action)) => {
                differing.push(run.database.as_str())
            }
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
