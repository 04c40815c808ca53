//! The receipt as data: what a run or a rollback did, as an in-toto Statement v1 about the release.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::manifest::Release;
use super::name::{AprCode, Name};
use super::statement::{Predicate, Statement};
use super::timestamp::Timestamp;
use crate::digest::Digest;

/// `*.receipt.json`.
pub type ReceiptStatement = Statement<Receipt>;

impl Predicate for Receipt {
    const TYPE: &'static str = "urn:pgseal:receipt:v1";
}

/// What a run or a rollback did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Names the run, its journal and its ledger row: 32 hexadecimal digits from the operating system's random source.
    pub run_id: String,
    /// What was asked for.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The unfinished run that this one went on with, if it was a `run --resume`: its id stands in the ledger.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resumes: Option<String>,
    /// Who ran it, on which host.
    pub operator: Operator,
    /// How often it was tried anew because a lock could not be had in time; each time nothing had been changed.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub retries: u32,
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
    /// The digests of all definitions, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub schema: Option<SchemaDigests>,
    /// The scripts that ran.
    pub tiers: Vec<TierRecord>,
    /// The verify scripts that were asked.
    pub verify: Vec<VerifyRecord>,
    /// The server's transaction id, once one was assigned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transaction_id: Option<String>,
    /// The digest of the journal's last line before its `end`: each line has the digest of the one before, so it stands for
    /// all of them. Absent where the journal took no line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub journal_sha256: Option<Digest>,
    /// The key that signs this receipt, if the host has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signer: Option<Digest>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The person and the machine, as the operating system names them. Nothing is decided by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// The login name.
    pub user: String,
    /// The machine's name.
    pub host: String,
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
    /// Some tiers are committed, others are not: `run --resume` goes on, `rollback` goes back.
    Partial,
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
    /// `pg_control_checkpoint().timeline_id`, where the role may ask: another one after a failover or a restore.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timeline: Option<u32>,
}

/// When a gate was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    /// On a connection of its own, before anything began.
    Before,
    /// In the transaction, before its first statement.
    First,
    /// In the transaction, before COMMIT.
    Last,
}

/// One answer of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateAnswer {
    /// The gate.
    pub name: Name,
    /// When it was asked.
    pub asked: Asked,
    /// READY or BLOCKED.
    pub ready: bool,
    /// The gate's own sentence.
    pub reason: String,
    /// Its other columns.
    pub evidence: BTreeMap<String, Option<String>>,
}

/// The digests of the database's definitions, without its rows and without the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaDigests {
    /// Before the first statement.
    pub before: Digest,
    /// After the last; absent where nothing was changed, where nobody knows, and where it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Digest>,
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
    /// The transaction in which it was committed; absent for a tier without one, and where nothing was committed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transaction_id: Option<String>,
    /// What was sent, in order: a statement, or several in one message. The first 1,000.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub sent: Vec<SentRecord>,
    /// Warnings of the server, `file:line:column: text`, the first 100.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// A statement that was sent, or several in one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentRecord {
    /// `file:line:column` of the first.
    pub at: String,
    /// What it is: `CREATE TABLE`, `INSERT`, ...; of several, the first.
    pub verb: String,
    /// How many statements travelled together; absent for one alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub statements: Option<u64>,
    /// Rows that they reported.
    pub rows: u64,
    /// From sending to the last answer.
    pub microseconds: u64,
    /// In a tier without transaction, how its effect is known when the server's answer is not what says so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<String>,
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
