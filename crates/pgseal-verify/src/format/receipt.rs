//! The document of a receipt: the effects of a run or a rollback, as an in-toto Statement v1 about
//! the release.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::manifest::Release;
use super::name::{AprCode, Name};
use super::statement::{Predicate, Statement};
use super::timestamp::Timestamp;
use crate::digest::Digest;

/// `*.receipt.json`.
pub type ReceiptStatement = Statement<Receipt>;

impl Predicate for Receipt {
    fn predicate_type(&self) -> &'static str {
        "urn:pgseal:receipt:v1"
    }
}

/// Record of a run or a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Identifies the run, its journal and its ledger row: 32 hexadecimal digits from the operating
    /// system's random source.
    pub run_id: String,
    /// The requested action.
    pub action: Action,
    /// State of the database at the end.
    pub outcome: Outcome,
    /// Reason of a failure.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// For a `run --resume`: the id of the unfinished run that this one continued, from the ledger.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resumes: Option<String>,
    /// User and host.
    pub operator: Operator,
    /// Number of retries after a lock could not be acquired in time; nothing had changed before
    /// each retry.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub retries: u32,
    /// For a `run --wait`: the conditions that it waited for before it began.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waited: Vec<Waited>,
    /// Start by the host's clock.
    pub started: Timestamp,
    /// End by the host's clock.
    pub finished: Timestamp,
    /// Version of pgseal.
    pub pgseal: String,
    /// Name and version of the release.
    pub release: Release,
    /// Ids of the keys with counted signatures.
    pub signers: Vec<Digest>,
    /// The counted approvals; empty if the policy requires none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub approvals: Vec<CountedApproval>,
    /// The trust root used for all judgements.
    pub trust: TrustReference,
    /// The database of the run.
    pub target: ObservedTarget,
    /// Values of the variables.
    pub variables: BTreeMap<String, String>,
    /// Every result of every gate, in execution order.
    pub gates: Vec<GateAnswer>,
    /// The probe before; absent if it was not reached.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<BTreeMap<String, Option<String>>>,
    /// The values at the start of the transaction, of the columns that the state compares with them;
    /// absent if there are none, or the start was not reached.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start: Option<BTreeMap<String, Option<String>>>,
    /// The probe after; absent if it was not reached.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<BTreeMap<String, Option<String>>>,
    /// The digests of all definitions, if they were requested.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub schema: Option<SchemaDigests>,
    /// The differences between the definitions at the end of a rollback and those before the run
    /// that it undid, as lines, of at most 100 differences; absent if they were not compared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_restored: Option<Vec<String>>,
    /// The executed scripts.
    pub tiers: Vec<TierRecord>,
    /// The executed verify scripts.
    pub verify: Vec<VerifyRecord>,
    /// The server's transaction id, once one was assigned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transaction_id: Option<String>,
    /// The digest of the journal's last line before its `end`: each line contains the digest of the
    /// previous one, so it covers all of them. Absent if the journal has no line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub journal_sha256: Option<Digest>,
    /// The key that signs this receipt, if the host has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signer: Option<Digest>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The person and the machine, as the operating system names them. No decision depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Login name.
    pub user: String,
    /// Name of the machine.
    pub host: String,
}

/// A condition that a run waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waited {
    /// The kind of the error that a run would have ended with, such as `gate-blocked`.
    #[serde(rename = "for")]
    pub condition: String,
    /// Time for which the condition was missing.
    pub seconds: u64,
}

/// An approval that a run uses. Key and digest identify it: two keys may sign equal statements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountedApproval {
    /// Id of the approver's key.
    pub key_id: Digest,
    /// Digest of the signed statement.
    pub sha256: Digest,
    /// Role of the approver.
    pub role: Name,
    /// The code of the ratified proposal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub apr: Option<AprCode>,
    /// Time by the approver's clock.
    pub at: Timestamp,
    /// Strength of the evidence for that time: `claimed`, `notarised`, `timestamped`.
    pub evidence: String,
    /// Number of runs on one database that it allows.
    pub runs: NonZeroU32,
}

/// A version of a trust root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustReference {
    /// 1, 2, 3, ...
    pub version: u32,
    /// Digest of the document.
    pub sha256: Digest,
}

/// The requested action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// From baseline to finalized.
    Run,
    /// Back to baseline.
    Rollback,
}

impl Action {
    /// Spelling in the ledger and the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Rollback => "rollback",
        }
    }
}

/// State of the database at the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The transaction is committed.
    Committed,
    /// The database is as before.
    Unchanged,
    /// Some tiers are committed, others are not: `run --resume` continues, `rollback` restores the
    /// baseline.
    Partial,
    /// COMMIT was sent, and no server could report its result.
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
    /// `pg_control_system().system_identifier`, if the role may read it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub system_identifier: Option<String>,
    /// `pg_control_checkpoint().timeline_id`, if the role may read it: it changes after a failover
    /// or a restore.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timeline: Option<u32>,
}

/// Moment of a gate's execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    /// On a separate connection, before the run begins.
    Before,
    /// In the transaction, before its first statement.
    First,
    /// In the transaction, before COMMIT.
    Last,
}

/// One result of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateAnswer {
    /// Name of the gate.
    pub name: Name,
    /// Moment of the execution.
    pub asked: Asked,
    /// READY or BLOCKED.
    pub ready: bool,
    /// The gate's own sentence.
    pub reason: String,
    /// The gate's other columns.
    pub evidence: BTreeMap<String, Option<String>>,
}

/// The digests of the database's definitions, without its rows and without the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaDigests {
    /// Before the first statement.
    pub before: Digest,
    /// After the last statement; absent if nothing changed, if the outcome is unknown, or if the
    /// query failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Digest>,
}

/// An executed script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierRecord {
    /// Name of the tier, or path of the rollback script.
    pub name: String,
    /// Number of statements sent.
    pub statements: u64,
    /// Number of rows they reported.
    pub rows: u64,
    /// Time from the first statement to the last result.
    pub milliseconds: u64,
    /// The committing transaction; absent for a tier without one, and if nothing was committed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transaction_id: Option<String>,
    /// The first 1,000 messages in order: a statement, or several in one message.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub sent: Vec<SentRecord>,
    /// Warnings of the server, `file:line:column: text`, the first 100.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// A message: one statement, or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentRecord {
    /// `file:line:column` of the first statement.
    pub at: String,
    /// Type of the first statement: `CREATE TABLE`, `INSERT`, ...
    pub verb: String,
    /// Number of statements in the message; absent for one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub statements: Option<u64>,
    /// Number of rows they reported.
    pub rows: u64,
    /// Time from sending to the last result.
    pub microseconds: u64,
    /// In a tier without transaction: the evidence for the effect, if it is not the server's
    /// response.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<String>,
}

/// An executed verify script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyRecord {
    /// Name of the verify script.
    pub name: Name,
    /// Number of passed checks.
    pub held: u64,
    /// Number of checks.
    pub checks: u64,
    /// `name: detail` of the failed checks.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failed: Vec<String>,
}
