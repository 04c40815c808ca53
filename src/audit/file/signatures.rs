//! Who signed, and why a signature doesn't count.

use crate::audit::facts::{Seen, Signer};
use crate::audit::fault::FaultKind;
use crate::audit::judge::Judge;
use crate::trust::KeyId;
use crate::trust::added::AddedError;
use crate::trust::evidence::{Evidence, TokenError};
use crate::trust::root::SignatureError;
use pgseal_verify::format::trust_document::KeyStatus;

/// The word for an error of signatures.
pub fn word(error: &SignatureError) -> FaultKind {
    match error {
        SignatureError::UnknownKey(_) => FaultKind::UnknownKey,
        SignatureError::Invalid(_) => FaultKind::InvalidSignature,
        SignatureError::Threshold { why, .. } if why.iter().any(|(_, _, reason)| reason.is_revoked()) => {
            FaultKind::RevokedKey
        }
        SignatureError::Threshold { .. } => FaultKind::TooFewSignatures,
    }
}

/// The word for an error of what was added.
pub fn added_word(error: &AddedError) -> FaultKind {
    match error {
        AddedError::Signature(error) => word(error),
        AddedError::Statement { .. }
        | AddedError::Order(_)
        | AddedError::NoRelease(_)
        | AddedError::OtherRelease { .. }
        | AddedError::OtherTarget(_) => FaultKind::BadApproval,
    }
}

/// The word for an error of a time stamp.
pub fn token_word(error: &TokenError) -> FaultKind {
    match error {
        TokenError::NoSignature(_) | TokenError::Token { .. } | TokenError::NoAuthority(_) => FaultKind::BadTimeStamp,
    }
}

/// A key whose signature holds.
pub fn signer(judge: &Judge<'_>, key_id: KeyId, evidence: Evidence, why_not: Option<String>) -> Signer {
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

/// The keys of a threshold that isn't met: their signatures hold, and don't count.
pub fn not_counted(judge: &Judge<'_>, error: &SignatureError) -> Vec<Signer> {
    let SignatureError::Threshold { why, .. } = error else { return Vec::new() };
    let one = |(key, _, reason): &(KeyId, String, crate::trust::judge::NotCounted)| {
        signer(judge, *key, Evidence::Claimed(None), Some(reason.to_string()))
    };
    why.iter().map(one).collect()
}
