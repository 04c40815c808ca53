//! Authentication of the markers of standing clones.

use super::signed::{self, Parts, ReceiptError};
use crate::digest::Digest;
use crate::format::clone_marker::{CloneMarker, CloneStatement};
use crate::format::timestamp::Timestamp;
use crate::format::wire;
use crate::trust::{JudgedAt, TrustRoot};

/// Reads a marker. Fails unless a key that counts for the role `receipt` signed it.
pub fn check(
    document: Vec<u8>,
    signature: Vec<u8>,
    root: &TrustRoot,
    when: JudgedAt,
) -> Result<CloneMarker, ReceiptError> {
    let parts = Parts {
        document,
        signature: Some(signature),
        token: None,
    };
    let read = signed::check(parts, root, when, claims)?;
    Ok(read.statement.predicate)
}

fn claims(document: &[u8]) -> Result<CloneStatement, ReceiptError> {
    let statement: CloneStatement = wire::read(document)?;
    let marker = &statement.predicate;
    match &statement.subject[..] {
        [one] if one.name == marker.database && one.digest.sha256 == marker.sha256 => Ok(statement),
        _ => Err(ReceiptError::Subject),
    }
}

impl signed::Signed for CloneStatement {
    fn signer(&self) -> Option<Digest> {
        Some(self.predicate.signer)
    }

    fn finished(&self) -> Timestamp {
        self.predicate.made
    }
}
