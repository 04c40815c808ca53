//! Writes and reads signed answers: `STEM.evidence.json` and `STEM.evidence.sig`.

use std::io;
use std::path::{Path, PathBuf};

use super::signed;
use crate::durable;
use crate::trust::{JudgedAt, SecretKey, TrustRoot};
use pgseal_verify::format::evidence::EvidenceStatement;
use pgseal_verify::format::file_name::EVIDENCE;
use pgseal_verify::format::json;
use pgseal_verify::limits;
use pgseal_verify::record::signed::ReceiptError;

pub use pgseal_verify::record::evidence::{ReadAnswer, check, claims};

/// Whether a file has the name of a signed answer.
pub fn is_one(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().ends_with(EVIDENCE.as_bytes()))
}

/// Signs an answer, writes it as a new file and returns its path. Makes the directory.
pub fn write(
    dir: &Path,
    stem: &str,
    statement: &EvidenceStatement,
    key: &SecretKey,
) -> io::Result<PathBuf> {
    let bytes = json::to_canonical(statement).map_err(io::Error::other)?;
    // Readers refuse more, and a cut answer would not be the printed one.
    if bytes.len() as u64 > limits::DOCUMENT_BYTES {
        let text = format!("the answer is larger than {} bytes", limits::DOCUMENT_BYTES);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    durable::create_dirs(dir)?;
    signed::reserve(dir, stem, "evidence", true)?.write_bytes(&bytes, Some(key))
}

/// Reads an answer's content without checking its signature. It proves nothing.
pub fn claimed(path: &Path) -> Result<EvidenceStatement, ReceiptError> {
    claims(&signed::read_limited(path)?)
}

/// Reads `STEM.evidence.json` with its signature and its time stamp `STEM.evidence.tsr`, if any.
pub fn read(path: &Path, root: &TrustRoot, when: JudgedAt) -> Result<ReadAnswer, ReceiptError> {
    check(signed::read_parts(path)?, root, when)
}
