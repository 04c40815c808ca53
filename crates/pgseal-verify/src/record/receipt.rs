//! Authentication of run receipts.

use super::signed::{self, Parts, ReceiptError};
use crate::digest::Digest;
use crate::format::receipt::ReceiptStatement;
use crate::format::timestamp::Timestamp;
use crate::format::wire;
use crate::trust::evidence::Evidence;
use crate::trust::{JudgedAt, KeyId, TrustRoot};

/// A receipt with a valid signature, or one that claims none.
pub struct ReadReceipt {
    /// Content of the receipt.
    pub statement: ReceiptStatement,
    /// Signing key and the evidence for the time of the signature; `None` for an unsigned receipt,
    /// which proves nothing.
    pub signed: Option<(KeyId, Evidence)>,
}

/// Parses a receipt without checking its signature. The result proves nothing.
pub fn claims(document: &[u8]) -> Result<ReceiptStatement, ReceiptError> {
    let statement: ReceiptStatement = wire::read(document)?;
    signed::check_subject(&statement.subject, &statement.predicate.release)?;
    Ok(statement)
}

/// Checks a receipt's signature and timestamp.
/// ```
/// use pgseal_verify::{JudgedAt, Parts, Receipt, ReceiptError, TrustRoot, check_receipt};
///
/// /// A receipt with a signature; an unsigned one proves nothing.
/// fn signed_receipt(document: Vec<u8>, signature: Vec<u8>, root: &TrustRoot, now: JudgedAt) -> Result<Option<Receipt>, ReceiptError> {
///     let parts = Parts { document, signature: Some(signature), token: None };
///     let read = check_receipt(parts, root, now)?;
///     Ok(read.signed.is_some().then_some(read.statement.predicate))
/// }
/// ```
pub fn check(parts: Parts, root: &TrustRoot, when: JudgedAt) -> Result<ReadReceipt, ReceiptError> {
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
