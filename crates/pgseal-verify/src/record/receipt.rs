//! Receipts of runs, authenticated.

use super::signed::{self, Parts, ReceiptError};
use crate::digest::Digest;
use crate::format::receipt::ReceiptStatement;
use crate::format::timestamp::Timestamp;
use crate::format::wire;
use crate::trust::evidence::Evidence;
use crate::trust::{KeyId, TrustRoot, When};

/// A receipt whose signature held, or that claims none.
pub struct ReadReceipt {
    /// What it says.
    pub statement: ReceiptStatement,
    /// Whose signature it is, and since when it exists; `None` for a receipt that was never signed, which proves nothing.
    pub signed: Option<(KeyId, Evidence)>,
}

/// What a receipt says, whoever signed it. It proves nothing.
pub fn claims(document: &[u8]) -> Result<ReceiptStatement, ReceiptError> {
    let statement: ReceiptStatement = wire::read(document)?;
    signed::check_subject(&statement.subject, &statement.predicate.release)?;
    Ok(statement)
}

/// Checks a receipt's signature and time stamp.
pub fn check(parts: Parts, root: &TrustRoot, when: When) -> Result<ReadReceipt, ReceiptError> {
    let signed::Read { statement, signed } = signed::check(parts, root, when, claims)?;
    Ok(ReadReceipt { statement, signed })
}

impl signed::Signed for ReceiptStatement {
    fn signer(&self) -> Option<Digest> {
        self.predicate.signer
    }

    fn finished(&self) -> Timestamp {
        self.predicate.finished
    }
}
