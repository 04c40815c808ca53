//! A notary's counter-signature as data: which signatures of a release it saw, and when, as an in-toto Statement v1.

use serde::{Deserialize, Serialize};

use super::statement::{StatementType, Subject};
use super::timestamp::Timestamp;
use super::version::Format1;
use crate::digest::Digest;

/// `approvals/KEYID.json`, said by a notary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotarisationStatement {
    /// Always in-toto Statement v1.
    #[serde(rename = "_type")]
    pub type_: StatementType,
    /// The release: its name and version, and its id.
    pub subject: Vec<Subject>,
    /// Always a notarisation.
    #[serde(rename = "predicateType")]
    pub predicate_type: NotarisationPredicateType,
    /// What was seen.
    pub predicate: Notarisation,
}

/// The predicate type of a notarisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotarisationPredicateType {
    /// Version 1.
    #[serde(rename = "urn:pgseal:notarisation:v1")]
    V1,
}

/// What a notary saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notarisation {
    /// The document's format.
    pub format: Format1,
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
