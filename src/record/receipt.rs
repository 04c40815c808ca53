//! Writes and authenticates receipts: `STEM.receipt.json`, and `STEM.receipt.sig` (64 raw bytes over the DSSE pre-authentication
//! encoding) when the host has a `receipt` key.

mod beside;
mod size;

use std::io;
use std::path::{Path, PathBuf};

use crate::durable::Reserved;
use crate::format::json::{self, JsonError};
use crate::format::receipt::{Receipt, ReceiptPredicateType, ReceiptStatement};
use crate::format::statement::{DigestSet, PAYLOAD_TYPE, ReleaseId, StatementType, Subject, title};
use crate::limits;
use crate::trust::evidence::{Evidence, Proofs, TokenError};
use crate::trust::root::{SignatureError, name};
use crate::trust::{KeyId, SecretKey, TrustRoot, When};

pub use beside::{Beside, journal_of};

/// A receipt that will be written: its names are free, and its room is taken.
pub struct Reservation {
    document: Reserved,
    signature: Option<Reserved>,
    path: PathBuf,
}

/// A signature, in bytes.
const SIGNATURE_BYTES: u64 = 64;

/// Takes the names and the room of a receipt in a directory that is there. Fails before anything has happened when the
/// medium is full, read-only, or one of the files exists. Dropped it leaves nothing.
pub fn reserve(dir: &Path, stem: &str, is_signed: bool) -> io::Result<Reservation> {
    let path = dir.join(format!("{stem}.receipt.json"));
    let document = Reserved::new(&path, limits::RECEIPT_BYTES)?;
    let signature = is_signed.then(|| Reserved::new(&path.with_extension("sig"), SIGNATURE_BYTES)).transpose()?;
    Ok(Reservation { document, signature, path })
}

impl Reservation {
    /// Writes the receipt and gives its path. The signature is there before the document that it is for.
    pub fn write(self, release_id: ReleaseId, receipt: Receipt, key: Option<&SecretKey>) -> io::Result<PathBuf> {
        let statement = ReceiptStatement {
            type_: StatementType::V1,
            subject: vec![Subject {
                name: title(&receipt.release.name, &receipt.release.version),
                digest: DigestSet { sha256: release_id.digest() },
            }],
            predicate_type: ReceiptPredicateType::V1,
            predicate: Receipt { signer: key.map(|key| key.public_key().id().digest()), ..receipt },
        };
        let bytes = size::fitted(statement).map_err(io::Error::other)?;
        let Self { document, signature, path } = self;
        let sign = |signature: Reserved| match key {
            Some(key) => signature.write(&key.sign(PAYLOAD_TYPE, &bytes)),
            None => Ok(()),
        };
        let written = signature.map_or(Ok(()), sign).and_then(|()| document.write(&bytes));
        if written.is_err() && key.is_some() && !path.exists() {
            // A signature of nothing. Best effort: without its document it says nothing either.
            let _ = std::fs::remove_file(path.with_extension("sig"));
        }
        written.map(|()| path)
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

/// What a receipt says, whoever signed it. It proves nothing.
pub fn claimed(path: &Path) -> Result<ReceiptStatement, ReceiptError> {
    parse(&read_limited(path)?)
}

fn parse(document: &[u8]) -> Result<ReceiptStatement, ReceiptError> {
    let statement: ReceiptStatement = json::from_canonical(document)?;
    let release = &statement.predicate.release;
    if !matches!(&statement.subject[..], [one] if one.name == title(&release.name, &release.version)) {
        return Err(ReceiptError::Subject);
    }
    Ok(statement)
}

/// Reads `STEM.receipt.json` with its signature and, where there is one, its time stamp `STEM.receipt.tsr`.
pub fn read(path: &Path, root: &TrustRoot, when: When) -> Result<ReadReceipt, ReceiptError> {
    let document = read_limited(path)?;
    let signature = beside(path, "sig")?;
    let unread =
        |bytes: Vec<u8>| <[u8; 64]>::try_from(bytes).map_err(|bytes| ReceiptError::SignatureLength(bytes.len()));
    let signature = signature.map(unread).transpose()?;
    // The signer's id stands in the document, so it is parsed first; what it says counts only after the signature held.
    let statement = parse(&document)?;
    let (signer, bytes) = match (statement.predicate.signer, signature) {
        (None, None) => return Ok(ReadReceipt { statement, signed: None }),
        (Some(signer), Some(bytes)) => (KeyId::claimed(signer), bytes),
        (Some(_), None) => {
            return Err(ReceiptError::Stripped { said: "it is signed", found: "its signature is missing" });
        }
        (None, Some(_)) => {
            return Err(ReceiptError::Stripped { said: "it is not signed", found: "there is a signature" });
        }
    };
    let token = beside(path, "tsr")?.map(|token| (signer, token));
    let signatures = [(signer, bytes)];
    let proofs = Proofs::gather(root, &signatures, &[], token.as_slice())?;
    root.authenticate_with(&name("receipt"), PAYLOAD_TYPE, &document, &signatures, when, &proofs)?;
    let evidence = proofs.of(&signatures[0], Some(statement.predicate.finished));
    Ok(ReadReceipt { statement, signed: Some((signer, evidence)) })
}

fn beside(path: &Path, extension: &str) -> io::Result<Option<Vec<u8>>> {
    match read_limited(&path.with_extension(extension)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > limits::DOCUMENT_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file of the size of a document"));
    }
    std::fs::read(path)
}
