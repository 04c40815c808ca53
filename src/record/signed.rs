//! Signed documents that are written once: `STEM.KIND.json`, `STEM.KIND.sig` (64 raw bytes over the DSSE
//! pre-authentication encoding) if the host has a `receipt` key, and `STEM.KIND.tsr`, a time stamp.

use std::io;
use std::path::{Path, PathBuf};

use crate::durable::Reserved;
use crate::trust::SecretKey;
use pgseal_verify::format::statement::PAYLOAD_TYPE;
use pgseal_verify::limits;
use pgseal_verify::record::signed::Parts;

pub struct Reservation {
    document: Reserved,
    signature: Option<Reserved>,
    path: PathBuf,
}

const SIGNATURE_BYTES: u64 = 64;

/// Reserves the files in an existing directory. Fails without a trace if the medium is full or read-only,
/// or one of the files exists. If the reservation is dropped, no file remains.
pub(super) fn reserve(
    dir: &Path,
    stem: &str,
    kind: &str,
    is_signed: bool,
) -> io::Result<Reservation> {
    let path = dir.join(format!("{stem}.{kind}.json"));
    let document = Reserved::new(&path, limits::RECEIPT_BYTES)?;
    let signature = is_signed
        .then(|| Reserved::new(&path.with_extension("sig"), SIGNATURE_BYTES))
        .transpose()?;
    Ok(Reservation {
        document,
        signature,
        path,
    })
}

impl Reservation {
    /// Writes the signature, then the document, and returns its path.
    pub(super) fn write_bytes(self, bytes: &[u8], key: Option<&SecretKey>) -> io::Result<PathBuf> {
        let Self {
            document,
            signature,
            path,
        } = self;
        let sign = |signature: Reserved| match key {
            Some(key) => signature.write(&key.sign(PAYLOAD_TYPE, bytes)),
            None => Ok(()),
        };
        let written = signature
            .map_or(Ok(()), sign)
            .and_then(|()| document.write(bytes));
        if written.is_err() && key.is_some() && !path.exists() {
            // Best effort: a signature without its document proves nothing.
            let _ = std::fs::remove_file(path.with_extension("sig"));
        }
        written.map(|()| path)
    }
}

/// Reads a document with its signature and its time stamp, if any.
pub fn read_parts(path: &Path) -> io::Result<Parts> {
    let document = read_limited(path)?;
    Ok(Parts {
        document,
        signature: sibling(path, "sig")?,
        token: sibling(path, "tsr")?,
    })
}

fn sibling(path: &Path, extension: &str) -> io::Result<Option<Vec<u8>>> {
    match read_limited(&path.with_extension(extension)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Reads a regular file of at most the size of a document.
pub(super) fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > limits::DOCUMENT_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file of the size of a document",
        ));
    }
    std::fs::read(path)
}
