//! The document of a trust root: keys and their rights on this host. Its rules are in `trust/`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::database_pattern::DatabasePattern;
use super::manifest::is_false;
use super::name::Name;
use super::release_source::RepositoryPattern;
use super::timestamp::Timestamp;
use super::window::{Freeze, Window};
use crate::digest::Digest;

/// The DSSE payload type of a trust document.
pub const PAYLOAD_TYPE: &str = "application/vnd.pgseal.trust+json";

/// Roles with a task of their own, which therefore cannot give approvals.
pub const ROLES_WITH_A_TASK: [&str; 5] = ["root", "release", "receipt", "notary", "log"];

/// `trust.json`, written as `format` 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustDocument {
    /// 1, 2, 3, ...: the root keys of the previous version sign each one.
    pub version: u32,
    /// The digest of version - 1; absent in version 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prev_sha256: Option<Digest>,
    /// Time of the draft of this version: a clock before it is wrong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issued: Option<Timestamp>,
    /// From this moment on `run` refuses; audits still work.
    pub expires: Timestamp,
    /// Every key that ever counted, by ascending id.
    pub keys: Vec<KeyEntry>,
    /// Number of distinct keys of each role that must sign.
    pub roles: BTreeMap<Name, Role>,
    /// Further requirements of a run.
    pub policy: Policy,
    /// Authorities with accepted timestamps (RFC 3161) of signatures, by ascending id.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub timestamp_authorities: Vec<AuthorityEntry>,
}

/// A timestamping authority, pinned by its one signing certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityEntry {
    /// SHA-256 of the certificate's DER; recomputed on load.
    pub id: Digest,
    /// The X.509 certificate: DER as base64, without line breaks.
    pub certificate: String,
    /// Owner, for people.
    pub owner: String,
    /// Last moment at which its timestamps count.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_after: Option<Timestamp>,
    /// Whether its timestamps count.
    pub status: KeyStatus,
}

/// A public key and its rights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// SHA-256 of the raw 32 byte public key; recomputed on load.
    pub id: Digest,
    /// SPKI (RFC 8410) as base64: the middle line of the PEM file.
    pub public_key: String,
    /// Owner, for people.
    pub owner: String,
    /// The key's one role.
    pub role: Name,
    /// First moment at which its signatures count.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_before: Option<Timestamp>,
    /// Last moment at which its signatures count.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_after: Option<Timestamp>,
    /// Whether its signatures count.
    pub status: KeyStatus,
    /// With `revoked`: first moment at which an attacker may have had the key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compromised_since: Option<Timestamp>,
}

/// Status of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// Its signatures count within its validity.
    Active,
    /// No new signatures: they count for times up to `not_after`.
    Retired,
    /// Its signatures do not count.
    Revoked,
}

/// Requirements of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Number of distinct keys that must sign: at least 1, at most the keys of the role.
    pub threshold: u8,
}

/// Requirements of a run besides signatures.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Number of distinct keys that must approve, by role.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub approvals: BTreeMap<Name, u8>,
    /// Databases on which releases may run; empty: any.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub targets: Vec<DatabasePattern>,
    /// Databases on which a release must have run before it runs on another one.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub require_run_on: Vec<DatabasePattern>,
    /// Repositories of which releases may run; empty: any.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub source_repositories: Vec<RepositoryPattern>,
    /// Times at which runs may begin; empty: any.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub windows: Vec<Window>,
    /// Times at which no run may begin, also within `windows`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub freezes: Vec<Freeze>,
    /// The lowest sequence that may still run, by release name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub minimum_sequence: BTreeMap<Name, u32>,
    /// Release ids that never run.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub blocked_releases: Vec<Digest>,
    /// True if every run needs a rehearsal receipt of its release.
    #[serde(skip_serializing_if = "is_false", default)]
    pub require_rehearsal: bool,
    /// Maximum age in days of that rehearsal; absent for no limit. The lower of the release's and
    /// the trust root's limit applies.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rehearsal_max_age_days: Option<NonZeroU32>,
    /// True if every run needs a key that signs its receipt.
    #[serde(skip_serializing_if = "is_false", default)]
    pub require_signed_receipts: bool,
    /// Role that executes gates and probes.
    #[serde(skip_serializing_if = "GateRole::is_reader", default)]
    pub gate_role: GateRole,
}

/// Rights of the role that executes gates and probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateRole {
    /// A role that may only read.
    #[default]
    Reader,
    /// Any role, also a superuser.
    Any,
}

impl GateRole {
    /// True for the default.
    pub fn is_reader(&self) -> bool {
        *self == Self::Reader
    }

    /// Spelling in a trust document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Any => "any",
        }
    }
}
