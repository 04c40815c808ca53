//! Checks the role of a receipt key: a receipt signed by a key without it would prove nothing later.

use crate::trust::root::name;
use crate::trust::{JudgedAt, KeyId, TrustRoot};
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::receipt::Action;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::KeyStatus;

/// Reasons why a key may not sign receipts, or a run has none.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptKeyError {
    #[error("the trust root lets no release run without a signed receipt")]
    Missing,
    #[error(
        "the release demands that nothing drifted, and the next run can compare only with a signed receipt"
    )]
    MissingForDrift,
    #[error("key {key} signs no receipts any more: it {reason}")]
    Spent { key: KeyId, reason: String },
    #[error("key {key} has {} in the trust root, receipts are signed by the role receipt", role(.found))]
    Role {
        key: KeyId,
        found: Option<Name>,
        /// Owners of the keys that sign receipts.
        signers: Vec<String>,
    },
}

/// Owners of the keys that sign receipts.
fn signers(root: &TrustRoot) -> Vec<String> {
    let receipt = name("receipt");
    let keys = root.document().keys.iter();
    let signers = keys.filter(|key| key.role == receipt && key.status == KeyStatus::Active);
    signers.map(|key| key.owner.clone()).collect()
}

fn role(found: &Option<Name>) -> String {
    found
        .as_ref()
        .map_or("no role".to_owned(), |role| format!("the role {role}"))
}

/// Whether the trust root has keys for receipts.
pub fn has_role(root: &TrustRoot) -> bool {
    root.document().roles.contains_key(&name("receipt"))
}

/// Fails for a run without a key if the trust root requires signed receipts, or the release compares
/// with them. A rollback waits for nothing.
pub fn check_run(
    root: &TrustRoot,
    manifest: &Manifest,
    key: Option<&KeyId>,
    action: Action,
) -> Result<(), ReceiptKeyError> {
    if key.is_some() || action == Action::Rollback {
        Ok(())
    } else if root.policy().require_signed_receipts {
        Err(ReceiptKeyError::Missing)
    } else if manifest.require_no_drift {
        Err(ReceiptKeyError::MissingForDrift)
    } else {
        Ok(())
    }
}

/// Checks that a key may sign receipts at this time. If the trust root has no such role, any key may.
pub fn check(root: &TrustRoot, key: &KeyId, now: Timestamp) -> Result<(), ReceiptKeyError> {
    let (receipt, found) = (name("receipt"), root.role_of(key));
    if found.is_none() && !has_role(root) {
        return Ok(());
    }
    root.counts(key, &receipt, JudgedAt::At(now))
        .map_err(|reason| match found {
            Some(role) if *role == receipt => ReceiptKeyError::Spent { key: *key, reason },
            found => ReceiptKeyError::Role {
                key: *key,
                found: found.cloned(),
                signers: signers(root),
            },
        })
}
