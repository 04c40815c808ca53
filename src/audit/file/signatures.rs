//! Signers, and the fault kinds of signature errors.

use crate::audit::fault::FaultKind;
use crate::audit::file_facts::{Seen, Signer};
use crate::audit::judge::Judge;
use crate::trust::KeyId;
use crate::trust::attestations::AttestationError;
use crate::trust::evidence::{Evidence, TokenError};
use crate::trust::root::SignatureError;
use pgseal_verify::format::trust_document::KeyStatus;

pub fn signature_kind(error: &SignatureError) -> FaultKind {
    match error {
        SignatureError::UnknownKey(_) => FaultKind::UnknownKey,
        SignatureError::Invalid(_) => FaultKind::InvalidSignature,
        SignatureError::Threshold { why, .. }
            if why.iter().any(|(_, _, reason)| reason.is_revoked()) =>
        {
            FaultKind::RevokedKey
        }
        SignatureError::Threshold { .. } => FaultKind::TooFewSignatures,
    }
}

pub fn added_kind(error: &AttestationError) -> FaultKind {
    match error {
        AttestationError::Signature(error) => signature_kind(error),
        AttestationError::Statement { .. }
        | AttestationError::Order(_)
        | AttestationError::NoRelease(_)
        | AttestationError::OtherRelease { .. }
        | AttestationError::OtherTarget(_) => FaultKind::BadApproval,
    }
}

pub fn token_kind(error: &TokenError) -> FaultKind {
    match error {
        TokenError::NoSignature(_) | TokenError::Token { .. } | TokenError::NoAuthority(_) => {
            FaultKind::BadTimeStamp
        }
    }
}

/// FileFacts about a key with a valid signature.
pub fn signer(
    judge: &Judge<'_>,
    key_id: KeyId,
    evidence: Evidence,
    why_not: Option<String>,
) -> Signer {
    let entry = judge.root.entry(&key_id);
    Signer {
        key_id,
        owner: judge.root.owner(&key_id).to_owned(),
        evidence: Seen::from(evidence),
        why_not,
        revoked: entry.is_some_and(|entry| entry.status == KeyStatus::Revoked),
        compromised_since: entry.and_then(|entry| entry.compromised_since),
    }
}

/// The keys of an unmet threshold: their signatures are valid and don't count.
pub fn not_counted(judge: &Judge<'_>, error: &SignatureError) -> Vec<Signer> {
    let SignatureError::Threshold { why, .. } = error else {
        return Vec::new();
    };
    let claimed = Evidence::Claimed(None);
    why.iter()
        .map(|(key, _, reason)| signer(judge, *key, claimed, Some(reason.to_string())))
        .collect()
}
