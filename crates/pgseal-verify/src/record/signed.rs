//! Documents with one signature: the parts of one, and what they prove.

use std::io;

use crate::digest::Digest;
use crate::format::json::JsonError;
use crate::format::manifest::Release;
use crate::format::statement::{DigestSet, PAYLOAD_TYPE, ReleaseId, Subject, title};
use crate::format::timestamp::Timestamp;
use crate::trust::evidence::{Evidence, Proofs, TokenError};
use crate::trust::root::{SignatureError, name};
use crate::trust::{KeyId, TrustRoot, When};

/// The subject of a document about a release.
pub fn subject(release: &Release, id: ReleaseId) -> Vec<Subject> {
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
