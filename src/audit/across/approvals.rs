//! Runs, and the people who must have said yes before.

use std::collections::BTreeSet;

use super::archive::{Archive, Told, answer};
use super::{Answer, Extent, Weight};
use crate::audit::facts::ApprovalFacts;
use crate::audit::fault::FaultKind;
use crate::format::approval::Decision;
use crate::format::name::Name;
use crate::format::receipt::Action;
use crate::trust::policy::CLOCK_SKEW_SECONDS;
use crate::trust::{KeyId, When};

/// A run is judged by the version of the trust root that admitted it, at the time when it began, and by the approvals that
/// are in the archive: what the receipt says about them is asked only where no sound bundle is here. Where that
/// version is not known, today's is asked, and the answer is a note.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    // What is older than a part may hold the approvals.
    if archive.extent == Extent::Part {
        return Vec::new();
    }
    let runs = archive.receipts.iter().filter(|told| told.receipt.action == Action::Run && told.did_something());
    runs.filter_map(|told| judged(archive, told)).collect()
}

fn judged(archive: &Archive<'_>, told: &Told<'_>) -> Option<Answer> {
    let known = archive.admitted_by(&told.receipt.trust);
    let policy = known.unwrap_or_else(|| archive.policy());
    let said = archive.approvals.get(&told.release.id).map_or(&[][..], Vec::as_slice);
    // What stands in a bundle that can't be believed is not known.
    let is_known = archive
        .bundles
        .get(&told.release.id)
        .is_some_and(|bundles| bundles.iter().any(|(at, _)| !archive.findings[*at].is_faulty()));
    let short = policy.approvals.iter().filter_map(|(role, needed)| {
        let mut keys = keys(archive, told, said, role);
        if !is_known {
            keys.extend(told.receipt.approvals.iter().filter(|on| on.role == *role).map(|on| on.key_id));
        }
        let counted = keys.len();
        (counted < usize::from(*needed)).then(|| format!("{role} {counted} of {needed}"))
    });
    let short: Vec<String> = short.collect();
    if short.is_empty() {
        return None;
    }
    let (started, version) = (told.receipt.started, told.receipt.trust.version);
    let (short, whose) =
        (short.join(", "), if known.is_some() { "" } else { ", as the trust root has it that judges" });
    let text = format!(
        "it ran on {started} without the approvals that version {version} of the trust root wants{whose}: {short}"
    );
    let weight = if known.is_some() { told.weight } else { Weight::Note };
    Some(answer(told.at, weight, FaultKind::RunWithoutApprovals, text))
}

/// The keys of a role that had said yes when a run began.
fn keys(archive: &Archive<'_>, told: &Told<'_>, said: &[&ApprovalFacts], role: &Name) -> BTreeSet<KeyId> {
    let of_role = said.iter().filter(|approval| approval.role == *role);
    of_role.filter(|approval| counted(archive, told, approval)).map(|approval| approval.key_id).collect()
}

fn counted(archive: &Archive<'_>, told: &Told<'_>, approval: &ApprovalFacts) -> bool {
    let started = told.receipt.started;
    let before = approval.at.seconds() <= started.seconds().saturating_add(CLOCK_SKEW_SECONDS);
    let yes = match approval.decision {
        Decision::Approve => before && approval.expires.is_none_or(|expires| started <= expires),
        // It took the place of the approval after the run, which says that there was one.
        Decision::Withdraw => !before && told.receipt.approvals.iter().any(|on| on.key_id == approval.key_id),
    };
    let code = told.receipt.apr.as_deref();
    let for_it = code.is_none_or(|code| approval.apr.as_ref().is_some_and(|apr| apr.as_str() == code));
    let for_it = for_it || approval.decision == Decision::Withdraw;
    // A proof that is younger than the run says nothing against the approver's own clock.
    let proven = approval.evidence.proven();
    let at = When::AsOf(started);
    yes && for_it && archive.root.counts_since(&approval.key_id, &approval.role, at, proven).is_ok()
}
