//! The trust root on disk: `FILE`, and its signatures as `FILE.sigs/VERSION.KEYID.sig`, 64 raw bytes each.
//!
//! A version's signatures are written before the document that they are for is renamed into place, under names that no
//! other version has. Whatever is interrupted, `FILE` and the signatures of its version belong together.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::key_id::KeyId;
use super::root::{ClaimedSignature, TrustError, TrustRoot};
use super::secret_key::SecretKey;
use crate::format::json::{self, JsonError};
use crate::format::trust_document::{PAYLOAD_TYPE, TrustDocument};
use crate::limits;

/// Why there is no trust root.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file can't be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The document doesn't hold.
    #[error("{path}: {source}", path = path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TrustError,
    },
    /// A document that can't be written.
    #[error(transparent)]
    Document(#[from] JsonError),
}

/// Reads and checks the trust root.
pub fn read(path: &Path) -> Result<TrustRoot, StoreError> {
    let document = read_limited(path)?;
    let trust = |source| StoreError::Trust { path: path.to_owned(), source };
    let version = json::from_canonical::<TrustDocument>(&document).map_err(|error| trust(error.into()))?.version;
    let signatures = read_signatures(&signatures_dir(path), version)?;
    TrustRoot::load(&document, &signatures).map_err(trust)
}

/// Signs the first version and puts it in place, if it then holds. Nothing is changed when it does not.
pub fn install(path: &Path, document: &TrustDocument, root_keys: &[SecretKey]) -> Result<TrustRoot, StoreError> {
    put(path, document, root_keys, |_, _| Ok(()))
}

/// Signs the next version and puts it in place, if it then holds and the root keys of the version before it agree.
pub fn install_next(
    path: &Path,
    before: &TrustRoot,
    document: &TrustDocument,
    root_keys: &[SecretKey],
) -> Result<TrustRoot, StoreError> {
    put(path, document, root_keys, |bytes, signatures| before.agrees(bytes, signatures))
}

fn put(
    path: &Path,
    document: &TrustDocument,
    root_keys: &[SecretKey],
    agreed: impl FnOnce(&[u8], &[ClaimedSignature]) -> Result<(), TrustError>,
) -> Result<TrustRoot, StoreError> {
    let bytes = json::to_canonical(document)?;
    let sign = |key: &SecretKey| (key.public_key().id(), key.sign(PAYLOAD_TYPE, &bytes));
    let signatures: Vec<ClaimedSignature> = root_keys.iter().map(sign).collect();
    let loaded = TrustRoot::load(&bytes, &signatures).and_then(|root| agreed(&bytes, &signatures).map(|()| root));
    let root = loaded.map_err(|source| StoreError::Trust { path: path.to_owned(), source })?;
    let dir = signatures_dir(path);
    fs::create_dir_all(&dir).map_err(|source| StoreError::Io { path: dir.clone(), source })?;
    for (id, signature) in &signatures {
        replace(&dir.join(format!("{}.{id}.sig", document.version)), signature)?;
    }
    replace(path, &bytes)?;
    Ok(root)
}

fn signatures_dir(path: &Path) -> PathBuf {
    let mut dir = path.as_os_str().to_owned();
    dir.push(".sigs");
    dir.into()
}

fn read_signatures(dir: &Path, version: u32) -> Result<Vec<ClaimedSignature>, StoreError> {
    let io = |source| StoreError::Io { path: dir.to_owned(), source };
    let mut signatures = Vec::new();
    let files = match fs::read_dir(dir) {
        // Signatures that were taken away are signatures that are missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(signatures),
        files => files.map_err(io)?,
    };
    for file in files {
        let path = file.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let id = name.strip_prefix(&format!("{version}.")).and_then(|rest| rest.strip_suffix(".sig"));
        let Some(id) = id.and_then(|id| id.parse::<KeyId>().ok()) else { continue };
        let signature = <[u8; 64]>::try_from(read_limited(&path)?);
        let length = || io::Error::new(io::ErrorKind::InvalidData, "a signature has 64 bytes");
        signatures.push((id, signature.map_err(|_| StoreError::Io { path, source: length() })?));
    }
    signatures.sort();
    Ok(signatures)
}

fn read_limited(path: &Path) -> Result<Vec<u8>, StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    // A pipe is not opened at all: it would wait for a writer.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(io(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    let file = fs::File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(limits::DOCUMENT_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limits::DOCUMENT_BYTES {
        return Err(io(io::Error::new(io::ErrorKind::InvalidData, "the file is too large")));
    }
    Ok(bytes)
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    crate::durable::replace(path, |file| file.write_all(bytes))
        .map_err(|source| StoreError::Io { path: path.to_owned(), source })
}
