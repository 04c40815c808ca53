//! Approvals: their facts, and `*.approval` files, which store them separately from their bundle.

use super::signatures::added_kind;
use super::{Audited, malformed, not_authentic, unreadable};
use crate::audit::fault::{Fault, FaultKind};
use crate::audit::file_facts::{ApprovalFacts, FileFacts, ReleaseFacts, Seen, Verdict};
use crate::audit::judge::Judge;
use crate::audit::place::{Found, Place};
use crate::bundle::Attestations;
use crate::bundle::untrusted::MalformedError;
use crate::trust::attestations::{Attestation, SignedApproval};
use crate::trust::policy;
use pgseal_verify::archive::read::ArchiveError;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::json;
use pgseal_verify::format::manifest::{Release, Target};

/// Audits an approval file, judging each statement.
pub fn audit(place: &dyn Place, found: &Found, judge: &Judge<'_>) -> Result<Audited, Fault> {
    let source = place.open(found).map_err(unreadable)?;
    let added = Attestations::parse(source).map_err(|error| malformed(reworded(error)))?;
    let (mut facts, mut faults) = (FileFacts::new(Verdict::yes(), Verdict::yes()), Vec::new());
    for claimed in &added.statements {
        match judge.root.added_to_any(claimed) {
            Ok((id, Attestation::Approval(signed))) => {
                let said = signed.approval();
                let shown = shown(&said.release, &said.target);
                let release = facts
                    .release
                    .get_or_insert_with(|| ReleaseFacts::new(&said.release, id));
                let is_other = release.id != id;
                let differs = if is_other {
                    format!("is about another release ({id})")
                } else if *facts.shown.get_or_insert(shown) != shown {
                    "shows another release or target".to_owned()
                } else {
                    String::new()
                };
                if !differs.is_empty() {
                    let text = format!("the approval by key {} {differs}", claimed.key);
                    faults.push(Fault::new(FaultKind::MixedApprovals, text));
                }
                // An approval of another release is not counted for the release of this file.
                if !is_other {
                    facts.approvals.push(self::facts(judge, &signed));
                }
            }
            Ok((_, Attestation::Notarisation(_))) => {}
            Err(error) => faults.push(not_authentic(added_kind(&error), &error)),
        }
    }
    if let Some(fault) = faults.first() {
        let no = || Verdict::no(&fault.sentence);
        (facts.then, facts.now) = (no(), no());
    }
    Ok(Audited {
        facts: facts.release.is_some().then_some(facts),
        faults,
        ..Audited::default()
    })
}

/// Approval files have the same start as bundles, so the parser's error is reworded.
fn reworded(error: MalformedError) -> String {
    match error {
        MalformedError::Archive(ArchiveError::NotABundle { found }) => {
            format!("not an approval file: {found}")
        }
        error => error.to_string(),
    }
}

/// The facts of an approval, judged at the requested time.
pub fn facts(judge: &Judge<'_>, signed: &SignedApproval) -> ApprovalFacts {
    let approval = signed.approval();
    let counts = policy::counts(judge.root, signed, None, judge.then());
    ApprovalFacts {
        key_id: signed.key(),
        owner: signed.owner().to_owned(),
        role: approval.role.clone(),
        decision: approval.decision,
        apr: approval.apr.clone(),
        at: approval.at,
        expires: approval.expires,
        sha256: signed.sha256(),
        only_on: approval.only_on.clone(),
        runs: approval.runs,
        reason: approval.reason.clone(),
        evidence: Seen::from(signed.evidence()),
        counts: counts.is_ok(),
        why_not: counts.err(),
    }
}

/// Digest of the release and target shown to approvers; it must equal the bundle's.
pub fn shown(release: &Release, target: &Target) -> Digest {
    // Serialization can't fail here; a default value would differ from every digest.
    Digest::of(&json::to_canonical(&(release, target)).unwrap_or_default())
}
