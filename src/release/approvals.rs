//! Counts the runs that approvals were used for, by the ledger of the database.

use std::collections::BTreeMap;

use super::gate;
use super::preflight::{self, PreflightError};
use super::run_context::RunContext;
use crate::bundle::Admission;
use crate::database::{DatabaseError, Purpose};
use crate::record::ledger::{Entry, UsedApproval};
use crate::trust::attestations::SignedApproval;
use crate::trust::policy::PolicyError;
use pgseal_verify::format::receipt::Action;

/// Number of committed runs on this database by approval.
pub(super) struct Uses(BTreeMap<UsedApproval, u64>);

impl Uses {
    /// Counts the runs in the ledger, which has a row for each that committed something. The run
    /// `resumed` goes on by the approvals that it used, so it is not counted.
    pub fn of(rows: &[Entry], resumed: Option<&Entry>) -> Result<Self, PreflightError> {
        let mut uses = BTreeMap::new();
        let is_counted = |row: &&Entry| {
            row.action == Action::Run.as_str() && resumed.is_none_or(|run| run.id != row.id)
        };
        for row in rows.iter().filter(is_counted) {
            let Some(approvals) = &row.approvals else {
                let text = format!(
                    "row {} of the ledger names approvals in a form that pgseal does not write",
                    row.id
                );
                return Err(PreflightError::Ledger(DatabaseError::ledger(text)));
            };
            for approval in approvals {
                *uses.entry(approval.clone()).or_default() += 1;
            }
        }
        Ok(Self(uses))
    }

    /// The admitted approvals that have runs left; fails if they do not meet the policy.
    pub fn left(&self, admission: &Admission<'_>) -> Result<Vec<SignedApproval>, PolicyError> {
        let used = |approval: &SignedApproval| {
            let approval = UsedApproval {
                key_id: approval.key().digest(),
                sha256: approval.sha256(),
            };
            self.0.get(&approval).copied().unwrap_or_default()
        };
        admission.unused(used)
    }
}

/// Checks whether a run would be refused because its approvals are used. Other obstacles are left
/// to the run.
pub fn check_unused(
    order: &RunContext<'_>,
    admission: &Admission<'_>,
) -> Result<(), PreflightError> {
    let Ok((mut session, _)) = gate::open(order, order.root().policy(), Purpose::Read) else {
        return Ok(());
    };
    match preflight::check_ledger(session.as_mut(), order, Some(admission)) {
        Err(used @ PreflightError::Approvals(_)) => Err(used),
        _ => Ok(()),
    }
}
