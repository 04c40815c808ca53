//! Runs of blocked releases, repeated run ids, and runs that did not succeed.

use std::collections::BTreeMap;

use super::Answer;
use super::archive::{Archive, ReceiptRecord};
use crate::audit::fault::FaultKind;
use pgseal_verify::format::receipt::{Action, Outcome};

/// Reports runs of blocked releases: a fault if the admitting version of the trust root blocked the
/// release, a note if it was blocked later.
pub fn blocked(archive: &Archive<'_>) -> Vec<Answer> {
    let check = |run: &ReceiptRecord<'_>| {
        let blocks = |blocked: &[_]| blocked.contains(&run.release.id);
        let policy = archive.admitted_by(&run.receipt.trust);
        let (title, started) = (run.release.title(), run.receipt.started);
        if policy.is_some_and(|policy| blocks(policy.blocked)) {
            let version = run.receipt.trust.version;
            let text = format!(
                "{title} ran on {started}, though version {version} of the trust root blocks it"
            );
            return Some(run.answer(FaultKind::RunOfBlocked, text));
        }
        let text = format!("{title} ran on {started}, and is blocked by the trust root now");
        blocks(archive.policy().blocked)
            .then(|| Answer::note(run.at, FaultKind::RunOfBlocked, text))
    };
    archive.runs().filter_map(check).collect()
}

/// Reports run ids in several receipts. Run ids are random, so different receipts have different
/// ids. Copies of one receipt are allowed. Of several documents, each but the first by path is a
/// fault.
pub fn repeated_ids(archive: &Archive<'_>) -> Vec<Answer> {
    let (mut first, mut answers) = (BTreeMap::new(), Vec::new());
    for ReceiptRecord { at, receipt, .. } in archive.signed_receipts() {
        let run_id = receipt.run_id.as_str();
        let known = *first.entry(run_id).or_insert(at);
        if known != at {
            let text = format!("run {run_id} has another receipt, {}", archive.path(known));
            answers.push(Answer::fault(at, FaultKind::RunIdTwice, text));
        }
    }
    answers
}

/// Reports runs that failed, stopped half way or have an unknown outcome, except for unfinished
/// runs that were resumed or rolled back. They are notes: a receipt of a failure is no fault of the
/// archive.
pub fn unsuccessful(archive: &Archive<'_>) -> Vec<Answer> {
    let check = |record: &ReceiptRecord<'_>| {
        let (action, title) = (record.receipt.action.as_str(), record.release.title());
        let (kind, text) = match record.receipt.outcome {
            Outcome::Committed => return None,
            Outcome::Unchanged => (
                FaultKind::RunFailed,
                format!("the {action} of {title} failed, and left the database as it was"),
            ),
            Outcome::Partial if is_finished(archive, record) => return None,
            Outcome::Partial => (
                FaultKind::RunUnfinished,
                format!(
                    "the {action} of {title} stopped half way, and no receipt here says how it went on"
                ),
            ),
            Outcome::Unknown => (
                FaultKind::RunUnknown,
                format!("it is unknown whether the {action} of {title} was committed"),
            ),
        };
        Some(Answer::note(record.at, kind, text))
    };
    archive.receipts.iter().filter_map(check).collect()
}

/// Whether a later receipt finishes an unfinished run.
fn is_finished(archive: &Archive<'_>, unfinished: &ReceiptRecord<'_>) -> bool {
    archive.receipts.iter().any(|later| {
        let is_end = later.receipt.resumes.as_ref() == Some(&unfinished.receipt.run_id)
            || later.receipt.action == Action::Rollback;
        is_end
            && later.is_about_same(unfinished)
            && later.receipt.outcome == Outcome::Committed
            && later.receipt.started >= unfinished.receipt.started
    })
}
