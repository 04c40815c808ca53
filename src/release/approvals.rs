//! Counts the runs that approvals were used for, by the ledger of the database.

use std::collections::BTreeMap;

use super::preflight::PreflightError;
use crate::bundle::Admission;
use crate::database::DatabaseError;
use crate::record::ledger::Entry;
use crate::trust::attestations::SignedApproval;
use crate::trust::policy::PolicyError;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::{Action, ObservedTarget};
use pgseal_verify::format::timestamp::Timestamp;

/// The approvals that the runs in the ledger used.
// docs/decisions/079
pub(super) struct Uses {
    /// Number of runs by key and statement.
    runs: BTreeMap<(Digest, Digest), u64>,
    /// Time of the newest approval by release and key. It replaced the older ones, also where it is
    /// no longer shown.
    newest: BTreeMap<(String, Digest), Timestamp>,
    /// The database of the ledger.
    target: ObservedTarget,
}

impl Uses {
    /// Counts the runs in the ledger, which has a row for each that committed something. The run
    /// `resumed` goes on by the approvals that it used, so it is not counted.
    pub fn of(
        rows: &[Entry],
        resumed: Option<&Entry>,
        target: &ObservedTarget,
    ) -> Result<Self, PreflightError> {
        let (mut runs, mut newest) = (BTreeMap::new(), BTreeMap::new());
        for row in rows.iter().filter(|row| row.action == Action::Run.as_str()) {
            let Some(approvals) = &row.approvals else {
                let text = format!(
                    "row {} of the ledger names approvals in a form that pgseal does not write",
                    row.id
                );
                return Err(PreflightError::Ledger(DatabaseError::ledger(text)));
            };
            let is_counted = resumed.is_none_or(|run| run.id != row.id);
            for used in approvals {
                if is_counted {
                    *runs.entry((used.key_id, used.sha256)).or_default() += 1;
                }
                let newest = newest
                    .entry((row.release_id.clone(), used.key_id))
                    .or_insert(used.at);
                *newest = used.at.max(*newest);
            }
        }
        Ok(Self {
            runs,
            newest,
            target: target.clone(),
        })
    }

    /// The admitted approvals that are for this database and have runs left; fails if they do not meet the policy.
    pub fn left(&self, admission: &Admission<'_>) -> Result<Vec<SignedApproval>, PolicyError> {
        let release = admission.bundle().release_id().to_string();
        admission.unused(&self.target, |approval| {
            let key = approval.key().digest();
            let newest = self.newest.get(&(release.clone(), key));
            if newest.is_some_and(|newest| approval.approval().at < *newest) {
                return u64::MAX;
            }
            let runs = self.runs.get(&(key, approval.sha256()));
            runs.copied().unwrap_or_default()
        })
    }
}
