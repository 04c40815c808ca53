//! Authentication of run receipts.

use super::rehearsal::{UnprovedError, is_evidence_of};
use super::signed::{self, Parts, ReceiptError};
use crate::digest::Digest;
use crate::format::receipt::ReceiptStatement;
use crate::format::statement::ReleaseId;
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

impl ReadReceipt {
    /// Fails unless it is a signed receipt of this release.
    pub fn is_evidence_of(&self, release: ReleaseId) -> Result<(), UnprovedError> {
        is_evidence_of(&self.statement.subject, self.signed.is_some(), release)
    }
}

/// Parses a receipt without checking its signature. The result proves nothing.
pub fn claims(document: &[u8]) -> Result<ReceiptStatement, ReceiptError> {
    let statement: ReceiptStatement = wire::read(document)?;
    signed::check_subject(&statement.subject, &statement.predicate.release)?;
    Ok(statement)
}

/// Checks a receipt's signature and timestamp. A receipt that claims no signature is read too; it
/// proves nothing, and [`ReadReceipt::is_evidence_of`] refuses it.
///
/// ```
/// use pgseal_verify::{JudgedAt, Parts, Receipt, ReleaseId, TrustRoot, check_receipt};
///
/// /// The receipt of a run of this release.
/// fn receipt_of(
///     release: ReleaseId,
///     document: Vec<u8>,
///     signature: Vec<u8>,
///     root: &TrustRoot,
///     now: JudgedAt,
/// ) -> Result<Receipt, Box<dyn std::error::Error>> {
///     let parts = Parts { document, signature: Some(signature), token: None };
///     let read = check_receipt(parts, root, now)?;
///     read.is_evidence_of(release)?;
///     Ok(read.statement.predicate)
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
