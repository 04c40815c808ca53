//! Since when a signature exists: what its signer claims, what notaries saw, what a time stamp says.

use std::collections::{BTreeMap, BTreeSet};

use super::added::SignedNotarisation;
use super::key_id::KeyId;
use super::root::{ClaimedSignature, TrustRoot, name};
use super::timestamp::TimestampError;
use crate::digest::Digest;
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::KeyStatus;

/// A time stamp token as a file gives it: the key whose signature it is about, and its bytes.
pub type ClaimedToken = (KeyId, Vec<u8>);

/// How well it is known since when a signature exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Its signer says so, or nobody does.
    Claimed(Option<Timestamp>),
    /// Enough notaries saw it.
    Notarised(Timestamp),
    /// A time stamping authority (RFC 3161) saw it.
    Timestamped(Timestamp),
}

impl Evidence {
    /// The level's name.
    pub fn level(self) -> &'static str {
        match self {
            Self::Claimed(_) => "claimed",
            Self::Notarised(_) => "notarised",
            Self::Timestamped(_) => "timestamped",
        }
    }

    /// The time that goes with it.
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

/// Why a time stamp can't stay in a bundle.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// About a key that signed nothing here.
    #[error("a time stamp for key {0}, which has not signed here")]
    NoSignature(KeyId),
    /// By nobody that the trust root knows, or not about the signature.
    #[error("the time stamp for the signature by key {key}: {source}")]
    Token {
        /// Whose signature it is about.
        key: KeyId,
        /// Why it proves nothing.
        source: TimestampError,
    },
    /// The trust root has no time stamping authority.
    #[error(
        "the time stamp for the signature by key {0} can't be checked: the trust root knows no time stamping authority"
    )]
    NoAuthority(KeyId),
}

/// What is proven about the signatures of one release. Each proof is about one signature, not about its key.
#[derive(Default)]
pub struct Proofs(BTreeMap<(KeyId, Digest), Evidence>);

impl Proofs {
    /// Weighs notarisations, whose signatures have been checked, and checks time stamps. A time stamp that can't be
    /// checked is an error even where nobody asks for it.
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

    /// The time that is proven for a signature.
    pub fn proven(&self, (key, signature): &ClaimedSignature) -> Option<Timestamp> {
        self.0.get(&(*key, Digest::of(signature))).and_then(|evidence| evidence.time())
    }

    /// What is known about a signature, which itself claims a time or none.
    pub fn of(&self, (key, signature): &ClaimedSignature, claimed: Option<Timestamp>) -> Evidence {
        self.0.get(&(*key, Digest::of(signature))).copied().unwrap_or(Evidence::Claimed(claimed))
    }

    /// The older proof is the better one.
    fn add(&mut self, signature: (KeyId, Digest), time: Timestamp) {
        let known = self.0.get(&signature).and_then(|evidence| evidence.time());
        if known.is_none_or(|known| time <= known) {
            self.0.insert(signature, Evidence::Timestamped(time));
        }
    }
}

/// The time by which as many notaries as the role's threshold had seen a signature.
fn notarised(root: &TrustRoot, key: KeyId, sha256: &Digest, seen: &[SignedNotarisation]) -> Option<Timestamp> {
    let about = |notarisation: &SignedNotarisation| {
        let mut entries = notarisation.statement.signatures.iter();
        let entry = entries.find(|entry| entry.key_id == key.digest() && entry.sha256 == *sha256)?;
        notarisation.counts_at(root, entry.at).then_some((entry.at, notarisation.key))
    };
    // By ascending time; a notary that saw it twice is one.
    let seen: BTreeSet<(Timestamp, KeyId)> = seen.iter().filter_map(about).collect();
    let mut notaries = BTreeSet::new();
    seen.into_iter().find_map(|(at, notary)| {
        notaries.insert(notary);
        root.draft().met(&name("notary"), notaries.clone(), Vec::new()).is_ok().then_some(at)
    })
}

/// The time of a token, or `None` by an authority whose time stamps don't count.
fn stamped(root: &TrustRoot, key: KeyId, token: &[u8], signature: &[u8; 64]) -> Result<Option<Timestamp>, TokenError> {
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
            // What the token's own authority says is the error that helps.
            Err(TimestampError::OtherAuthority { .. }) if first.is_some() => {}
            Err(error) => first = Some(error),
        }
    }
    Err(first.map_or(TokenError::NoAuthority(key), |source| TokenError::Token { key, source }))
}
