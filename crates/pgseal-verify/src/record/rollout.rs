//! Authentication of rollout receipts.

use super::signed::{self, Parts, ReceiptError};
use crate::digest::Digest;
use crate::format::rollout::RolloutStatement;
use crate::format::timestamp::Timestamp;
use crate::format::wire;
use crate::trust::evidence::Evidence;
use crate::trust::{JudgedAt, KeyId, TrustRoot};

/// A rollout receipt with a valid signature, or one that claims none.
pub struct ReadRollout {
    /// Content of the receipt.
    pub statement: RolloutStatement,
    /// Signing key and the evidence for the time of the signature; `None` for an unsigned receipt,
    /// which proves nothing.
    pub signed: Option<(KeyId, Evidence)>,
}

/// Checks a rollout receipt's signature and timestamp. The receipts of its runs are not read.
pub fn check(parts: Parts, root: &TrustRoot, when: JudgedAt) -> Result<ReadRollout, ReceiptError> {
    let signed::Read { statement, signed } = signed::check(parts, root, when, claims)?;
    Ok(ReadRollout { statement, signed })
}

/// Parses a rollout receipt without checking its signature. The result proves nothing.
pub fn claims(document: &[u8]) -> Result<RolloutStatement, ReceiptError> {
    let statement: RolloutStatement = wire::read(document)?;
    signed::check_subject(&statement.subject, &statement.predicate.release)?;
    Ok(statement)
}

impl signed::Signed for RolloutStatement {
    fn signer(&self) -> Option<Digest> {
        self.predicate.signer
    }

    fn finished(&self) -> Timestamp {
        self.predicate.finished
    }
}
