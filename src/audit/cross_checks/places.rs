//! Places and times of runs: staging first, windows and freezes.

use super::archive::{Archive, ReceiptRecord};
use super::{Answer, Coverage};
use crate::audit::fault::FaultKind;
use pgseal_verify::format::database_pattern::DatabasePattern;
use pgseal_verify::format::receipt::{Action, Outcome};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::window::next_open;
use pgseal_verify::trust::policy::CLOCK_SKEW_SECONDS;

/// Reports runs on a database on which the admitting version of the trust root wanted another run
/// first, without the signed receipt of that run here. A later rollback there does not matter, and a
/// resumed run needs none. The clocks of the two hosts may differ.
// docs/decisions/078
pub fn staging(archive: &Archive<'_>) -> Vec<Answer> {
    if archive.extent == Coverage::Part {
        return Vec::new();
    }
    let signed = archive.signed_receipts();
    let has_run = |first: &DatabasePattern, run: &ReceiptRecord<'_>| {
        signed.iter().any(|other| {
            let receipt = other.receipt;
            receipt.action == Action::Run
                && receipt.outcome == Outcome::Committed
                && other.release.id == run.release.id
                && receipt.finished.seconds() <= run.receipt.started.seconds() + CLOCK_SKEW_SECONDS
                && is_on(first, other)
        })
    };
    let check = |run: &ReceiptRecord<'_>| {
        let policy = archive.admitted_by(&run.receipt.trust)?;
        let is_first = policy.run_on.iter().any(|first| is_on(first, run));
        if is_first || run.receipt.resumes.is_some() {
            return None;
        }
        let missing = policy.run_on.iter().find(|first| !has_run(first, run))?;
        let text = format!("no receipt here proves the run on {missing} that it needed");
        Some(run.answer(FaultKind::RunWithoutStaging, text))
    };
    archive.runs().filter_map(check).collect()
}

/// Reports runs that began when the admitting version of the trust root let none begin. A receipt's
/// start is a moment after the run was authorized, on a clock that may differ.
pub fn windows(archive: &Archive<'_>) -> Vec<Answer> {
    let check = |run: &ReceiptRecord<'_>| {
        let policy = archive.admitted_by(&run.receipt.trust)?;
        let started = run.receipt.started;
        let before = Timestamp::from_seconds(started.seconds() - CLOCK_SKEW_SECONDS);
        let is_open = |at: Timestamp| next_open(policy.windows, policy.freezes, at) == Some(at);
        if is_open(started) || before.is_some_and(is_open) {
            return None;
        }
        let text = format!("it began on {started}, when the trust root let no run begin");
        Some(run.answer(FaultKind::RunOutsideWindow, text))
    };
    archive.runs().filter_map(check).collect()
}

fn is_on(pattern: &DatabasePattern, run: &ReceiptRecord<'_>) -> bool {
    let (system, database) = run.database();
    pattern.is_database(database, system)
}
