//! The signed document of a release: an in-toto Statement v1
//! (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use super::name::{Name, Version};
use crate::digest::Digest;

/// The DSSE payload type of every in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// `statement.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Always in-toto Statement v1.
    #[serde(rename = "_type")]
    pub type_: StatementType,
    /// Every member after the signatures, in the order of the file, with the digest of its stored
    /// bytes.
    pub subject: Vec<Subject>,
    /// Always a release.
    #[serde(rename = "predicateType")]
    pub predicate_type: ReleasePredicateType,
    /// The manifest of the release.
    pub predicate: Manifest,
}

/// The in-toto type of every statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatementType {
    /// Statement v1.
    #[serde(rename = "https://in-toto.io/Statement/v1")]
    V1,
}

/// The predicate type of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReleasePredicateType {
    /// Version 1.
    #[serde(rename = "urn:pgseal:release:v1")]
    V1,
}

/// A file by name and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Name of a member or of a release.
    pub name: String,
    /// Digest of the stored bytes.
    pub digest: DigestSet,
}

/// in-toto's digest set, with the one algorithm of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigestSet {
    /// SHA-256 of the stored bytes.
    pub sha256: Digest,
}

/// The digest of `statement.json`, which identifies a release in approvals, ledger and receipts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseId(Digest);

impl ReleaseId {
    /// The id for the canonical bytes of a statement.
    pub fn of(statement: &[u8]) -> Self {
        Self(Digest::of(statement))
    }

    /// The id as a digest.
    pub fn digest(&self) -> Digest {
        self.0
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Title of a release for people, name and version: `one-roof 1.0.0`.
pub fn title(name: &Name, version: &Version) -> String {
    format!("{name} {version}")
}
