//! Collects the signatures of a draft from several signers, and counts them for the draft and for
//! the version before it; both must agree.

pub use super::draft_root::Tally;
use super::pae::pre_authentication_encoding;
use super::public_key::PublicKey;
use super::root::{ClaimedSignature, DraftRoot, SignatureError, TrustRoot};
use super::signer::{Signer, SignerError};
use pgseal_verify::format::trust_document::PAYLOAD_TYPE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Signatures by the draft's own root keys.
    pub own: Tally,
    /// Signatures by root keys of the version before, if that version is known.
    pub before: Option<Tally>,
}

impl Progress {
    /// Whether every known threshold is met.
    pub fn is_met(self) -> bool {
        self.own.is_met() && self.before.is_none_or(Tally::is_met)
    }
}

/// The exact bytes that a root key signs.
pub fn to_be_signed(draft: &DraftRoot) -> Vec<u8> {
    pre_authentication_encoding(PAYLOAD_TYPE, draft.bytes())
}

pub fn sign(
    draft: &DraftRoot,
    signers: &[&dyn Signer],
) -> Result<Vec<ClaimedSignature>, SignerError> {
    let sign = |signer: &&dyn Signer| {
        Ok((
            signer.public_key().id(),
            signer.sign(PAYLOAD_TYPE, draft.bytes())?,
        ))
    };
    signers.iter().map(sign).collect()
}

/// Verifies a signature that was made outside pgseal.
pub fn made_elsewhere(
    draft: &DraftRoot,
    key: &PublicKey,
    signature: [u8; 64],
) -> Result<ClaimedSignature, SignatureError> {
    let valid = key.signed(PAYLOAD_TYPE, draft.bytes(), &signature);
    if valid {
        Ok((key.id(), signature))
    } else {
        Err(SignatureError::Invalid(key.id()))
    }
}

/// Counts the signatures of a draft for itself and for the version before, if that version is
/// known. A signature that is invalid, or by a key unknown to both, is an error.
pub fn progress(
    draft: &DraftRoot,
    before: Option<&TrustRoot>,
    signatures: &[ClaimedSignature],
) -> Result<Progress, SignatureError> {
    let (listed, others): (Vec<ClaimedSignature>, Vec<_>) = signatures
        .iter()
        .partition(|(id, _)| draft.key(id).is_some());
    let own = tally(
        draft.root_signatures(&listed).map(|keys| keys.len()),
        draft.root_threshold(),
    )?;
    let Some(before) = before else {
        return Ok(Progress { own, before: None });
    };
    if let Some((stranger, _)) = others
        .iter()
        .find(|(id, _)| before.draft().key(id).is_none())
    {
        return Err(SignatureError::UnknownKey(*stranger));
    }
    let agreed = before.agrees(draft, signatures).map(|keys| keys.len());
    Ok(Progress {
        own,
        before: Some(tally(agreed, before.draft().root_threshold())?),
    })
}

/// Converts a missed threshold into a tally. Other signature errors stay errors.
fn tally(counted: Result<usize, SignatureError>, threshold: u8) -> Result<Tally, SignatureError> {
    match counted {
        Ok(counted) | Err(SignatureError::Threshold { counted, .. }) => {
            Ok(Tally { counted, threshold })
        }
        Err(error) => Err(error),
    }
}
