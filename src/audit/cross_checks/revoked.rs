//! Files signed by revoked keys, with the date of compromise.

use std::collections::BTreeSet;

use super::Answer;
use super::archive::Archive;
use crate::audit::fault::FaultKind;
use crate::audit::file_facts::FileFacts;
use crate::audit::finding::Finding;
use crate::trust::KeyId;
use pgseal_verify::format::trust_document::KeyStatus;

/// Adds a note to each file that a revoked key signed. Files that need that signature have a fault
/// already.
pub fn check(archive: &Archive<'_>) -> Vec<Answer> {
    let check = |(at, finding): (usize, &Finding)| {
        let mut faults = finding.faults.iter();
        if faults.any(|fault| fault.kind == FaultKind::RevokedKey) {
            return None;
        }
        let keys: Vec<String> = keys(finding)
            .iter()
            .filter_map(|key| revoked(archive, key))
            .collect();
        let text = format!("signed by {}", keys.join(", "));
        (!keys.is_empty()).then(|| Answer::note(at, FaultKind::RevokedKeyWork, text))
    };
    let findings = archive.findings.iter().enumerate();
    findings.filter_map(check).collect()
}

/// The keys of all signers and approvers in a file, in ascending order.
fn keys(finding: &Finding) -> BTreeSet<KeyId> {
    let of = |facts: &FileFacts| {
        let signers = facts.signers.iter().map(|signer| signer.key_id);
        let approvers = facts.approvals.iter().map(|approval| approval.key_id);
        signers.chain(approvers).collect()
    };
    finding.facts.as_ref().map(of).unwrap_or_default()
}

fn revoked(archive: &Archive<'_>, key: &KeyId) -> Option<String> {
    let entry = archive
        .root
        .entry(key)
        .filter(|entry| entry.status == KeyStatus::Revoked)?;
    let since = entry
        .compromised_since
        .map(|since| format!(", compromised since {since}"))
        .unwrap_or_default();
    Some(format!(
        "key {} ({}), which is revoked{since}",
        key.digest().short(),
        entry.owner
    ))
}
