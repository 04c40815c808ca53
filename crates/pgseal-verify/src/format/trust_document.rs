//! The trust root as data: which keys may do what on this host. Its rules are in `trust/`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::manifest::is_false;
use super::name::Name;
use super::timestamp::Timestamp;
use crate::digest::Digest;

/// The DSSE payload type of a trust document.
pub const PAYLOAD_TYPE: &str = "application/vnd.pgseal.trust+json";

/// Roles that have a task of their own, and so give no approvals.
pub const ROLES_WITH_A_TASK: [&str; 5] = ["root", "release", "receipt", "notary", "log"];

/// `trust.json`, written as [`super::wire::V1`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustDocument {
    /// 1, 2, 3, ...: each is signed by the root keys of the one before.
    pub version: u32,
    /// The digest of version - 1; absent in version 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prev_sha256: Option<Digest>,
    /// When this version was drafted: a clock that is behind it is wrong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issued: Option<Timestamp>,
    /// From this moment on `run` refuses; auditing goes on.
    pub expires: Timestamp,
    /// Every key that ever counted, by ascending id.
    pub keys: Vec<KeyEntry>,
    /// How many distinct keys of a role must sign.
    pub roles: BTreeMap<Name, Role>,
    /// What else a run needs.
    pub policy: Policy,
    /// Who may tell by a time stamp (RFC 3161) since when a signature exists, by ascending id.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub timestamp_authorities: Vec<AuthorityEntry>,
}

/// A time stamping authority: its one signing certificate, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityEntry {
    /// SHA-256 of the certificate's DER; computed again on load.
    pub id: Digest,
    /// The X.509 certificate: DER as base64, without line breaks.
    pub certificate: String,
    /// Whose it is, for people.
    pub owner: String,
    /// Its time stamps count up to this moment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_after: Option<Timestamp>,
    /// Whether its time stamps count.
    pub status: KeyStatus,
}

/// A public key and what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// SHA-256 of the raw 32 byte public key; computed again on load.
    pub id: Digest,
    /// SPKI (RFC 8410) as base64: the middle line of the PEM file.
    pub public_key: String,
    /// Whose it is, for people.
    pub owner: String,
    /// The one role it has.
    pub role: Name,
    /// Its signatures count from this moment on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_before: Option<Timestamp>,
    /// Its signatures count up to this moment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_after: Option<Timestamp>,
    /// Whether it counts.
    pub status: KeyStatus,
    /// With `revoked`: since when somebody else may have had it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compromised_since: Option<Timestamp>,
}

/// Whether a key's signatures count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// They count within its window.
    Active,
    /// No new ones: they count for times up to `not_after`.
    Retired,
    /// They don't count.
    Revoked,
}

/// What a role needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Distinct keys that must sign: at least 1, at most the keys of the role.
    pub threshold: u8,
}

/// What a run needs besides signatures.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Approvals by role: how many distinct keys must have said yes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub approvals: BTreeMap<Name, u8>,
    /// Databases on which releases may run; empty: any.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub targets: Vec<String>,
    /// The lowest sequence that may still run, by release name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub minimum_sequence: BTreeMap<Name, u32>,
    /// Release ids that never run.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub blocked_releases: Vec<Digest>,
    /// Whether every run needs the receipt of a rehearsal of its release.
    #[serde(skip_serializing_if = "is_false", default)]
    pub require_rehearsal: bool,
    /// How many days old that rehearsal may be; absent for any age. Of the release's and the trust root's limit the lower
    /// counts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rehearsal_max_age_days: Option<NonZeroU32>,
    /// The role that gates and probes are asked as.
    #[serde(skip_serializing_if = "GateRole::is_reader", default)]
    pub gate_role: GateRole,
}

/// The rights of the role that gates and probes are asked as.
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
    /// Whether it is the default.
    pub fn is_reader(&self) -> bool {
        *self == Self::Reader
    }

    /// As a trust document has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Any => "any",
        }
    }
}
