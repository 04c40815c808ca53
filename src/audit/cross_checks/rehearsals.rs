//! Runs that needed a rehearsal and have no receipt of one.

use std::collections::{BTreeMap, BTreeSet};

use super::archive::{Archive, ReceiptRecord};
use super::{Answer, Coverage};
use crate::audit::fault::FaultKind;
use crate::audit::finding::Finding;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::rehearsal::RehearsalOutcome;
use pgseal_verify::format::timestamp::Timestamp;

/// Reports runs without the rehearsal that the release or the admitting version of the trust root
/// requires. The run itself checked the cloned database and the age of the rehearsal.
pub fn check(archive: &Archive<'_>) -> Vec<Answer> {
    if archive.extent == Coverage::Part {
        return Vec::new();
    }
    let (proofs, requiring) = (proofs(archive), requiring(archive));
    let has_bundles = archive.has_bundles();
    let check = |run: &ReceiptRecord<'_>| {
        let (id, started) = (run.release.id, run.receipt.started);
        let policy = archive.admitted_by(&run.receipt.trust);
        let is_required = policy.is_some_and(|policy| policy.rehearsal) || requiring.contains(&id);
        let mut proofs = proofs.get(&id).into_iter().flatten();
        if !is_required || proofs.any(|finished| *finished <= started) {
            return None;
        }
        let (kind, text) = (
            FaultKind::RunWithoutRehearsal,
            format!("it ran on {started}, and no receipt here proves the rehearsal that it needed"),
        );
        Some(if has_bundles {
            run.answer(kind, text)
        } else {
            Answer::note(run.at, kind, text)
        })
    };
    archive.runs().filter_map(check).collect()
}

/// The end times of signed rehearsals with the outcome `Proved`, by release.
fn proofs(archive: &Archive<'_>) -> BTreeMap<Digest, Vec<Timestamp>> {
    let mut proofs = BTreeMap::<_, Vec<_>>::new();
    let signed = archive.findings.iter().filter(|f| !f.is_unsigned());
    for (facts, release) in signed.filter_map(Finding::of_release) {
        if let Some(rehearsal) = &facts.rehearsal
            && rehearsal.outcome == RehearsalOutcome::Proved
        {
            let times: &mut Vec<_> = proofs.entry(release.id).or_default();
            times.push(rehearsal.finished);
        }
    }
    proofs
}

fn requiring(archive: &Archive<'_>) -> BTreeSet<Digest> {
    let requires = |(at, _): &(usize, _)| {
        let facts = archive.findings[*at].facts.as_ref();
        facts.is_some_and(|facts| facts.require_rehearsal)
    };
    let bundles = archive.bundles.iter();
    let requiring = bundles.filter(|(_, bundles)| bundles.iter().any(requires));
    requiring.map(|(id, _)| *id).collect()
}
