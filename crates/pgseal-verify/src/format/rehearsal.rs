//! The document of a rehearsal receipt: the effects of a release on a clone, as an in-toto
//! Statement v1 about the release. It is evidence and authorises nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::manifest::Release;
use super::receipt::{
    GateAnswer, ObservedTarget, Operator, TierRecord, TrustReference, VerifyRecord,
};
use super::statement::{Predicate, Statement};
use super::timestamp::Timestamp;
use crate::digest::Digest;

/// `*.rehearsal.json`.
pub type RehearsalStatement = Statement<Rehearsal>;

impl Predicate for Rehearsal {
    fn predicate_type(&self) -> &'static str {
        "urn:pgseal:rehearsal:v1"
    }
}

/// Record of a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// Identifies the rehearsal and its clone: 32 hexadecimal digits from the operating system's
    /// random source.
    pub rehearsal_id: String,
    /// Result over all steps.
    pub outcome: RehearsalOutcome,
    /// The first failed check in one line, followed by the server's report.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// User and host.
    pub operator: Operator,
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
    /// The trust root used for all judgements.
    pub trust: TrustReference,
    /// Origin of the clone.
    pub source: Source,
    /// The clone as its server described it.
    pub clone: ObservedTarget,
    /// True if the clone was kept.
    pub kept: bool,
    /// The script that opened the gates on the clone in place of people; absent if the source's own
    /// state opened them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approval: Option<CloneApproval>,
    /// Values of the variables.
    pub variables: BTreeMap<String, String>,
    /// Every result of every gate of the first run.
    pub gates: Vec<GateAnswer>,
    /// The steps in execution order.
    pub steps: Vec<RehearsalStep>,
    /// The digests of the compared fingerprints.
    pub fingerprints: BTreeMap<FingerprintOf, Digest>,
    /// The scripts of the first run.
    pub tiers: Vec<TierRecord>,
    /// The scripts of the rollback.
    pub rollback: Vec<TierRecord>,
    /// Locks on relations that the first run's transactions held, by tier, strongest first. Beside a
    /// stronger lock of the same transaction or tier, a weaker one is listed only if it was held
    /// longer.
    pub locks: Vec<LockRecord>,
    /// The verify scripts after the first run.
    pub verify: Vec<VerifyRecord>,
    /// The points behind which a run can stop half way, in order; empty if all of it is one
    /// transaction.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub points: Vec<CommitPoint>,
    /// Number of further points, none of which was tried.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub more_points: u64,
    /// The key that signs this receipt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signer: Option<Digest>,
}

/// Result of a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RehearsalOutcome {
    /// Every step succeeded, every row was compared, and every commit point was tried.
    Proved,
    /// Every step succeeded, but not all rows were compared, or not every commit point was tried.
    Limited,
    /// The release failed a check.
    Failed,
    /// The rehearsal ended early: a gate was closed, the database was not in baseline, or it was
    /// interrupted. It proves nothing about the release.
    Incomplete,
}

/// Origin of a clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Method of the cloning.
    pub method: CloneMethod,
    /// The database; absent for a dump.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub database: Option<String>,
    /// The dump's digest: of its bytes, or of a directory's list of files and digests, as
    /// `sha256sum *` writes it; absent for a database.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dump_sha256: Option<Digest>,
    /// Size of the dump in bytes, over all of its files; absent for a database, and in receipts of
    /// earlier programs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dump_bytes: Option<u64>,
}

impl Rehearsal {
    /// Number of commit points from which no rollback was tried.
    pub fn untried_points(&self) -> u64 {
        let points = self.points.iter();
        let untried = points.filter(|point| point.rollback == FromPoint::Untried);
        untried.count() as u64 + self.more_points
    }

    /// The first failed check, followed by the server's report: statement, detail, context.
    pub fn error_lines(&self) -> impl Iterator<Item = &str> {
        self.error.iter().flat_map(|error| error.lines())
    }
}

impl Source {
    /// `made from a dump of 34567 bytes, SHA-256 ...`: identifies the dump for people; `None` for a
    /// database.
    pub fn dump(&self) -> Option<String> {
        let sha256 = self.dump_sha256?;
        let bytes = self
            .dump_bytes
            .map(|bytes| format!(" of {bytes} bytes"))
            .unwrap_or_default();
        Some(format!("made from a dump{bytes}, SHA-256 {sha256}"))
    }
}

/// Method of the cloning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloneMethod {
    /// `CREATE DATABASE ... TEMPLATE`.
    Template,
    /// `pg_dump` and `pg_restore` of a database with other connections.
    DumpRestore,
    /// A given dump.
    Dump,
}

/// The script that opened the gates on the clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloneApproval {
    /// Name of the file.
    pub file: String,
    /// Digest of the file's bytes.
    pub sha256: Digest,
}

/// A step of a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RehearsalStep {
    /// `clone`, `run`, `run again`, `check`, `rollback`, `compare`, ...
    pub name: String,
    /// True if it succeeded.
    pub ok: bool,
    /// Observations in one text.
    pub detail: String,
    /// Duration.
    pub milliseconds: u64,
}

/// Database and moment of a fingerprint.
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

/// A point behind which a part of a run is committed, and others are to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitPoint {
    /// The tier, the last one of a transaction; empty before the first.
    pub tier: String,
    /// Position of the statement that commits by itself; absent behind a transaction of tiers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<String>,
    /// Result of a rollback from there.
    pub rollback: FromPoint,
}

/// Result of a rollback from a commit point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FromPoint {
    /// It restored everything that was compared.
    Restored,
    /// The run did not come to the point, or the rollback failed or did not restore everything.
    Failed,
    /// The rehearsal did not stop there.
    Untried,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A lock on a relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockRecord {
    /// The tier after which it was first held; empty for the locks of relative expectations, which
    /// are taken before the first tier.
    pub tier: String,
    /// `schema.relation`.
    pub relation: String,
    /// `AccessExclusiveLock`, ...
    pub mode: String,
    /// Time from the last moment at which it was known not to be held, before that tier, to the
    /// answer to COMMIT: never less than the lock's own time.
    pub milliseconds: u64,
}
