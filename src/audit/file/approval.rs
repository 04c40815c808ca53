//! Audits `*.approval` files: approvals stored separately from their bundle.

use super::signatures::added_word;
use super::{Audited, approvals, malformed, not_authentic, unreadable};
use crate::audit::facts::{Facts, ReleaseFacts, Verdict};
use crate::audit::fault::{Fault, FaultKind};
use crate::audit::judge::Judge;
use crate::audit::place::{Found, Place};
use crate::bundle::Attestations;
use crate::bundle::untrusted::MalformedError;
use crate::trust::attestations::Attestation;
use pgseal_verify::archive::read::ArchiveError;

/// Audits an approval file, judging each statement.
pub fn audit(place: &dyn Place, found: &Found, judge: &Judge<'_>) -> Audited {
    let source = match place.open(found) {
        Ok(source) => source,
        Err(error) => return Audited::fault(unreadable(&error)),
    };
    let added = match Attestations::parse(source) {
        Ok(added) => added,
        Err(error) => return Audited::fault(malformed(&said(error))),
    };
    let yes = || Verdict::of(Ok(()));
    let (mut facts, mut faults) = (Facts::new(yes(), yes()), Vec::new());
    for claimed in &added.statements {
        match judge.root.added_to_any(claimed) {
            Ok((id, Attestation::Approval(signed))) => {
                let said = signed.approval();
                let about = ReleaseFacts::new(&said.release, id);
                let shown = approvals::shown(&said.release, &said.target);
                let release = facts.release.get_or_insert_with(|| about.clone());
                let first = *facts.shown.get_or_insert(shown);
                if release.id != id {
                    // An approval of another release is not counted for the release of this file.
                    let text = format!(
                        "the approval by key {} is about another release ({id})",
                        claimed.key
                    );
                    faults.push(Fault::new(FaultKind::MixedApprovals, text));
                    continue;
                } else if first != shown {
                    let text = format!(
                        "the approval by key {} shows another release or target",
                        claimed.key
                    );
                    faults.push(Fault::new(FaultKind::MixedApprovals, text));
                }
                facts.approvals.push(approvals::facts(judge, &signed));
            }
            Ok((_, Attestation::Notarisation(_))) => {}
            Err(error) => faults.push(not_authentic(added_word(&error), &error)),
        }
    }
    if let Some(fault) = faults.first() {
        let no = || Verdict::of(Err(fault.sentence.clone()));
        (facts.then, facts.now) = (no(), no());
    }
    Audited {
        facts: facts.release.is_some().then_some(facts),
        faults,
        ..Audited::default()
    }
}

/// Approval files have the same start as bundles, so the parser's error is reworded.
fn said(error: MalformedError) -> String {
    match error {
        MalformedError::Archive(ArchiveError::NotABundle { found }) => {
            format!("not an approval file: {found}")
        }
        error => error.to_string(),
    }
}
