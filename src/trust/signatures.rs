//! The signatures of a draft while they are collected: made by many people, counted for both versions that must agree.

pub use super::draft_root::Tally;
use super::pae::pre_authentication_encoding;
use super::public_key::PublicKey;
use super::root::{ClaimedSignature, DraftRoot, SignatureError, TrustRoot};
use super::signer::{Signer, SignerError};
use pgseal_verify::format::trust_document::PAYLOAD_TYPE;

/// How far the signatures of a draft are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// By the draft's own root keys.
    pub own: Tally,
    /// By the root keys of the version before it, where that one is known.
    pub before: Option<Tally>,
}

impl Progress {
    /// Whether nothing that is known is missing.
    pub fn is_met(self) -> bool {
        self.own.is_met() && self.before.is_none_or(Tally::is_met)
    }
}

/// The exact bytes that a root key signs.
pub fn to_be_signed(draft: &DraftRoot) -> Vec<u8> {
    pre_authentication_encoding(PAYLOAD_TYPE, draft.bytes())
}

/// A draft's signatures by some keys.
pub fn sign(draft: &DraftRoot, signers: &[&dyn Signer]) -> Result<Vec<ClaimedSignature>, SignerError> {
    let sign = |signer: &&dyn Signer| Ok((signer.public_key().id(), signer.sign(PAYLOAD_TYPE, draft.bytes())?));
    signers.iter().map(sign).collect()
}

/// A signature that was made elsewhere, when it is this key's over the draft.
pub fn made_elsewhere(
    draft: &DraftRoot,
    key: &PublicKey,
    signature: [u8; 64],
) -> Result<ClaimedSignature, SignatureError> {
    let valid = key.signed(PAYLOAD_TYPE, draft.bytes(), &signature);
    if valid { Ok((key.id(), signature)) } else { Err(SignatureError::Invalid(key.id())) }
}

/// Counts the signatures of a draft for itself and, where it is known, for the version before it. One that is invalid, or
/// that neither version knows, is an error.
pub fn progress(
    draft: &DraftRoot,
    before: Option<&TrustRoot>,
    signatures: &[ClaimedSignature],
) -> Result<Progress, SignatureError> {
    let (listed, others): (Vec<ClaimedSignature>, Vec<_>) =
        signatures.iter().partition(|(id, _)| draft.key(id).is_some());
    let own = tally(draft.root_signatures(&listed).map(|keys| keys.len()), draft.root_threshold())?;
    let Some(before) = before else { return Ok(Progress { own, before: None }) };
    if let Some((stranger, _)) = others.iter().find(|(id, _)| before.draft().key(id).is_none()) {
        return Err(SignatureError::UnknownKey(*stranger));
    }
    let agreed = before.agrees(draft, signatures).map(|keys| keys.len());
    Ok(Progress { own, before: Some(tally(agreed, before.draft().root_threshold())?) })
}

/// Too few is an answer here; anything else that is wrong with a signature stays an error.
fn tally(counted: Result<usize, SignatureError>, threshold: u8) -> Result<Tally, SignatureError> {
    match counted {
        Ok(counted) | Err(SignatureError::Threshold { counted, .. }) => Ok(Tally { counted, threshold }),
        Err(error) => Err(error),
    }
}
