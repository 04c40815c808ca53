//! Approvals and evidence as JSON; their text is in `pgseal_verify::words`.

use serde_json::Value;

use crate::trust::attestations::SignedApproval;
use crate::trust::evidence::Evidence;
use crate::trust::policy::{self, Tally};
use crate::trust::{JudgedAt, TrustRoot};

pub use crate::trust::policy::tallies;
pub use pgseal_verify::words::approvals::{for_runs, lines, owner, sentence, since};

/// JSON document for one approval.
pub fn document(root: &TrustRoot, signed: &SignedApproval, when: JudgedAt) -> Value {
    let approval = signed.approval();
    let counts = policy::counts(root, signed, None, when);
    serde_json::json!({
        "key_id": signed.key(),
        "sha256": signed.sha256(),
        "owner": signed.owner(),
        "role": approval.role,
        "decision": approval.decision,
        "apr": approval.apr,
        "at": approval.at,
        "expires": approval.expires,
        "only_on": approval.only_on,
        "runs": approval.runs,
        "reason": approval.reason,
        "evidence": evidence(signed.evidence()),
        "counts": counts.is_ok(),
        "why_not": counts.err(),
    })
}

/// JSON object with the level of the evidence, and the time from which the signature is proved.
pub fn evidence(evidence: Evidence) -> Value {
    serde_json::json!({ "level": evidence.level(), "at": evidence.time() })
}

/// JSON object with the needed and counted approvals per role.
pub fn quorum(tallies: &[Tally]) -> Value {
    let role = |tally: &Tally| {
        let counts = serde_json::json!({ "needed": tally.needed, "counted": tally.counted });
        (tally.role.to_string(), counts)
    };
    Value::Object(tallies.iter().map(role).collect())
}
