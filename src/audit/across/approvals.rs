//! Runs, and the people who must have said yes before.

use std::collections::BTreeSet;

use super::archive::{Archive, Told, answer};
use super::quorum::last_words;
use super::{Answer, Extent, Weight};
use crate::audit::facts::ApprovalFacts;
use crate::audit::fault::FaultKind;
use crate::trust::policy::CLOCK_SKEW_SECONDS;
use crate::trust::{KeyId, When};
use pgseal_verify::format::approval::Decision;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::receipt::Action;

/// A run is judged by the version of the trust root that admitted it, at the time when it began, and by what the approvals that
/// are in the archive say then: of each key the last word. What only the receipt says about them is worth a note: a key's later word took the place of its
/// approval, or no sound bundle is here. Where that version is not known, today's is asked, and the answer is a note too.
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
    let is_sound = |at: usize| archive.findings[at].is_sound();
    let bundles = archive.bundles.get(&told.release.id);
    let has_bundle = bundles.is_some_and(|bundles| bundles.iter().any(|(at, _)| is_sound(*at)));
    let (mut short, mut vouched) = (Vec::new(), true);
    for (role, needed) in policy.approvals {
        let mut keys = keys(archive, told, said, role);
        if keys.len() < usize::from(*needed) {
            short.push(format!("{role} {} of {needed}", keys.len()));
            let later =
                |key: &KeyId| said.iter().any(|said| said.key_id == *key && said.role == *role && is_later(told, said));
            let claimed = told.receipt.approvals.iter().filter(|on| on.role == *role).map(|on| on.key_id);
            keys.extend(claimed.filter(|key| !has_bundle || later(key)));
            vouched &= keys.len() >= usize::from(*needed);
        }
    }
    if short.is_empty() || (vouched && !has_bundle) {
        return None;
    }
    let (started, version) = (told.receipt.started, told.receipt.trust.version);
    let whose = if known.is_some() { "" } else { " (that version is not here: today's is asked)" };
    let only =
        if vouched { "; those that the receipt names were replaced by later words of the same keys" } else { "" };
    let text = format!(
        "it ran on {started}, and the approvals that version {version} of the trust root wants{whose} are not all here: {}{only}",
        short.join(", ")
    );
    let weight = if known.is_some() && !vouched { told.weight } else { Weight::Note };
    Some(answer(told.at, weight, FaultKind::RunWithoutApprovals, text))
}

/// Whether something was said after the run began. Clocks differ, which is to nobody's harm: a yes on which the run says that
/// it rests may be that much later, and what was taken back by then was taken back during the run. Any other yes that is later
/// was said when the run was over.
fn is_later(told: &Told<'_>, approval: &ApprovalFacts) -> bool {
    let leeway = match approval.decision {
        Decision::Approve if is_named(told, approval) => CLOCK_SKEW_SECONDS,
        Decision::Approve | Decision::Withdraw => 0,
    };
    approval.at.seconds() > told.receipt.started.seconds().saturating_add(leeway)
}

/// Whether a receipt has the approval's key among those that the run rests on.
fn is_named(told: &Told<'_>, approval: &ApprovalFacts) -> bool {
    told.receipt.approvals.iter().any(|on| on.key_id == approval.key_id && on.role == approval.role)
}

/// The keys of a role whose last word when a run began was yes.
fn keys(archive: &Archive<'_>, told: &Told<'_>, said: &[&ApprovalFacts], role: &Name) -> BTreeSet<KeyId> {
    let before = said.iter().copied().filter(|said| !is_later(told, said));
    let last = last_words(archive.root, told.receipt.started, before);
    last.into_iter().filter(|said| said.role == *role && counted(archive, told, said)).map(|said| said.key_id).collect()
}

fn counted(archive: &Archive<'_>, told: &Told<'_>, approval: &ApprovalFacts) -> bool {
    let started = told.receipt.started;
    let yes = approval.decision == Decision::Approve && approval.expires.is_none_or(|expires| started <= expires);
    let code = told.receipt.apr.as_deref();
    let for_it = code.is_none_or(|code| approval.apr.as_ref().is_some_and(|apr| apr.as_str() == code));
    let (when, proven) = (When::AsOf(started), approval.evidence.proven());
    yes && for_it && archive.root.counts_since(&approval.key_id, &approval.role, when, proven).is_ok()
}
