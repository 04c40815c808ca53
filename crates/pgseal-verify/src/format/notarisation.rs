//! The document of a notary's counter-signature: an in-toto Statement v1 that lists signatures of a
//! release, and the time of each.

use serde::{Deserialize, Serialize};

use super::statement::{Predicate, Statement};
use super::timestamp::Timestamp;
use crate::digest::Digest;

/// `approvals/KEYID.json` by a notary.
pub type NotarisationStatement = Statement<Notarisation>;

impl Predicate for Notarisation {
    fn predicate_type(&self) -> &'static str {
        "urn:pgseal:notarisation:v1"
    }
}

/// Signatures that a notary saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notarisation {
    /// Signatures by ascending key id.
    pub signatures: Vec<SeenSignature>,
}

/// A signature that a notary saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenSignature {
    /// Id of the signing key.
    pub key_id: Digest,
    /// SHA-256 of the signature's 64 bytes.
    pub sha256: Digest,
    /// Time of the first sight by the notary's clock.
    pub at: Timestamp,
}
