//! Files signed by revoked keys, with the date of compromise.

use super::archive::{Archive, answer};
use super::{Answer, Severity};
use crate::audit::fault::FaultKind;
use crate::audit::finding::Finding;
use crate::trust::KeyId;
use pgseal_verify::format::trust_document::KeyStatus;

/// Adds a note to each file that a revoked key signed. Files that need that signature have a fault
/// already.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    let told = |(at, finding): (usize, &Finding)| {
        let has_fault = finding
            .faults
            .iter()
            .any(|fault| fault.kind == FaultKind::RevokedKey);
        let keys: Vec<String> = keys(finding)
            .into_iter()
            .filter_map(|key| revoked(archive, &key))
            .collect();
        let text = format!("signed by {}", keys.join(", "));
        (!keys.is_empty() && !has_fault)
            .then(|| answer(at, Severity::Note, FaultKind::RevokedKeyWork, text))
    };
    archive
        .findings
        .iter()
        .enumerate()
        .filter_map(told)
        .collect()
}

/// The keys of all signers and approvers in a file.
fn keys(finding: &Finding) -> Vec<KeyId> {
    let Some(facts) = &finding.facts else {
        return Vec::new();
    };
    let signers = facts.signers.iter().map(|signer| signer.key_id);
    let mut keys: Vec<KeyId> = signers
        .chain(facts.approvals.iter().map(|said| said.key_id))
        .collect();
    keys.sort();
    keys.dedup();
    keys
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
