//! How a run ended, and the receipt that it begins with.

use std::collections::BTreeMap;

use super::failure::Failure;
use super::order::Order;
use super::perform::{Start, Work};
use crate::trust::added::SignedApproval;
use pgseal_verify::format::receipt::{CountedApproval, Outcome, Receipt, TrustReference};
use pgseal_verify::format::version::PGSEAL;

/// How it ended. Also a failed run has a receipt.
pub struct Report {
    /// Everything that the receipt says.
    pub receipt: Receipt,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// Committed, but a fresh connection did not see what it should: somebody else wrote meanwhile, or it could not ask.
    pub unproved: Option<String>,
    /// What kind of failure it was.
    pub kind: FailureKind,
}

/// What kind of failure ended a run; meaningless where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Something failed after the first statement.
    Failed,
    /// A gate said BLOCKED before the first statement.
    Blocked,
    /// A gate gave no answer before the first statement.
    Unanswered,
}

/// Why a run does not go on.
pub(super) enum Halt {
    /// What was going on is rolled back, or was never begun.
    Undone(Box<Failure>),
    /// A gate closed, or gave no answer, before the first statement of a transaction or tier.
    GateClosed(FailureKind, Box<Failure>),
    /// COMMIT was sent and nobody could say what came of it.
    Unknown(Box<Failure>),
    /// Part of the work is in the database for good, though nothing is in doubt.
    Stopped(Box<Failure>),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Undone(Box::new(failure))
    }
}

/// A receipt of a run that has done nothing yet.
pub(super) fn blank_receipt(order: &Order<'_>, work: &Work<'_>, start: Start, run_id: &str) -> Receipt {
    let started = (order.clock)();
    Receipt {
        run_id: run_id.to_owned(),
        action: work.action,
        outcome: Outcome::Unchanged,
        error: None,
        resumes: work.resumed.as_ref().map(|resumed| resumed.entry.run_id.clone()),
        operator: order.operator.clone(),
        retries: 0,
        started,
        finished: started,
        pgseal: PGSEAL.to_owned(),
        release: order.manifest().release.clone(),
        signers: order.bundle.signatories().iter().map(|signatory| signatory.key.digest()).collect(),
        approvals: work.approvals.iter().map(approval).collect(),
        trust: TrustReference { version: order.root().document().version, sha256: order.root().digest() },
        target: start.target,
        variables: BTreeMap::clone(order.variables),
        gates: start.gates,
        before: start.before,
        after: None,
        tiers: Vec::new(),
        verify: Vec::new(),
        transaction_id: None,
        schema: None,
        journal_sha256: None,
        signer: None,
    }
}

fn approval(signed: &SignedApproval) -> CountedApproval {
    let approval = signed.approval();
    CountedApproval {
        key_id: signed.key().digest(),
        role: approval.role.clone(),
        apr: approval.apr.clone(),
        at: approval.at,
        evidence: signed.evidence().level().to_owned(),
    }
}
