//! Definitions before and after a run, kept beside its receipt: `STEM.before.fingerprint.json` and
//! `STEM.after.fingerprint.json`. The receipt has their digests, so they need no signature.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::durable;
use crate::fingerprint;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::fingerprint::Fingerprint;
use pgseal_verify::format::json;
use pgseal_verify::limits;

/// A side of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

/// Stores definitions for a receipt `STEM.receipt.json`.
pub fn keep(dir: &Path, stem: &str, when: When, fingerprint: &Fingerprint) -> io::Result<()> {
    let bytes = json::to_canonical(fingerprint).map_err(io::Error::other)?;
    durable::create_new(&path(dir, stem, when), |file| file.write_all(&bytes))
}

/// Reads the definitions beside a receipt. `None` if they are missing, or not those of the digest.
pub fn of_receipt(receipt: &Path, when: When, digest: Digest) -> Option<Fingerprint> {
    let stem = receipt
        .file_name()?
        .to_str()?
        .strip_suffix(".receipt.json")?;
    let file = durable::open_regular(&path(receipt.parent()?, stem, when)).ok()?;
    let bytes = durable::read_limited(file, limits::FINGERPRINT_BYTES).ok()?;
    let fingerprint = fingerprint::parse(&bytes).ok()?;
    (fingerprint.sha256 == digest).then_some(fingerprint)
}

fn path(dir: &Path, stem: &str, when: When) -> PathBuf {
    let when = match when {
        When::Before => "before",
        When::After => "after",
    };
    dir.join(format!("{stem}.{when}.fingerprint.json"))
}

/// The receipts of a directory by name; none if there is no such directory.
pub fn receipts_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    files_in(dir, ".receipt.json")
}

/// The files of a directory with this end of their names, by name; none if there is no such directory.
pub(super) fn files_in(dir: &Path, ending: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
