//! Compares the digests of definitions along the receipts of each database.

use std::collections::BTreeMap;

use super::Answer;
use super::archive::{Archive, ReceiptRecord};
use super::same_second::histories;
use crate::audit::fault::FaultKind;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::{Action, Outcome};

/// Notes definitions that changed between two receipts, and rollbacks that did not lead back to those
/// before the run. Neither is a fault: others may change a database, and a release may accept other
/// orders of columns.
pub fn check(archive: &Archive<'_>) -> Vec<Answer> {
    let by_database = histories(archive, ReceiptRecord::database);
    let walked = by_database.values().map(|history| walk(archive, history));
    walked.flatten().collect()
}

fn walk(archive: &Archive<'_>, line: &[ReceiptRecord<'_>]) -> Vec<Answer> {
    let mut answers = Vec::new();
    // The last known definitions, with their receipt.
    let mut last: Option<(ReceiptRecord<'_>, Digest)> = None;
    // The definitions before the run of each release in effect.
    let mut starts = BTreeMap::new();
    for record in line {
        let (receipt, id) = (record.receipt, record.release.id);
        let digests = receipt.schema.as_ref();
        if let (Some((earlier, after)), Some(digests)) = (&last, digests)
            && *after != digests.before
        {
            let path = archive.path(earlier.at);
            let text = format!(
                "the definitions changed between {path} and this {}",
                receipt.action.as_str()
            );
            answers.push(Answer::note(record.at, FaultKind::DefinitionsChanged, text));
        }
        if matches!(receipt.outcome, Outcome::Unchanged) {
            last = digests.map(|digests| (*record, digests.before)).or(last);
            continue;
        }
        let after = digests.and_then(|digests| digests.after);
        last = after.map(|after| (*record, after));
        match receipt.action {
            // A resumed run goes on from the definitions before the first part.
            Action::Run if receipt.resumes.is_some() => {}
            Action::Run => {
                starts.insert(id, digests.map(|digests| (*record, digests.before)));
            }
            // Of unknown outcome, the release may still be in effect.
            Action::Rollback if receipt.outcome != Outcome::Committed => {}
            Action::Rollback => {
                if let (Some(Some((run, before))), Some(after)) = (starts.remove(&id), after)
                    && before != after
                {
                    let path = archive.path(run.at);
                    let text =
                        format!("the definitions after it are not those before the run of {path}");
                    answers.push(Answer::note(
                        record.at,
                        FaultKind::DefinitionsNotRestored,
                        text,
                    ));
                }
            }
        }
    }
    answers
}
