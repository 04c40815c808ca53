//! The document of a notary's counter-signature: an in-toto Statement v1 that lists signatures of a
//! release, and the time of each.

use serde::{Deserialize, Serialize};

use super::statement::{StatementType, Subject};
use super::timestamp::Timestamp;
use super::version::Format1;
use crate::digest::Digest;

/// `approvals/KEYID.json` by a notary.
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
    /// Content of the notarisation.
    pub predicate: Notarisation,
}

/// The predicate type of a notarisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotarisationPredicateType {
    /// Version 1.
    #[serde(rename = "urn:pgseal:notarisation:v1")]
    V1,
}

/// Signatures that a notary saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notarisation {
    /// Format of the document.
    pub format: Format1,
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
