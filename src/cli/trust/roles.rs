//! Descriptions of roles for people.

use pgseal_verify::format::name::Name;
use pgseal_verify::format::trust_document::{KeyStatus, ROLES_WITH_A_TASK, TrustDocument};
use pgseal_verify::plural;

/// True if the keys of a role give approvals, as in all roles without a task of their own.
pub fn approves(role: &Name) -> bool {
    !ROLES_WITH_A_TASK.contains(&role.as_str())
}

/// Describes the task of a role and how many of its keys are needed.
pub fn describe(document: &TrustDocument, role: &Name) -> String {
    match role.as_str() {
        "receipt" => return format!("role {role}: its key signs receipts"),
        "log" => return format!("role {role}: its key signs the checkpoints of archives"),
        _ if approves(role) => {}
        _ => {
            let needed = needed(document, role);
            return format!("role {role}: {needed} of its keys must sign");
        }
    }
    let keys = document
        .keys
        .iter()
        .filter(|key| key.role == *role && key.status != KeyStatus::Revoked)
        .count();
    match document.policy.approvals.get(role) {
        Some(count) => {
            let keys = plural::count(keys, "key");
            format!("role {role} (approves): a run needs {count} of its {keys}")
        }
        None => format!("role {role} (approves): no run needs it"),
    }
}

/// Number of keys that a role needs for its task. For approvers the threshold is only the default
/// of `--require`.
pub fn needed(document: &TrustDocument, role: &Name) -> u8 {
    match role.as_str() {
        "receipt" => 1,
        _ if approves(role) => document.policy.approvals.get(role).copied().unwrap_or(1),
        _ => document.roles.get(role).map_or(1, |role| role.threshold),
    }
}
