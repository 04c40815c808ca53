//! Runs that failed, stopped half way or have an unknown outcome. They are notes: a receipt of a
//! failure is no fault of the archive.

use super::archive::{Archive, ReceiptRecord, answer};
use super::{Answer, Severity};
use crate::audit::fault::FaultKind;
use pgseal_verify::format::receipt::{Action, Outcome};

/// Reports a note for each, except for unfinished runs that were resumed or rolled back.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    let told = |told: &ReceiptRecord<'_>| {
        let (action, title) = (told.receipt.action.as_str(), told.release.title());
        let (kind, text) = match told.receipt.outcome {
            Outcome::Committed => return None,
            Outcome::Unchanged => (
                FaultKind::RunFailed,
                format!("the {action} of {title} failed, and left the database as it was"),
            ),
            Outcome::Partial if went_on(archive, told) => return None,
            Outcome::Partial => (
                FaultKind::RunUnfinished,
                format!(
                    "the {action} of {title} stopped half way, and no receipt here says how it went on"
                ),
            ),
            Outcome::Unknown => (
                FaultKind::RunUnknown,
                format!("nobody could say whether the {action} of {title} was committed"),
            ),
        };
        Some(answer(told.at, Severity::Note, kind, text))
    };
    archive.receipts.iter().filter_map(told).collect()
}

/// Whether a later receipt finishes an unfinished run.
fn went_on(archive: &Archive<'_>, told: &ReceiptRecord<'_>) -> bool {
    let finishes = |other: &&ReceiptRecord<'_>| {
        let (one, later) = (told.receipt, other.receipt);
        let same =
            one.database == later.database && one.system_identifier == later.system_identifier;
        let on = later.resumes.as_ref() == Some(&one.run_id) || later.action == Action::Rollback;
        same && on
            && other.release.id == told.release.id
            && later.outcome == Outcome::Committed
            && later.started >= one.started
    };
    archive.receipts.iter().any(|other| finishes(&other))
}
