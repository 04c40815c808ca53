//! The signed document of a release: an in-toto Statement v1
//! (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>).

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use super::name::{Name, Version};
use crate::digest::Digest;

/// The DSSE payload type of every in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A signed document about a release. [`super::wire`] has its form in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<P = Manifest> {
    /// In `statement.json` every member after the signatures, in the order of the file, with the digest of its stored
    /// bytes; elsewhere the release: its name and version, and its id.
    pub subject: Vec<Subject>,
    /// What is stated.
    pub predicate: P,
}

/// The predicate of a statement.
pub trait Predicate: Serialize + DeserializeOwned {
    /// Its in-toto predicate type, which may depend on its content.
    fn predicate_type(&self) -> &'static str;
}

impl Predicate for Manifest {
    fn predicate_type(&self) -> &'static str {
        "urn:pgseal:release:v1"
    }
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
