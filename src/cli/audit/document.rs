//! `audit --json`: one document.

use serde_json::{Value, json};

use crate::audit::file_facts::{ApprovalFacts, FileFacts};
use crate::audit::report::Summary;
use crate::audit::{Finding, Report};

/// Builds the document.
pub fn document(report: &Report, summary: &Summary) -> Value {
    json!({
        "as_of": report.as_of,
        "files": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "authentic": summary.authentic,
        "unsigned": summary.unsigned,
        "faulty": summary.faulty,
        "faults": summary.faults,
        "notes": summary.notes,
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "path": finding.path,
        "kind": finding.kind,
        "release": finding.facts.as_ref().and_then(release),
        "then": finding.facts.as_ref().map(|facts| &facts.then),
        "now": finding.facts.as_ref().map(|facts| &facts.now),
        "receipt": finding.facts.as_ref().and_then(|facts| facts.receipt.as_ref()),
        "rehearsal": finding.facts.as_ref().and_then(|facts| facts.rehearsal.as_ref()),
        "rollout": finding.facts.as_ref().and_then(|facts| facts.rollout.as_ref()),
        "evidence": finding.facts.as_ref().and_then(|facts| facts.evidence.as_ref()),
        "trust_root": finding.facts.as_ref().and_then(|facts| facts.trust_root.as_ref()),
        "faults": finding.faults,
        "notes": finding.notes,
    })
}

fn release(facts: &FileFacts) -> Option<Value> {
    let release = facts.release.as_ref()?;
    let counted = || {
        facts
            .signers
            .iter()
            .filter(|signer| signer.why_not.is_none())
    };
    Some(json!({
        "title": release.title(),
        "name": release.name,
        "version": release.version,
        "sequence": release.sequence,
        "release_id": release.id,
        "signers": counted().map(|signer| &signer.owner).collect::<Vec<_>>(),
        "evidence": counted().map(|signer| signer.evidence).collect::<Vec<_>>(),
        "approvals": facts.approvals.iter().map(approval).collect::<Vec<_>>(),
        "files": facts.files,
        "blocked": facts.blocked,
    }))
}

fn approval(said: &ApprovalFacts) -> Value {
    json!({
        "key_id": said.key_id,
        "sha256": said.sha256,
        "owner": said.owner,
        "role": said.role,
        "decision": said.decision,
        "apr": said.apr,
        "at": said.at,
        "expires": said.expires,
        "only_on": said.only_on,
        "runs": said.runs,
        "reason": said.reason,
        "evidence": said.evidence,
        "counts": said.counts,
        "why_not": said.why_not,
    })
}
