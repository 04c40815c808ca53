//! Runs of releases that a trust root blocks.

use super::archive::{Archive, ReceiptRecord, answer};
use super::{Answer, Severity};
use crate::audit::fault::FaultKind;
use pgseal_verify::format::receipt::Action;

/// Reports a fault if the admitting version blocked the release, a note if it was blocked later.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    let runs = archive
        .receipts
        .iter()
        .filter(|told| told.receipt.action == Action::Run && told.did_something());
    runs.filter_map(|told| judged(archive, told)).collect()
}

fn judged(archive: &Archive<'_>, told: &ReceiptRecord<'_>) -> Option<Answer> {
    let id = told.release.id;
    let then = archive
        .admitted_by(&told.receipt.trust)
        .is_some_and(|policy| policy.blocked.contains(&id));
    let now = archive.policy().blocked.contains(&id);
    let (title, started, version) = (
        told.release.title(),
        told.receipt.started,
        told.receipt.trust.version,
    );
    let (weight, text) = match (then, now) {
        (true, _) => (
            told.weight,
            format!(
                "{title} ran on {started}, though version {version} of the trust root blocks it"
            ),
        ),
        (false, true) => (
            Severity::Note,
            format!("{title} ran on {started}, and is blocked by the trust root now"),
        ),
        (false, false) => return None,
    };
    Some(answer(told.at, weight, FaultKind::RunOfBlocked, text))
}
