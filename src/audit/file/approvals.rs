//! Approvals as facts.

use crate::audit::facts::{ApprovalFacts, Quorum, RoleQuorum, Seen};
use crate::audit::judge::Judge;
use crate::trust::added::SignedApproval;
use crate::trust::policy;

/// What a person says, judged as of then.
pub fn facts(judge: &Judge<'_>, signed: &SignedApproval) -> ApprovalFacts {
    let approval = &signed.approval;
    let counts = policy::counts(judge.root, signed, None, judge.then());
    ApprovalFacts {
        key_id: signed.key,
        owner: signed.owner.clone(),
        role: approval.role.clone(),
        decision: approval.decision,
        apr: approval.apr.clone(),
        at: approval.at,
        expires: approval.expires,
        reason: approval.reason.clone(),
        evidence: Seen::from(signed.evidence),
        counts: counts.is_ok(),
        why_not: counts.err(),
    }
}

/// What a run needs, and what there is of it.
pub fn quorum(judge: &Judge<'_>, approvals: &[SignedApproval], takes_apr: bool) -> Vec<Quorum> {
    let tallies = policy::tallies(judge.root, approvals, takes_apr, judge.then());
    let role =
        |tally: policy::Tally| RoleQuorum { role: tally.role, needed: tally.needed, counted: tally.counted as u64 };
    tallies.into_iter().map(|(apr, roles)| Quorum { apr, roles: roles.into_iter().map(role).collect() }).collect()
}
