//! Writes and reads rollout receipts: `STEM.rollout.json`, and `STEM.rollout.sig` if the host has a
//! `receipt` key.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::receipt;
use super::signed::{self, Reservation, read_parts};
use super::size;
use crate::trust::{JudgedAt, SecretKey, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::file_name::ROLLOUT;
use pgseal_verify::format::receipt::Action;
use pgseal_verify::format::rollout::{Rollout, RolloutDatabase, RolloutStatement};
use pgseal_verify::format::statement::{DigestSet, Subject, title};
use pgseal_verify::record::signed::ReceiptError;

pub use pgseal_verify::record::rollout::*;

/// Whether a file has the name of a rollout receipt.
pub fn is_one(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().ends_with(ROLLOUT.as_bytes()))
}

/// Reserves the files of a rollout receipt, like [`super::receipt::reserve`].
pub fn reserve(dir: &Path, stem: &str, is_signed: bool) -> io::Result<Reservation> {
    signed::reserve(dir, stem, "rollout", is_signed)
}

impl Reservation {
    /// Writes a receipt about the release of this id, which a bundle or other receipts have shown.
    pub fn write_rollout(
        self,
        release_id: Digest,
        rollout: Rollout,
        key: Option<&SecretKey>,
    ) -> io::Result<PathBuf> {
        let statement = RolloutStatement {
            subject: vec![Subject {
                name: title(&rollout.release.name, &rollout.release.version),
                digest: DigestSet { sha256: release_id },
            }],
            predicate: Rollout {
                signer: key.map(|key| key.public_key().id().digest()),
                ..rollout
            },
        };
        let bytes = size::fitted(statement, size::shorten_rollout).map_err(io::Error::other)?;
        self.write_bytes(&bytes, key)
    }
}

/// Reads a rollout receipt's content without checking its signature. It proves nothing.
pub fn claimed(path: &Path) -> Result<RolloutStatement, ReceiptError> {
    claims(&signed::read_limited(path)?)
}

/// Reads `STEM.rollout.json` with its signature and its time stamp `STEM.rollout.tsr`, if any.
pub fn read(path: &Path, root: &TrustRoot, when: JudgedAt) -> Result<ReadRollout, ReceiptError> {
    check(read_parts(path)?, root, when)
}

/// The receipts of runs in a directory: the digest of each, by the id of its run.
pub struct RunReceipts(BTreeMap<String, RunReceipt>);

/// A receipt of a run or rollback, without its signature.
struct RunReceipt {
    sha256: Digest,
    release_id: Option<Digest>,
    action: Action,
}

impl RunReceipts {
    /// Reads the receipts of a directory; those that cannot be read are left out.
    pub fn of(dir: &Path) -> io::Result<Self> {
        let mut receipts = BTreeMap::new();
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if !path.to_string_lossy().ends_with(".receipt.json") {
                continue;
            }
            let read = signed::read_limited(&path).map_err(ReceiptError::from);
            if let Ok(bytes) = read
                && let Ok(statement) = receipt::claims(&bytes)
            {
                let subject = statement.subject.first();
                let receipt = RunReceipt {
                    sha256: Digest::of(&bytes),
                    release_id: subject.map(|subject| subject.digest.sha256),
                    action: statement.predicate.action,
                };
                receipts.insert(statement.predicate.run_id, receipt);
            }
        }
        Ok(Self(receipts))
    }

    /// The digest of the receipt of a run.
    pub fn of_run(&self, run_id: &str) -> Option<Digest> {
        self.0.get(run_id).map(|receipt| receipt.sha256)
    }

    /// The faults of a rollout receipt whose runs have their receipts here: those that are missing,
    /// have other bytes, or are of another release or action.
    pub fn faults(&self, rollout: &RolloutStatement) -> Vec<String> {
        let release_id = rollout.subject.first();
        let release_id = release_id.map(|subject| subject.digest.sha256);
        let action = rollout.predicate.action;
        let fault = |one: &RolloutDatabase| {
            let (named, run_id) = (one.receipt_sha256?, one.run_id.as_deref()?);
            match self.0.get(run_id) {
                Some(found) if found.release_id != release_id || found.action != action => {
                    Some(format!(
                        "the receipt of run {run_id} ({}) is of another release or action",
                        one.database
                    ))
                }
                Some(found) if found.sha256 == named => None,
                Some(_) => Some(format!(
                    "the receipt of run {run_id} ({}) differs from the one that it names",
                    one.database
                )),
                None => Some(format!(
                    "the receipt of run {run_id} ({}) is not beside it",
                    one.database
                )),
            }
        };
        rollout
            .predicate
            .databases
            .iter()
            .filter_map(fault)
            .collect()
    }
}

/// The digest of the receipt of a run in a directory, found by its name.
pub fn receipt_of_run(dir: &Path, run_id: &str) -> Option<Digest> {
    let end = format!("-{}.receipt.json", run_id.get(..8)?);
    for entry in std::fs::read_dir(dir).ok()? {
        let path = entry.ok()?.path();
        if path.to_string_lossy().ends_with(&end)
            && let Ok(bytes) = signed::read_limited(&path)
            && receipt::claims(&bytes).is_ok_and(|read| read.predicate.run_id == run_id)
        {
            return Some(Digest::of(&bytes));
        }
    }
    None
}
