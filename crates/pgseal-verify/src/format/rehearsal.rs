//! The rehearsal receipt as data: what a release did on a clone, as an in-toto Statement v1 about the release. It
//! authorises nothing: it is evidence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::manifest::Release;
use super::receipt::{GateAnswer, ObservedTarget, Operator, TierRecord, TrustReference, VerifyRecord};
use super::statement::{Predicate, Statement};
use super::timestamp::Timestamp;
use crate::digest::Digest;

/// `*.rehearsal.json`.
pub type RehearsalStatement = Statement<Rehearsal>;

impl Predicate for Rehearsal {
    const TYPE: &'static str = "urn:pgseal:rehearsal:v1";
}

/// A rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// Names the rehearsal and its clone: 32 hexadecimal digits from the operating system's random source.
    pub rehearsal_id: String,
    /// Whether every step held.
    pub outcome: RehearsalOutcome,
    /// The first thing that did not hold, in a line; below it what the server says of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// Who rehearsed, on which host.
    pub operator: Operator,
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
    /// The trust root by which it was judged.
    pub trust: TrustReference,
    /// What was cloned.
    pub source: Source,
    /// The clone as its server described it.
    pub clone: ObservedTarget,
    /// Whether the clone was kept.
    pub kept: bool,
    /// What stood in for the people who open the gates, on the clone only; absent where the source's own state opened them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approval: Option<CloneApproval>,
    /// The variables' values.
    pub variables: BTreeMap<String, String>,
    /// Every answer of every gate of the first run.
    pub gates: Vec<GateAnswer>,
    /// What was done, in order.
    pub steps: Vec<RehearsalStep>,
    /// The digests of the fingerprints that were compared.
    pub fingerprints: BTreeMap<FingerprintOf, Digest>,
    /// The scripts of the first run.
    pub tiers: Vec<TierRecord>,
    /// The scripts of the rollback.
    pub rollback: Vec<TierRecord>,
    /// Locks on relations that the first run's transactions held, strongest first by relation.
    pub locks: Vec<LockRecord>,
    /// The verify scripts after the first run.
    pub verify: Vec<VerifyRecord>,
    /// The key that signs this receipt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signer: Option<Digest>,
}

/// How a rehearsal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RehearsalOutcome {
    /// Every step held, and every row was compared.
    Proved,
    /// Every step held, but not all rows were compared: the way back of data is not proved.
    Limited,
    /// The release did not do what it has to.
    Failed,
    /// It was not rehearsed to the end: a gate was closed, the baseline was not there, somebody stopped it. It says nothing
    /// about the release.
    Incomplete,
}

/// What was cloned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// How.
    pub method: CloneMethod,
    /// The database; absent for a dump.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub database: Option<String>,
    /// The dump's digest: of its bytes, or of a directory's list of files and digests, as `sha256sum *` writes it; absent for a
    /// database.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dump_sha256: Option<Digest>,
    /// How many bytes the dump has, in all of its files; absent for a database, and in receipts of earlier programs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dump_bytes: Option<u64>,
}

impl Rehearsal {
    /// The first thing that did not hold, and below it what the server says of it: its statement, detail, context.
    pub fn error_lines(&self) -> impl Iterator<Item = &str> {
        self.error.iter().flat_map(|error| error.lines())
    }
}

impl Source {
    /// `made from a dump of 34567 bytes, SHA-256 ...`: which dump it was, for people; `None` for a database.
    pub fn dump(&self) -> Option<String> {
        let sha256 = self.dump_sha256?;
        let bytes = self.dump_bytes.map(|bytes| format!(" of {bytes} bytes")).unwrap_or_default();
        Some(format!("made from a dump{bytes}, SHA-256 {sha256}"))
    }
}

/// How a clone was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloneMethod {
    /// `CREATE DATABASE ... TEMPLATE`.
    Template,
    /// `pg_dump` and `pg_restore` of a database that others are connected to.
    DumpRestore,
    /// A dump that was given.
    Dump,
}

/// The script that opened the gates on the clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloneApproval {
    /// Its name.
    pub file: String,
    /// The digest of its bytes.
    pub sha256: Digest,
}

/// A step of a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RehearsalStep {
    /// `clone`, `run`, `run again`, `check`, `rollback`, `compare`, ...
    pub name: String,
    /// Whether it held.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
    /// How long it took.
    pub milliseconds: u64,
}

/// Which database was fingerprinted, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FingerprintOf {
    /// The source, before it was cloned.
    SourceBefore,
    /// The source, at the end.
    SourceAfter,
    /// The clone, before the run.
    Before,
    /// The clone, after the run.
    AfterRun,
    /// The clone, after the rollback.
    AfterRollback,
    /// The clone, after the second run.
    AfterSecondRun,
}

/// A lock on a relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockRecord {
    /// The tier that took it.
    pub tier: String,
    /// `schema.relation`.
    pub relation: String,
    /// `AccessExclusiveLock`, ...
    pub mode: String,
    /// From the end of the tier that took it until COMMIT.
    pub milliseconds: u64,
}
