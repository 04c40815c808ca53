//! Replays the history of each database: a run adds a release, a rollback removes it.

use std::collections::BTreeMap;

use super::archive::{Archive, ReceiptRecord, answer};
use super::same_second::ordered;
use super::{Answer, Coverage, Severity};
use crate::audit::fault::FaultKind;
use crate::audit::finding::Finding;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::receipt::{Action, Outcome};

/// System identifier, database and release name.
type Line<'a> = (Option<&'a str>, &'a str, &'a Name);

/// Reports contradictions in the history of each database. They are notes if the server did not
/// report its system identifier, since two databases of one name may be meant. They are also notes
/// if the timeline changed: a restored database has lost part of its history.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    let mut lines = BTreeMap::<Line<'_>, Vec<ReceiptRecord<'_>>>::new();
    for told in archive.signed_receipts() {
        let receipt = told.receipt;
        let line = (
            receipt.system_identifier.as_deref(),
            receipt.database.as_str(),
            &told.release.name,
        );
        lines.entry(line).or_default().push(told);
    }
    let mut answers = Vec::new();
    for ((system, ..), line) in lines {
        let line = ordered(line);
        let weight = if system.is_some() {
            Severity::Fault
        } else {
            Severity::Note
        };
        answers.extend(walk(archive, &line, weight));
    }
    answers
}

fn walk(archive: &Archive<'_>, line: &[ReceiptRecord<'_>], weight: Severity) -> Vec<Answer> {
    let (mut stack, mut answers) = (Vec::<ReceiptRecord<'_>>::new(), Vec::new());
    for told in line
        .iter()
        .filter(|told| told.receipt.outcome == Outcome::Committed)
    {
        let id = told.release.id;
        match told.receipt.action {
            Action::Run => {
                answers.extend(run(archive, told, &stack, weight));
                stack.retain(|below| below.release.id != id);
                stack.push(*told);
            }
            Action::Rollback => {
                let ran = |other: &ReceiptRecord<'_>| {
                    other.receipt.action == Action::Run
                        && other.release.id == id
                        && other.did_something()
                };
                if archive.extent == Coverage::Whole && !line.iter().any(ran) {
                    let text = format!(
                        "it rolled {} back, and {}",
                        told.release.title(),
                        lost(archive, told)
                    );
                    answers.push(answer(told.at, weight, FaultKind::RollbackWithoutRun, text));
                }
                stack.retain(|below| below.release.id != id);
            }
        }
    }
    answers
}

/// Describes the missing receipt of a run that was rolled back. A receipt that is unsigned or not
/// authentic may be the missing one.
fn lost(archive: &Archive<'_>, rollback: &ReceiptRecord<'_>) -> String {
    let unsigned = archive.receipts.iter().find(|told| {
        let (receipt, back) = (told.receipt, rollback.receipt);
        let same = receipt.database == back.database
            && receipt.system_identifier == back.system_identifier;
        told.weight == Severity::Note
            && same
            && receipt.action == Action::Run
            && told.release.id == rollback.release.id
            && told.did_something()
    });
    if let Some(unsigned) = unsigned {
        return format!(
            "no signed receipt here says that it ran: nobody signed {}",
            archive.path(unsigned.at)
        );
    }
    match archive.doubtful_run(rollback.release) {
        Some(Finding {
            path, facts: None, ..
        }) => {
            format!("the receipt of its run is not here, or is {path}, which can't be read")
        }
        Some(Finding { path, .. }) => {
            format!("the receipt of its run is not here, or is {path}, which is not authentic")
        }
        None => "no receipt here says that it ran".to_owned(),
    }
}

/// Checks whether a run was possible on top of the releases in effect.
fn run(
    archive: &Archive<'_>,
    told: &ReceiptRecord<'_>,
    stack: &[ReceiptRecord<'_>],
    weight: Severity,
) -> Option<Answer> {
    let weight_after = |before: &ReceiptRecord<'_>| {
        if before.receipt.timeline == told.receipt.timeline {
            weight
        } else {
            Severity::Note
        }
    };
    let (title, database) = (told.release.title(), &told.receipt.database);
    if let Some(before) = stack
        .iter()
        .find(|before| before.release.id == told.release.id)
    {
        let path = archive.path(before.at);
        let text = format!(
            "{title} ran on {database:?} already ({path}), and was not rolled back between"
        );
        return Some(answer(
            told.at,
            weight_after(before),
            FaultKind::RunTwice,
            text,
        ));
    }
    // The sequence in the bundle takes precedence over the one in the receipt.
    let sequence = |told: &ReceiptRecord<'_>| match archive
        .bundles
        .get(&told.release.id)
        .and_then(|bundles| bundles.first())
    {
        Some((_, release)) => release.sequence,
        None => told.release.sequence,
    };
    let own = sequence(told);
    let before = stack
        .iter()
        .filter(|before| sequence(before) > own)
        .max_by_key(|before| sequence(before))?;
    let (later, path) = (before.release.title(), archive.path(before.at));
    let text =
        format!("{title} ran on {database:?} while the later {later} was in effect ({path})");
    Some(answer(
        told.at,
        weight_after(before),
        FaultKind::SequenceBack,
        text,
    ))
}
