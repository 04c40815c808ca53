//! Writes and reads rehearsal receipts: `STEM.rehearsal.json`, and `STEM.rehearsal.sig` if the host has a
//! `receipt` key.

use std::io;
use std::path::{Path, PathBuf};

use super::signed::{self, Reservation, read_parts};
use super::size;
use crate::trust::{JudgedAt, SecretKey, TrustRoot};
use pgseal_verify::format::file_name::REHEARSAL;
use pgseal_verify::format::rehearsal::{Rehearsal, RehearsalStatement};
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::record::signed::{ReceiptError, subject};

pub use pgseal_verify::record::rehearsal::*;

/// Whether a file has the name of a rehearsal receipt.
pub fn is_one(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().ends_with(REHEARSAL.as_bytes()))
}

/// Reserves the files of a rehearsal receipt, like [`super::receipt::reserve`].
pub fn reserve(dir: &Path, stem: &str, is_signed: bool) -> io::Result<Reservation> {
    signed::reserve(dir, stem, "rehearsal", is_signed)
}

impl Reservation {
    pub fn write_rehearsal(
        self,
        release_id: ReleaseId,
        rehearsal: Rehearsal,
        key: Option<&SecretKey>,
    ) -> io::Result<PathBuf> {
        let statement = RehearsalStatement {
            subject: subject(&rehearsal.release, release_id),
            predicate: Rehearsal {
                signer: key.map(|key| key.public_key().id().digest()),
                ..rehearsal
            },
        };
        let bytes = size::fitted(statement, size::shorten_rehearsal).map_err(io::Error::other)?;
        self.write_bytes(&bytes, key)
    }
}

/// Reads a rehearsal receipt's content without checking its signature. It proves nothing.
pub fn claimed(path: &Path) -> Result<RehearsalStatement, ReceiptError> {
    claims(&signed::read_limited(path)?)
}

/// Reads `STEM.rehearsal.json` with its signature and its time stamp `STEM.rehearsal.tsr`, if any.
pub fn read(path: &Path, root: &TrustRoot, when: JudgedAt) -> Result<ReadRehearsal, ReceiptError> {
    check(read_parts(path)?, root, when)
}
