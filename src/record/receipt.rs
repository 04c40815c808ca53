//! Writes and authenticates receipts: `STEM.receipt.json`, and `STEM.receipt.sig` when the host has a `receipt` key.

mod beside;

use std::io;
use std::path::{Path, PathBuf};

use super::{signed, size};
use crate::digest::Digest;
use crate::format::json;
use crate::format::receipt::{Receipt, ReceiptPredicateType, ReceiptStatement};
use crate::format::statement::{ReleaseId, StatementType};
use crate::format::timestamp::Timestamp;
use crate::trust::evidence::Evidence;
use crate::trust::{KeyId, SecretKey, TrustRoot, When};

pub use super::signed::{Parts, ReceiptError, Reservation};
pub use beside::{Beside, compare, journal_of, journal_path};

/// Takes the names and the room of a receipt in a directory that is there. Fails before anything has happened when the
/// medium is full, read-only, or one of the files exists. Dropped it leaves nothing.
pub fn reserve(dir: &Path, stem: &str, is_signed: bool) -> io::Result<Reservation> {
    signed::reserve(dir, stem, "receipt", is_signed)
}

impl Reservation {
    /// Writes the receipt and gives its path.
    pub fn write(self, release_id: ReleaseId, receipt: Receipt, key: Option<&SecretKey>) -> io::Result<PathBuf> {
        let statement = ReceiptStatement {
            type_: StatementType::V1,
            subject: signed::subject(&receipt.release, release_id),
            predicate_type: ReceiptPredicateType::V1,
            predicate: Receipt { signer: key.map(|key| key.public_key().id().digest()), ..receipt },
        };
        let bytes = size::fitted(statement, size::shorten_receipt).map_err(io::Error::other)?;
        self.write_bytes(&bytes, key)
    }
}

/// Writes a new receipt at once and gives its path.
pub fn write(
    dir: &Path,
    stem: &str,
    release_id: ReleaseId,
    receipt: Receipt,
    key: Option<&SecretKey>,
) -> io::Result<PathBuf> {
    reserve(dir, stem, key.is_some())?.write(release_id, receipt, key)
}

/// A receipt whose signature held, or that claims none.
pub struct ReadReceipt {
    /// What it says.
    pub statement: ReceiptStatement,
    /// Whose signature it is, and since when it exists; `None` for a receipt that was never signed, which proves nothing.
    pub signed: Option<(KeyId, Evidence)>,
}

/// What a receipt says, whoever signed it. It proves nothing.
pub fn claimed(path: &Path) -> Result<ReceiptStatement, ReceiptError> {
    parse(&signed::read_limited(path)?)
}

fn parse(document: &[u8]) -> Result<ReceiptStatement, ReceiptError> {
    let statement: ReceiptStatement = json::from_canonical(document)?;
    signed::check_subject(&statement.subject, &statement.predicate.release)?;
    Ok(statement)
}

/// Reads `STEM.receipt.json` with its signature and, where there is one, its time stamp `STEM.receipt.tsr`.
pub fn read(path: &Path, root: &TrustRoot, when: When) -> Result<ReadReceipt, ReceiptError> {
    check(Parts::read(path)?, root, when)
}

/// The same of bytes that came from anywhere.
pub fn check(parts: Parts, root: &TrustRoot, when: When) -> Result<ReadReceipt, ReceiptError> {
    let signed::Read { statement, signed } = signed::check(parts, root, when, parse)?;
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
