//! What is written once, with a signature beside it: `STEM.KIND.json`, `STEM.KIND.sig` (64 raw bytes over the DSSE
//! pre-authentication encoding) when the host has a `receipt` key, and `STEM.KIND.tsr` where somebody had it time-stamped.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::durable::Reserved;
use crate::format::json::JsonError;
use crate::format::manifest::Release;
use crate::format::statement::{DigestSet, PAYLOAD_TYPE, ReleaseId, Subject, title};
use crate::format::timestamp::Timestamp;
use crate::limits;
use crate::trust::evidence::{Evidence, Proofs, TokenError};
use crate::trust::root::{SignatureError, name};
use crate::trust::{KeyId, SecretKey, TrustRoot, When};

/// A document that will be written: its names are free, and its room is taken.
pub struct Reservation {
    document: Reserved,
    signature: Option<Reserved>,
    path: PathBuf,
}

/// A signature, in bytes.
const SIGNATURE_BYTES: u64 = 64;

/// Takes the names and the room in a directory that is there. Fails before anything has happened when the medium is full,
/// read-only, or one of the files exists. Dropped it leaves nothing.
pub(super) fn reserve(dir: &Path, stem: &str, kind: &str, is_signed: bool) -> io::Result<Reservation> {
    let path = dir.join(format!("{stem}.{kind}.json"));
    let document = Reserved::new(&path, limits::RECEIPT_BYTES)?;
    let signature = is_signed.then(|| Reserved::new(&path.with_extension("sig"), SIGNATURE_BYTES)).transpose()?;
    Ok(Reservation { document, signature, path })
}

impl Reservation {
    /// Writes the document and gives its path. The signature is there before the document that it is for.
    pub(super) fn write_bytes(self, bytes: &[u8], key: Option<&SecretKey>) -> io::Result<PathBuf> {
        let Self { document, signature, path } = self;
        let sign = |signature: Reserved| match key {
            Some(key) => signature.write(&key.sign(PAYLOAD_TYPE, bytes)),
            None => Ok(()),
        };
        let written = signature.map_or(Ok(()), sign).and_then(|()| document.write(bytes));
        if written.is_err() && key.is_some() && !path.exists() {
            // A signature of nothing. Best effort: without its document it says nothing either.
            let _ = std::fs::remove_file(path.with_extension("sig"));
        }
        written.map(|()| path)
    }
}

/// The subject of a document about a release.
pub(super) fn subject(release: &Release, id: ReleaseId) -> Vec<Subject> {
    vec![Subject { name: title(&release.name, &release.version), digest: DigestSet { sha256: id.digest() } }]
}

/// Whether a subject is the one release of this name.
pub(super) fn check_subject(subject: &[Subject], release: &Release) -> Result<(), ReceiptError> {
    match subject {
        [one] if one.name == title(&release.name, &release.version) => Ok(()),
        _ => Err(ReceiptError::Subject),
    }
}

/// Why a receipt is not authentic.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// A file can't be read.
    #[error("can't be read: {0}")]
    Io(#[from] io::Error),
    /// Not a receipt.
    #[error("not a receipt: {0}")]
    Document(#[from] JsonError),
    /// It names a signer, and the signature is gone; or the other way round.
    #[error("it says that {said}, and {found}")]
    Stripped {
        /// What the document says.
        said: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// About several releases, none, or another than it names.
    #[error("its subject is not the one release that it names")]
    Subject,
    /// A signature file that is none.
    #[error("its signature has {0} bytes, expected 64")]
    SignatureLength(usize),
    /// By a stranger, invalid, or by a key that doesn't count.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A time stamp that can't be checked.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// What a document says of its own signature.
pub(super) trait Signed {
    /// Who signed it.
    fn signer(&self) -> Option<Digest>;
    /// When it was finished, by its host's clock.
    fn finished(&self) -> Timestamp;
}

/// A document whose signature held, or that claims none.
pub(super) struct Read<T> {
    pub statement: T,
    pub signed: Option<(KeyId, Evidence)>,
}

/// A document with what is beside it, as bytes.
pub struct Parts {
    /// `STEM.KIND.json`
    pub document: Vec<u8>,
    /// `STEM.KIND.sig`, where there is one.
    pub signature: Option<Vec<u8>>,
    /// `STEM.KIND.tsr`, where there is one.
    pub token: Option<Vec<u8>>,
}

impl Parts {
    /// Reads a document with its signature and, where there is one, its time stamp.
    pub fn read(path: &Path) -> io::Result<Self> {
        let document = read_limited(path)?;
        Ok(Self { document, signature: beside(path, "sig")?, token: beside(path, "tsr")? })
    }
}

/// Checks a document's signature and time stamp.
pub(super) fn check<T: Signed>(
    parts: Parts,
    root: &TrustRoot,
    when: When,
    parse: impl FnOnce(&[u8]) -> Result<T, ReceiptError>,
) -> Result<Read<T>, ReceiptError> {
    let Parts { document, signature, token } = parts;
    let unread =
        |bytes: Vec<u8>| <[u8; 64]>::try_from(bytes).map_err(|bytes| ReceiptError::SignatureLength(bytes.len()));
    let signature = signature.map(unread).transpose()?;
    // The signer's id stands in the document, so it is parsed first; what it says counts only after the signature held.
    let statement = parse(&document)?;
    let (signer, bytes) = match (statement.signer(), signature) {
        (None, None) => return Ok(Read { statement, signed: None }),
        (Some(signer), Some(bytes)) => (KeyId::claimed(signer), bytes),
        (Some(_), None) => {
            return Err(ReceiptError::Stripped { said: "it is signed", found: "its signature is missing" });
        }
        (None, Some(_)) => {
            return Err(ReceiptError::Stripped { said: "it is not signed", found: "there is a signature" });
        }
    };
    let token = token.map(|token| (signer, token));
    let signatures = [(signer, bytes)];
    let proofs = Proofs::gather(root, &signatures, &[], token.as_slice())?;
    root.authenticate_with(&name("receipt"), PAYLOAD_TYPE, &document, &signatures, when, &proofs)?;
    let evidence = proofs.of(&signatures[0], Some(statement.finished()));
    Ok(Read { statement, signed: Some((signer, evidence)) })
}

fn beside(path: &Path, extension: &str) -> io::Result<Option<Vec<u8>>> {
    match read_limited(&path.with_extension(extension)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// A file of at most the size of a document.
pub(super) fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > limits::DOCUMENT_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file of the size of a document"));
    }
    std::fs::read(path)
}
