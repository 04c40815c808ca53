//! The receipt as data: what a run or a rollback did, as an in-toto Statement v1 about the release.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::manifest::Release;
use super::name::{AprCode, Name};
use super::statement::{StatementType, Subject};
use super::timestamp::Timestamp;
use super::version::Format1;
use crate::digest::Digest;

/// `*.receipt.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptStatement {
    /// Always in-toto Statement v1.
    #[serde(rename = "_type")]
    pub type_: StatementType,
    /// The release: its name and version, and its id.
    pub subject: Vec<Subject>,
    /// Always a receipt.
    #[serde(rename = "predicateType")]
    pub predicate_type: ReceiptPredicateType,
    /// What was done.
    pub predicate: Receipt,
}

/// The predicate type of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReceiptPredicateType {
    /// Version 1.
    #[serde(rename = "urn:pgseal:receipt:v1")]
    V1,
}

/// What a run or a rollback did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The document's format.
    pub format: Format1,
    /// Names the run, its journal and its ledger row: 32 hexadecimal digits from the operating system's random source.
    pub run_id: String,
    /// What was asked for.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The host's clock at the start.
    pub started: Timestamp,
    /// The host's clock at the end.
    pub finished: Timestamp,
    /// The version of pgseal.
    pub pgseal: String,
    /// Which release.
    pub release: Release,
    /// Ids of the keys whose signatures counted.
    pub signers: Vec<Digest>,
    /// The approvals that counted; none where the policy needs none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub approvals: Vec<CountedApproval>,
    /// The trust root by which it was judged.
    pub trust: TrustReference,
    /// Where it ran.
    pub target: ObservedTarget,
    /// The variables' values.
    pub variables: BTreeMap<String, String>,
    /// Every answer of every gate, in the order of asking.
    pub gates: Vec<GateAnswer>,
    /// The probe before; absent if it was not reached.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<BTreeMap<String, Option<String>>>,
    /// The probe after; absent if it was not reached.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<BTreeMap<String, Option<String>>>,
    /// The scripts that ran.
    pub tiers: Vec<TierRecord>,
    /// The verify scripts that were asked.
    pub verify: Vec<VerifyRecord>,
    /// The server's transaction id, once one was assigned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transaction_id: Option<String>,
    /// The key that signs this receipt, if the host has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signer: Option<Digest>,
}

/// An approval that a run rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountedApproval {
    /// The key that said yes.
    pub key_id: Digest,
    /// In which role.
    pub role: Name,
    /// The code of the ratified proposal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub apr: Option<AprCode>,
    /// The approver's clock.
    pub at: Timestamp,
    /// How well that time is known: `claimed`, `notarised`, `timestamped`.
    pub evidence: String,
}

/// A version of a trust root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustReference {
    /// 1, 2, 3, ...
    pub version: u32,
    /// The digest of its document.
    pub sha256: Digest,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// From baseline to finalized.
    Run,
    /// Back to baseline.
    Rollback,
}

impl Action {
    /// As the ledger and the journal write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Rollback => "rollback",
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The transaction is committed.
    Committed,
    /// The database is as before.
    Unchanged,
    /// COMMIT was sent and no server could say whether it happened.
    Unknown,
}

/// The database as the server describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedTarget {
    /// `current_database()`.
    pub database: String,
    /// `server_version`.
    pub server_version: String,
    /// `server_version_num`.
    pub server_version_num: u32,
    /// `current_user`.
    pub role: String,
    /// `pg_control_system().system_identifier`, where the role may ask.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub system_identifier: Option<String>,
}

/// One answer of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateAnswer {
    /// The gate.
    pub name: Name,
    /// READY or BLOCKED.
    pub ready: bool,
    /// The gate's own sentence.
    pub reason: String,
    /// Its other columns.
    pub evidence: BTreeMap<String, Option<String>>,
}

/// A script that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierRecord {
    /// The tier's name, or the rollback script's path.
    pub name: String,
    /// Statements sent.
    pub statements: u64,
    /// Rows that they reported.
    pub rows: u64,
    /// Time from the first statement to the last answer.
    pub milliseconds: u64,
    /// Warnings of the server, `file:line:column: text`, the first 100.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// A verify script that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyRecord {
    /// Its name.
    pub name: Name,
    /// Checks that held.
    pub held: u64,
    /// Checks that were made.
    pub checks: u64,
    /// `name: detail` of those that did not hold.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failed: Vec<String>,
}
