//! Documents with one signature: their parts, and their authentication.

use std::io;

use crate::digest::Digest;
use crate::format::json::JsonError;
use crate::format::manifest::Release;
use crate::format::statement::{DigestSet, PAYLOAD_TYPE, ReleaseId, Subject, title};
use crate::format::timestamp::Timestamp;
use crate::trust::evidence::{Evidence, Proofs, TokenError};
use crate::trust::root::{SignatureError, name};
use crate::trust::{JudgedAt, KeyId, TrustRoot};

/// The subject of a document about a release.
pub fn subject(release: &Release, id: ReleaseId) -> Vec<Subject> {
    vec![Subject {
        name: title(&release.name, &release.version),
        digest: DigestSet {
            sha256: id.digest(),
        },
    }]
}

/// Fails unless the subject is the one release of this name.
pub(super) fn check_subject(subject: &[Subject], release: &Release) -> Result<(), ReceiptError> {
    match subject {
        [one] if one.name == title(&release.name, &release.version) => Ok(()),
        _ => Err(ReceiptError::Subject),
    }
}

/// Reason why a receipt is not authentic.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum ReceiptError {
    /// An unreadable file.
    #[error("can't be read: {0}")]
    Io(#[from] io::Error),
    /// A file that is not a receipt.
    #[error("not a receipt: {0}")]
    Document(#[from] JsonError),
    /// A document that names a signer but has no signature, or the reverse.
    #[error("it says that {said}, and {found}")]
    Stripped {
        /// Claim of the document.
        said: &'static str,
        /// The contradicting fact.
        found: &'static str,
    },
    /// A subject of several releases, none, or another than the named one.
    #[error("its subject is not the one release that it names")]
    Subject,
    /// A signature file of a wrong length.
    #[error("its signature has {0} bytes, expected 64")]
    SignatureLength(usize),
    /// A signature by an unknown key, an invalid one, or one by a key that does not count.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A timestamp that cannot be checked.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Claims of a document about its own signature.
pub(super) trait Signed {
    /// Key of the signer.
    fn signer(&self) -> Option<Digest>;
    /// End by the host's clock.
    fn finished(&self) -> Timestamp;
}

/// A document with a valid signature, or one that claims none.
pub(super) struct Read<T> {
    pub statement: T,
    pub signed: Option<(KeyId, Evidence)>,
}

/// The bytes of a document and its sibling files.
pub struct Parts {
    /// `STEM.KIND.json`
    pub document: Vec<u8>,
    /// `STEM.KIND.sig`, if present.
    pub signature: Option<Vec<u8>>,
    /// `STEM.KIND.tsr`, if present.
    pub token: Option<Vec<u8>>,
}

/// Checks a document's signature and timestamp.
pub(super) fn check<T: Signed>(
    parts: Parts,
    root: &TrustRoot,
    when: JudgedAt,
    parse: impl FnOnce(&[u8]) -> Result<T, ReceiptError>,
) -> Result<Read<T>, ReceiptError> {
    let Parts {
        document,
        signature,
        token,
    } = parts;
    let unread = |bytes: Vec<u8>| {
        <[u8; 64]>::try_from(bytes).map_err(|bytes| ReceiptError::SignatureLength(bytes.len()))
    };
    let signature = signature.map(unread).transpose()?;
    // The document contains the signer's id, so it is parsed first; its content counts only after
    // the signature was verified.
    let statement = parse(&document)?;
    let (signer, bytes) = match (statement.signer(), signature) {
        (None, None) => {
            return Ok(Read {
                statement,
                signed: None,
            });
        }
        (Some(signer), Some(bytes)) => (KeyId::claimed(signer), bytes),
        (Some(_), None) => {
            return Err(ReceiptError::Stripped {
                said: "it is signed",
                found: "its signature is missing",
            });
        }
        (None, Some(_)) => {
            return Err(ReceiptError::Stripped {
                said: "it is not signed",
                found: "there is a signature",
            });
        }
    };
    let token = token.map(|token| (signer, token));
    let signatures = [(signer, bytes)];
    let proofs = Proofs::gather(root, &signatures, &[], token.as_slice())?;
    root.authenticate_with(
        &name("receipt"),
        PAYLOAD_TYPE,
        &document,
        &signatures,
        when,
        &proofs,
    )?;
    let evidence = proofs.of(&signatures[0], Some(statement.finished()));
    Ok(Read {
        statement,
        signed: Some((signer, evidence)),
    })
}
