//! Replays the history of each database: a run adds a release, a rollback removes it.

use super::archive::{Archive, ReceiptRecord};
use super::same_second::histories;
use super::{Answer, Coverage, Severity};
use crate::audit::fault::FaultKind;
use crate::audit::finding::Finding;
use pgseal_verify::format::receipt::{Action, Outcome};

/// Reports contradictions in the history of each database. They are notes if the server did not
/// report its system identifier, since two databases of one name may be meant. They are also notes
/// if the timeline changed: a restored database has lost part of its history.
pub fn check(archive: &Archive<'_>) -> Vec<Answer> {
    let by_database = histories(archive, |record| (record.database(), &record.release.name));
    let walked = by_database.into_iter().map(|(((system, _), _), history)| {
        walk(archive, &history, Severity::fault_if(system.is_some()))
    });
    walked.flatten().collect()
}

fn walk(archive: &Archive<'_>, line: &[ReceiptRecord<'_>], severity: Severity) -> Vec<Answer> {
    let (mut stack, mut answers) = (Vec::<ReceiptRecord<'_>>::new(), Vec::new());
    for record in line
        .iter()
        .filter(|record| record.receipt.outcome == Outcome::Committed)
    {
        let id = record.release.id;
        match record.receipt.action {
            Action::Run => {
                answers.extend(run(archive, record, &stack, severity));
                stack.retain(|below| below.release.id != id);
                stack.push(*record);
            }
            Action::Rollback => {
                let ran = |other: &ReceiptRecord<'_>| other.is_run() && other.release.id == id;
                if archive.extent == Coverage::Whole && !line.iter().any(ran) {
                    let text = format!(
                        "it rolled {} back, and {}",
                        record.release.title(),
                        lost(archive, record)
                    );
                    answers.push(Answer::new(
                        record.at,
                        severity,
                        FaultKind::RollbackWithoutRun,
                        text,
                    ));
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
    let unsigned = archive
        .runs()
        .find(|run| run.severity == Severity::Note && run.is_about_same(rollback));
    if let Some(unsigned) = unsigned {
        return format!(
            "no signed receipt here says that it ran: {} is not signed",
            archive.path(unsigned.at)
        );
    }
    let Some(Finding { path, facts, .. }) = archive.doubtful_run(rollback.release) else {
        return "no receipt here says that it ran".to_owned();
    };
    let why = match facts {
        None => "can't be read",
        Some(_) => "is not authentic",
    };
    format!("the receipt of its run is not here, or is {path}, which {why}")
}

/// An unsigned receipt that rolls a run back before another one. It proves nothing, so the fault
/// stays; its signature would mend it.
fn unsigned_rollback<'a>(
    archive: &Archive<'a>,
    before: &ReceiptRecord<'_>,
    after: &ReceiptRecord<'_>,
) -> Option<&'a str> {
    let times = before.receipt.started..=after.receipt.started;
    let is_rollback = |record: &&ReceiptRecord<'_>| {
        record.severity == Severity::Note
            && record.receipt.action == Action::Rollback
            && record.receipt.outcome == Outcome::Committed
            && record.is_about_same(before)
            && times.contains(&record.receipt.started)
    };
    let unsigned = archive.receipts.iter().find(is_rollback)?;
    Some(archive.path(unsigned.at))
}

/// Checks whether a run was possible on top of the releases in effect.
fn run(
    archive: &Archive<'_>,
    record: &ReceiptRecord<'_>,
    stack: &[ReceiptRecord<'_>],
    severity: Severity,
) -> Option<Answer> {
    let answer = |before: &ReceiptRecord<'_>, kind, text: String| {
        let is_same = before.receipt.timeline == record.receipt.timeline;
        let severity = if is_same { severity } else { Severity::Note };
        let text = match unsigned_rollback(archive, before, record) {
            Some(path) => {
                format!("{text}; {path} says it was, and is not signed: `pgseal receipt sign`")
            }
            None => text,
        };
        Answer::new(record.at, severity, kind, text)
    };
    let (title, database) = (record.release.title(), &record.receipt.database);
    if let Some(before) = stack
        .iter()
        .find(|before| before.release.id == record.release.id)
    {
        let path = archive.path(before.at);
        let text = format!(
            "{title} ran on {database:?} already ({path}), and was not rolled back between"
        );
        return Some(answer(before, FaultKind::RunTwice, text));
    }
    // The sequence in the bundle takes precedence over the one in the receipt.
    let sequence = |record: &ReceiptRecord<'_>| match archive
        .bundles
        .get(&record.release.id)
        .and_then(|bundles| bundles.first())
    {
        Some((_, release)) => release.sequence,
        None => record.release.sequence,
    };
    let own = sequence(record);
    let before = stack
        .iter()
        .filter(|before| sequence(before) > own)
        .max_by_key(|before| sequence(before))?;
    let (later, path) = (before.release.title(), archive.path(before.at));
    let text =
        format!("{title} ran on {database:?} while the later {later} was in effect ({path})");
    Some(answer(before, FaultKind::SequenceBack, text))
}
