//! Writes and reads receipts: `STEM.receipt.json`, and `STEM.receipt.sig` if the host has a `receipt` key.

mod journal_check;
mod late;

use std::io;
use std::path::{Path, PathBuf};

use super::{signed, size};
use crate::trust::{JudgedAt, SecretKey, TrustRoot};
use pgseal_verify::format::receipt::{Receipt, ReceiptStatement};
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::record::signed::subject;

pub use super::signed::{Reservation, read_parts};
pub use journal_check::{JournalCheck, compare, journal_of, journal_path};
pub use late::{SignError, sign};
pub use pgseal_verify::record::receipt::{ReadReceipt, check, claims};
pub use pgseal_verify::record::signed::{Parts, ReceiptError};

/// Reserves the files of a receipt in an existing directory. Fails without a trace if the medium is full
/// or read-only, or one of the files exists. If the reservation is dropped, no file remains.
pub fn reserve(dir: &Path, stem: &str, is_signed: bool) -> io::Result<Reservation> {
    signed::reserve(dir, stem, "receipt", is_signed)
}

impl Reservation {
    pub fn write(
        self,
        release_id: ReleaseId,
        receipt: Receipt,
        key: Option<&SecretKey>,
    ) -> io::Result<PathBuf> {
        let statement = ReceiptStatement {
            subject: subject(&receipt.release, release_id),
            predicate: Receipt {
                signer: key.map(|key| key.public_key().id().digest()),
                ..receipt
            },
        };
        let bytes = size::fitted(statement, size::shorten_receipt).map_err(io::Error::other)?;
        self.write_bytes(&bytes, key)
    }
}

/// Writes a new receipt at once and returns its path.
pub fn write(
    dir: &Path,
    stem: &str,
    release_id: ReleaseId,
    receipt: Receipt,
    key: Option<&SecretKey>,
) -> io::Result<PathBuf> {
    reserve(dir, stem, key.is_some())?.write(release_id, receipt, key)
}

/// Reads a receipt's content without checking its signature. It proves nothing.
pub fn claimed(path: &Path) -> Result<ReceiptStatement, ReceiptError> {
    claims(&signed::read_limited(path)?)
}

/// Reads `STEM.receipt.json` with its signature and its time stamp `STEM.receipt.tsr`, if any.
pub fn read(path: &Path, root: &TrustRoot, when: JudgedAt) -> Result<ReadReceipt, ReceiptError> {
    check(read_parts(path)?, root, when)
}
