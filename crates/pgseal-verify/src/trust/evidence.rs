//! Evidence of a signature's age: the signer's claim, notarisations, and time stamps.

use std::collections::{BTreeMap, BTreeSet};

use super::attestations::SignedNotarisation;
use super::key_id::KeyId;
use super::root::{ClaimedSignature, TrustRoot, name};
use super::timestamp::TimestampError;
use crate::digest::Digest;
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::KeyStatus;

/// A time stamp token as read from a file: the key of the stamped signature, and the token's bytes.
pub type ClaimedToken = (KeyId, Vec<u8>);

/// Quality of the evidence, with the time by which the signature existed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The signer's own claim, or no time at all.
    Claimed(Option<Timestamp>),
    /// Notarised by enough notaries.
    Notarised(Timestamp),
    /// Stamped by a time stamping authority (RFC 3161).
    Timestamped(Timestamp),
}

impl Evidence {
    /// Name of the level.
    pub fn level(self) -> &'static str {
        match self {
            Self::Claimed(_) => "claimed",
            Self::Notarised(_) => "notarised",
            Self::Timestamped(_) => "timestamped",
        }
    }

    /// The time by which the signature existed.
    pub fn time(self) -> Option<Timestamp> {
        match self {
            Self::Claimed(time) => time,
            Self::Notarised(time) | Self::Timestamped(time) => Some(time),
        }
    }
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self, self.time()) {
            (_, None) => f.write_str("time unknown"),
            (_, Some(time)) => write!(f, "{} {time}", self.level()),
        }
    }
}

/// Error in a bundle's time stamp.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum TokenError {
    /// The time stamp is for a key without a signature here.
    #[error("a time stamp for key {0}, which has not signed here")]
    NoSignature(KeyId),
    /// By an authority that the trust root does not list, or not for this signature.
    #[error("the time stamp for the signature by key {key}: {source}")]
    Token {
        /// Key of the stamped signature.
        key: KeyId,
        /// Reason for the rejection.
        source: TimestampError,
    },
    /// The trust root lists no time stamping authority.
    #[error(
        "the time stamp for the signature by key {0} can't be checked: the trust root knows no time stamping authority"
    )]
    NoAuthority(KeyId),
}

/// Proven times of a release's signatures. Each proof belongs to one signature, not to its key.
#[derive(Default)]
pub struct Proofs(BTreeMap<(KeyId, Digest), Evidence>);

impl Proofs {
    /// Evaluates notarisations, whose signatures are already verified, and verifies time stamps. An
    /// unverifiable time stamp is an error even if it is not needed.
    pub fn gather(
        root: &TrustRoot,
        signatures: &[ClaimedSignature],
        notarisations: &[SignedNotarisation],
        tokens: &[ClaimedToken],
    ) -> Result<Self, TokenError> {
        let mut proofs = Self::default();
        for (key, signature) in signatures {
            let sha256 = Digest::of(signature);
            if let Some(time) = notarised(root, *key, &sha256, notarisations) {
                proofs.0.insert((*key, sha256), Evidence::Notarised(time));
            }
        }
        for (key, token) in tokens {
            let mut result = Err(TokenError::NoSignature(*key));
            for (_, signature) in signatures.iter().filter(|(other, _)| other == key) {
                result = stamped(root, *key, token, signature).map(|time| (signature, time));
                if result.is_ok() {
                    break;
                }
            }
            if let (signature, Some(time)) = result? {
                proofs.add((*key, Digest::of(signature)), time);
            }
        }
        Ok(proofs)
    }

    /// The proven time of a signature.
    pub fn proven(&self, (key, signature): &ClaimedSignature) -> Option<Timestamp> {
        self.0
            .get(&(*key, Digest::of(signature)))
            .and_then(|evidence| evidence.time())
    }

    /// Evidence for a signature; without a proof, the claimed time.
    pub fn of(&self, (key, signature): &ClaimedSignature, claimed: Option<Timestamp>) -> Evidence {
        self.0
            .get(&(*key, Digest::of(signature)))
            .copied()
            .unwrap_or(Evidence::Claimed(claimed))
    }

    /// Keeps the older proof, because it is the stronger one.
    fn add(&mut self, signature: (KeyId, Digest), time: Timestamp) {
        let known = self.0.get(&signature).and_then(|evidence| evidence.time());
        if known.is_none_or(|known| time <= known) {
            self.0.insert(signature, Evidence::Timestamped(time));
        }
    }
}

/// The time by which enough notaries for the role's threshold had seen a signature.
fn notarised(
    root: &TrustRoot,
    key: KeyId,
    sha256: &Digest,
    seen: &[SignedNotarisation],
) -> Option<Timestamp> {
    let about = |notarisation: &SignedNotarisation| {
        let mut entries = notarisation.statement.signatures.iter();
        let entry =
            entries.find(|entry| entry.key_id == key.digest() && entry.sha256 == *sha256)?;
        notarisation
            .counts_at(root, entry.at)
            .then_some((entry.at, notarisation.key))
    };
    // In ascending order of time. A notary that saw the signature twice counts once.
    let seen: BTreeSet<(Timestamp, KeyId)> = seen.iter().filter_map(about).collect();
    let mut notaries = BTreeSet::new();
    seen.into_iter().find_map(|(at, notary)| {
        notaries.insert(notary);
        root.draft()
            .met(&name("notary"), notaries.clone(), Vec::new())
            .is_ok()
            .then_some(at)
    })
}

/// Verifies a token and returns its time; `None` if its authority's time stamps don't count.
fn stamped(
    root: &TrustRoot,
    key: KeyId,
    token: &[u8],
    signature: &[u8; 64],
) -> Result<Option<Timestamp>, TokenError> {
    let mut first = None;
    for (authority, entry) in root.draft().authorities() {
        match authority.verify(token, signature) {
            Ok(time) => {
                let in_time = entry.not_after.is_none_or(|end| time <= end);
                let counts = match entry.status {
                    KeyStatus::Active => in_time,
                    KeyStatus::Retired => entry.not_after.is_some() && in_time,
                    KeyStatus::Revoked => false,
                };
                return Ok(counts.then_some(time));
            }
            // An error from the token's own authority explains more, so it takes precedence.
            Err(TimestampError::OtherAuthority { .. }) if first.is_some() => {}
            Err(error) => first = Some(error),
        }
    }
    Err(
        first.map_or(TokenError::NoAuthority(key), |source| TokenError::Token {
            key,
            source,
        }),
    )
}
