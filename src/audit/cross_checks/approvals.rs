//! Checks that runs had the approvals they needed.

use std::collections::BTreeSet;

use super::archive::{Archive, ReceiptRecord};
use super::quorum::latest;
use super::{Answer, Coverage};
use crate::audit::fault::FaultKind;
use crate::audit::file_facts::ApprovalFacts;
use crate::trust::policy::CLOCK_SKEW_SECONDS;
use crate::trust::{JudgedAt, KeyId};
use pgseal_verify::format::approval::Decision;
use pgseal_verify::format::name::Name;

/// Judges each run at its start time, by the version of the trust root that admitted it. Only the
/// latest decision of each key counts, among the approvals in the archive.
///
/// An approval that only the receipt names gives a note if a later decision of the same key
/// replaced it. If the archive has no sound bundle, the approvals named by the receipt are accepted
/// without an answer. Where the admitting version is unknown, the trust root of this audit decides
/// and the answer is a note.
pub fn check(archive: &Archive<'_>) -> Vec<Answer> {
    // Approvals may be older than the audited part.
    if archive.extent == Coverage::Part {
        return Vec::new();
    }
    let runs = archive.runs();
    runs.filter_map(|run| judged(archive, run)).collect()
}

fn judged(archive: &Archive<'_>, run: &ReceiptRecord<'_>) -> Option<Answer> {
    let known = archive.admitted_by(&run.receipt.trust);
    let policy = known.unwrap_or_else(|| archive.policy());
    let approvals = archive
        .approvals
        .get(&run.release.id)
        .map_or(&[][..], Vec::as_slice);
    // The content of a bundle that is not authentic is unknown.
    let is_sound = |at: usize| archive.findings[at].is_sound();
    let bundles = archive.bundles.get(&run.release.id);
    let has_bundle = bundles.is_some_and(|bundles| bundles.iter().any(|(at, _)| is_sound(*at)));
    let (mut short, mut vouched) = (Vec::new(), true);
    for (role, needed) in policy.approvals {
        let mut keys = keys(archive, run, approvals, role);
        if keys.len() < usize::from(*needed) {
            short.push(format!("{role} {} of {needed}", keys.len()));
            let later = |key: &KeyId| {
                approvals.iter().any(|approval| {
                    approval.key_id == *key && approval.role == *role && is_later(run, approval)
                })
            };
            let claimed = run
                .receipt
                .approvals
                .iter()
                .filter(|on| on.role == *role)
                .map(|on| on.key_id);
            keys.extend(claimed.filter(|key| !has_bundle || later(key)));
            vouched &= keys.len() >= usize::from(*needed);
        }
    }
    if short.is_empty() || (vouched && !has_bundle) {
        return None;
    }
    let (started, version) = (run.receipt.started, run.receipt.trust.version);
    let whose = if known.is_some() {
        ""
    } else {
        " (that version is not here: today's is asked)"
    };
    let only = if vouched {
        "; those that the receipt names were replaced by later words of the same keys"
    } else {
        ""
    };
    let text = format!(
        "it ran on {started}, and the approvals that version {version} of the trust root wants{whose} are not all here: {}{only}",
        short.join(", ")
    );
    let kind = FaultKind::RunWithoutApprovals;
    Some(if known.is_some() && !vouched {
        run.answer(kind, text)
    } else {
        Answer::note(run.at, kind, text)
    })
}

/// Whether the decision was made after the run began. An approval that the receipt names may be
/// later by [`CLOCK_SKEW_SECONDS`], since clocks differ. A withdrawal within that time came during
/// the run. Any other later approval was given after the run.
fn is_later(run: &ReceiptRecord<'_>, approval: &ApprovalFacts) -> bool {
    let leeway = match approval.decision {
        Decision::Approve if is_named(run, approval) => CLOCK_SKEW_SECONDS,
        Decision::Approve | Decision::Withdraw => 0,
    };
    approval.at.seconds() > run.receipt.started.seconds().saturating_add(leeway)
}

/// Whether the receipt lists the approval's key and role among the run's approvals.
fn is_named(run: &ReceiptRecord<'_>, approval: &ApprovalFacts) -> bool {
    run.receipt
        .approvals
        .iter()
        .any(|on| on.key_id == approval.key_id && on.role == approval.role)
}

/// The keys of a role whose latest decision at the start of the run was an approval.
fn keys(
    archive: &Archive<'_>,
    run: &ReceiptRecord<'_>,
    approvals: &[&ApprovalFacts],
    role: &Name,
) -> BTreeSet<KeyId> {
    let before = approvals
        .iter()
        .copied()
        .filter(|approval| !is_later(run, approval));
    let last = latest(archive.root, run.receipt.started, before);
    last.into_iter()
        .filter(|approval| approval.role == *role && counted(archive, run, approval))
        .map(|approval| approval.key_id)
        .collect()
}

fn counted(archive: &Archive<'_>, run: &ReceiptRecord<'_>, approval: &ApprovalFacts) -> bool {
    let started = run.receipt.started;
    let yes = approval.decision == Decision::Approve
        && approval.expires.is_none_or(|expires| started <= expires);
    let code = run.receipt.apr.as_deref();
    let for_it = code.is_none_or(|code| {
        approval
            .apr
            .as_ref()
            .is_some_and(|apr| apr.as_str() == code)
    });
    let receipt = run.receipt;
    let system = receipt.system_identifier.as_deref();
    let on = approval.only_on.as_ref();
    let is_here = on.is_none_or(|on| on.is_database(&receipt.database, system));
    let (when, proven) = (JudgedAt::AsOf(started), approval.evidence.proven());
    yes && for_it
        && is_here
        && archive
            .root
            .counts_since(&approval.key_id, &approval.role, when, proven)
            .is_ok()
}
