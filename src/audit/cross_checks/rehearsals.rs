//! Runs that needed a rehearsal and have no receipt of one.

use std::collections::BTreeMap;

use super::archive::{Archive, answer};
use super::{Answer, Coverage, Severity};
use crate::audit::fault::FaultKind;
use crate::audit::kind::Kind;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::Action;
use pgseal_verify::format::rehearsal::RehearsalOutcome;
use pgseal_verify::format::timestamp::Timestamp;

/// Reports runs without the rehearsal that the release or the admitting version of the trust root
/// requires. The run itself checked the cloned database and the age of the rehearsal.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    if archive.extent == Coverage::Part {
        return Vec::new();
    }
    let (proofs, wanting) = (proofs(archive), wanting(archive));
    let has_bundles = archive
        .findings
        .iter()
        .any(|finding| finding.kind == Kind::Bundle);
    let mut answers = Vec::new();
    for told in archive
        .receipts
        .iter()
        .filter(|told| told.receipt.action == Action::Run && told.did_something())
    {
        let (id, started) = (told.release.id, told.receipt.started);
        let by_policy = archive
            .admitted_by(&told.receipt.trust)
            .is_some_and(|policy| policy.rehearsal);
        let proved = proofs
            .get(&id)
            .is_some_and(|times| times.iter().any(|finished| *finished <= started));
        if (by_policy || wanting.contains(&id)) && !proved {
            let weight = if has_bundles {
                told.weight
            } else {
                Severity::Note
            };
            let text = format!(
                "it ran on {started}, and no receipt here proves the rehearsal that it needed"
            );
            answers.push(answer(
                told.at,
                weight,
                FaultKind::RunWithoutRehearsal,
                text,
            ));
        }
    }
    answers
}

/// The end times of signed rehearsals with the outcome `Proved`, by release.
fn proofs(archive: &Archive<'_>) -> BTreeMap<Digest, Vec<Timestamp>> {
    let mut proofs = BTreeMap::<_, Vec<_>>::new();
    for facts in archive
        .findings
        .iter()
        .filter(|finding| !finding.is_unsigned())
        .filter_map(|f| f.facts.as_ref())
    {
        if let (Some(release), Some(rehearsal)) = (&facts.release, &facts.rehearsal)
            && rehearsal.outcome == RehearsalOutcome::Proved
        {
            proofs
                .entry(release.id)
                .or_default()
                .push(rehearsal.finished);
        }
    }
    proofs
}

/// Releases that require a rehearsal themselves.
fn wanting(archive: &Archive<'_>) -> std::collections::BTreeSet<Digest> {
    let wants = |at: usize| {
        archive.findings[at]
            .facts
            .as_ref()
            .is_some_and(|facts| facts.require_rehearsal)
    };
    let wanting = archive
        .bundles
        .iter()
        .filter(|(_, bundles)| bundles.iter().any(|(at, _)| wants(*at)));
    wanting.map(|(id, _)| *id).collect()
}
