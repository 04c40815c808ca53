//! Authentication of signed answers.

use super::signed::{self, Parts, ReceiptError};
use crate::digest::Digest;
use crate::format::evidence::{AnswerKind, EvidenceStatement, SignedAnswer};
use crate::format::statement::Subject;
use crate::format::timestamp::Timestamp;
use crate::format::wire;
use crate::trust::evidence::Evidence;
use crate::trust::{JudgedAt, KeyId, TrustRoot};

/// An answer with a valid signature.
pub struct ReadAnswer {
    /// Content of the document.
    pub statement: EvidenceStatement,
    /// Signing key and the evidence for the time of the signature.
    pub signed: (KeyId, Evidence),
}

/// Parses an answer without checking its signature. The result proves nothing.
pub fn claims(document: &[u8]) -> Result<EvidenceStatement, ReceiptError> {
    let statement: EvidenceStatement = wire::read(document)?;
    check_subject(&statement.subject, &statement.predicate)?;
    Ok(statement)
}

/// Fails unless a key that counts for the role `receipt` signed the answer. Unsigned answers do not
/// exist.
///
/// ```
/// use pgseal_verify::{JudgedAt, Parts, SignedAnswer, TrustRoot, check_answer};
///
/// /// The answer of a command, if a host's key signed it.
/// fn answer(parts: Parts, root: &TrustRoot, now: JudgedAt) -> Result<SignedAnswer, Box<dyn std::error::Error>> {
///     Ok(check_answer(parts, root, now)?.statement.predicate)
/// }
/// ```
pub fn check(parts: Parts, root: &TrustRoot, when: JudgedAt) -> Result<ReadAnswer, ReceiptError> {
    let signed::Read { statement, signed } = signed::check(parts, root, when, claims)?;
    let signed = signed.ok_or(ReceiptError::Stripped {
        said: "it is not signed",
        found: "answers always are",
    })?;
    Ok(ReadAnswer { statement, signed })
}

/// Fails unless the subject is the one release, or for a fingerprint the one database with the
/// digest of the answer.
fn check_subject(subject: &[Subject], said: &SignedAnswer) -> Result<(), ReceiptError> {
    // docs/decisions/081
    match (said.kind, &said.release) {
        (AnswerKind::Fingerprint, None) => match subject {
            [one]
                if said.answer["database"] == one.name
                    && said.answer["sha256"] == one.digest.sha256.to_string() =>
            {
                Ok(())
            }
            _ => Err(ReceiptError::Subject),
        },
        (AnswerKind::Fingerprint, Some(_)) | (_, None) => Err(ReceiptError::Subject),
        (_, Some(release)) => signed::check_subject(subject, release),
    }
}

impl signed::Signed for EvidenceStatement {
    fn signer(&self) -> Option<Digest> {
        Some(self.predicate.signer)
    }

    fn finished(&self) -> Timestamp {
        self.predicate.at
    }
}
