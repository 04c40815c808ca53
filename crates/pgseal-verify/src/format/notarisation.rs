//! A notary's counter-signature as data: which signatures of a release it saw, and when, as an in-toto Statement v1.

use serde::{Deserialize, Serialize};

use super::statement::{Predicate, Statement};
use super::timestamp::Timestamp;
use crate::digest::Digest;

/// `approvals/KEYID.json` by a notary.
pub type NotarisationStatement = Statement<Notarisation>;

impl Predicate for Notarisation {
    const TYPE: &'static str = "urn:pgseal:notarisation:v1";
}

/// What a notary saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notarisation {
    /// The signatures, by ascending key id.
    pub signatures: Vec<SeenSignature>,
}

/// A signature that a notary saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenSignature {
    /// The key that made it.
    pub key_id: Digest,
    /// SHA-256 of its 64 bytes.
    pub sha256: Digest,
    /// The notary's clock when it first saw it.
    pub at: Timestamp,
}
