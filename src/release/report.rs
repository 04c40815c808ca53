//! The result of a run, and its initial receipt.

use std::collections::BTreeMap;

use super::executor::{ExecutionPlan, Start};
use super::failure::Failure;
use super::run_context::RunContext;
use crate::trust::attestations::SignedApproval;
use pgseal_verify::format::receipt::{CountedApproval, Outcome, Receipt, TrustReference};
use pgseal_verify::format::version::PGSEAL;

/// The result of a run. Failed runs have a receipt too.
pub struct Report {
    pub receipt: Receipt,
    /// The failure, if the run failed.
    pub failure: Option<Failure>,
    /// The doubt, if the run is committed but a fresh connection could not confirm it: the check
    /// failed, or another session wrote meanwhile.
    pub unproved: Option<String>,
    pub kind: FailureKind,
}

/// Kind of a run's failure; meaningless without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// A failure other than a closed gate.
    Failed,
    /// A gate answered BLOCKED before the first statement.
    Blocked,
    /// A gate gave no answer before the first statement.
    Unanswered,
}

/// Reasons for a run to halt.
pub(super) enum Halt {
    /// The current work is rolled back, or was never begun.
    Undone(Box<Failure>),
    /// A gate closed, or gave no answer, before the first statement of a transaction or tier.
    GateClosed(FailureKind, Box<Failure>),
    /// COMMIT was sent and its outcome is unknown.
    Unknown(Box<Failure>),
    /// Part of the work is committed; nothing is in doubt.
    Stopped(Box<Failure>),
}

impl Halt {
    pub fn failure(&mut self) -> &mut Failure {
        match self {
            Self::Undone(failure)
            | Self::GateClosed(_, failure)
            | Self::Unknown(failure)
            | Self::Stopped(failure) => failure,
        }
    }
}

impl<E: Into<Failure>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Undone(Box::new(error.into()))
    }
}

/// The receipt of a run that has done nothing yet.
pub(super) fn blank_receipt(
    order: &RunContext<'_>,
    work: &ExecutionPlan<'_>,
    start: Start,
    run_id: &str,
) -> Receipt {
    let started = (order.clock)();
    Receipt {
        run_id: run_id.to_owned(),
        action: work.kind.action(),
        outcome: Outcome::Unchanged,
        error: None,
        resumes: work.kind.resumed().map(|run| run.entry.run_id.clone()),
        operator: order.operator.clone(),
        retries: 0,
        waited: Vec::new(),
        started,
        finished: started,
        pgseal: PGSEAL.to_owned(),
        release: order.manifest().release.clone(),
        signers: order
            .bundle
            .signatories()
            .iter()
            .map(|signatory| signatory.key.digest())
            .collect(),
        approvals: work.approvals.iter().map(approval).collect(),
        trust: TrustReference {
            version: order.root().document().version,
            sha256: order.root().digest(),
        },
        target: start.target,
        variables: BTreeMap::clone(order.variables),
        gates: start.gates,
        before: start.before,
        start: None,
        after: None,
        tiers: Vec::new(),
        verify: Vec::new(),
        transaction_id: None,
        schema: None,
        not_restored: None,
        journal_sha256: None,
        signer: None,
    }
}

fn approval(signed: &SignedApproval) -> CountedApproval {
    let approval = signed.approval();
    CountedApproval {
        key_id: signed.key().digest(),
        sha256: signed.sha256(),
        role: approval.role.clone(),
        apr: approval.apr.clone(),
        at: approval.at,
        evidence: signed.evidence().level().to_owned(),
        runs: approval.runs,
    }
}
