//! Converts approvals to facts.

use crate::audit::facts::{ApprovalFacts, Seen};
use crate::audit::judge::Judge;
use crate::trust::attestations::SignedApproval;
use crate::trust::policy;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::json;
use pgseal_verify::format::manifest::{Release, Target};

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
