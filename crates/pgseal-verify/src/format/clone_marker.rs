//! The marker of a standing clone: its source and its time, as an in-toto Statement v1 about the
//! clone's content. A key of the role `receipt` signs it.

use serde::{Deserialize, Serialize};

use super::fingerprint::Scope;
use super::name::{Name, Version};
use super::receipt::Operator;
use super::rehearsal::Source;
use super::statement::{Predicate, ReleaseId, Statement};
use super::timestamp::Timestamp;
use crate::digest::Digest;

/// The marker with its subject: the clone's name, and its fingerprint when it was made.
pub type CloneStatement = Statement<CloneMarker>;

impl Predicate for CloneMarker {
    fn predicate_type(&self) -> &'static str {
        "urn:pgseal:clone:v1"
    }
}

/// Origin and identity of a standing clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloneMarker {
    /// Identifies the clone: 32 hexadecimal digits from the operating system's random source.
    pub clone_id: String,
    /// Name of the clone.
    pub database: String,
    /// Its object identifier: a copy has another one.
    pub oid: String,
    /// Identifier of its cluster, which is the source's.
    pub system_identifier: String,
    /// Origin of the clone.
    pub source: Source,
    /// The source's fingerprint before it was cloned; absent for a dump.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source_sha256: Option<Digest>,
    /// The clone's own fingerprint when it was made.
    pub sha256: Digest,
    /// Tables whose rows both fingerprints cover.
    pub scope: Scope,
    /// When it was made, by the host's clock.
    pub made: Timestamp,
    /// Maximum connections of roles without special rights while it was filled.
    pub connection_limit: u32,
    /// The release in effect, if a rehearsal kept the clone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub release: Option<ClonedRelease>,
    /// User and host.
    pub operator: Operator,
    /// Version of pgseal.
    pub pgseal: String,
    /// The key that signs this marker.
    pub signer: Digest,
}

/// The release that a rehearsal left in effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClonedRelease {
    /// Its name.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// Its id.
    pub id: ReleaseId,
}
