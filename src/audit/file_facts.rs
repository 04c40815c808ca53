//! The authenticated content of a file, as used by the cross-checks.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::num::NonZeroU32;

use serde::Serialize;

use crate::trust::KeyId;
use crate::trust::evidence::Evidence;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::approval::Decision;
use pgseal_verify::format::database_pattern::DatabasePattern;
use pgseal_verify::format::evidence::AnswerKind;
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::name::{AprCode, Name, Version};
use pgseal_verify::format::receipt::{Action, Outcome, SchemaDigests, TrustReference};
use pgseal_verify::format::rehearsal::RehearsalOutcome;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::window::{Freeze, Window};

/// The content of a file. Fields that its kind does not have are absent or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileFacts {
    /// The release; absent if the signatures do not suffice.
    pub release: Option<ReleaseFacts>,
    /// Keys with valid signatures, by ascending key id; for a bundle also the keys that don't
    /// count.
    pub signers: Vec<Signer>,
    /// Whether it is authentic at the requested time: a signature counts from its proven time on.
    pub then: Verdict,
    pub now: Verdict,
    pub approvals: Vec<ApprovalFacts>,
    /// Required and given approvals for each approved APR code, in the bundle and in separate
    /// files. The cross-checks fill it in.
    pub quorum: Vec<Quorum>,
    /// Whether runs take an APR code.
    pub takes_apr: bool,
    /// Digest of the release and target as shown to approvers. Approvals belong to this bundle if
    /// theirs is equal.
    pub shown: Option<Digest>,
    pub files: u64,
    pub blocked: bool,
    pub require_rehearsal: bool,
    pub receipt: Option<ReceiptFacts>,
    pub rehearsal: Option<RehearsalFacts>,
    pub rollout: Option<RolloutFacts>,
    pub evidence: Option<EvidenceFacts>,
    pub trust_root: Option<TrustRootFacts>,
    pub log: Option<LogFacts>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogFacts {
    /// The log's permanent name.
    pub origin: String,
    pub entries: u64,
    /// Number of checkpoints kept elsewhere that the log was compared with.
    pub compared: u64,
}

/// A release, as its statement or a receipt names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReleaseFacts {
    pub name: Name,
    pub version: Version,
    /// Position among the releases of this name.
    pub sequence: u32,
    pub id: Digest,
}

/// A key with a valid signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    pub key_id: KeyId,
    pub owner: String,
    pub evidence: Seen,
    /// The reason why it doesn't count at the requested time; absent if it counts.
    pub why_not: Option<String>,
    /// Whether the trust root lists the key as revoked, regardless of the signing time.
    pub revoked: bool,
    pub compromised_since: Option<Timestamp>,
}

/// Evidence of a signature's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub level: Level,
    pub at: Option<Timestamp>,
}

/// Source of a signature's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The signer, or no source.
    Claimed,
    Notarised,
    Timestamped,
}

/// Authenticity at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub authentic: bool,
    pub why_not: Option<String>,
}

/// A person's decision about a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalFacts {
    pub key_id: KeyId,
    pub owner: String,
    pub role: Name,
    pub decision: Decision,
    /// The proposal that it approves.
    pub apr: Option<AprCode>,
    /// Time by the person's clock.
    pub at: Timestamp,
    pub expires: Option<Timestamp>,
    /// Digest of the signed statement.
    pub sha256: Digest,
    /// The databases that it is for, if not all of the release.
    pub only_on: Option<DatabasePattern>,
    /// Number of runs on one database that it allows.
    pub runs: NonZeroU32,
    pub reason: Option<String>,
    pub evidence: Seen,
    /// Whether it counts at the requested time.
    pub counts: bool,
    pub why_not: Option<String>,
}

/// Required and given approvals of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quorum {
    /// The proposal of these approvals, if there are several.
    pub apr: Option<AprCode>,
    pub roles: Vec<RoleQuorum>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleQuorum {
    pub role: Name,
    pub needed: u8,
    pub counted: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptFacts {
    pub sha256: Digest,
    pub run_id: String,
    pub action: Action,
    pub outcome: Outcome,
    /// The unfinished run that this one resumed.
    pub resumes: Option<String>,
    pub started: Timestamp,
    pub finished: Timestamp,
    pub user: String,
    pub host: String,
    pub database: String,
    /// The server's system identifier, if the role may read it.
    pub system_identifier: Option<String>,
    /// The server's timeline, if the role may read it.
    pub timeline: Option<u32>,
    /// Code of the ratified proposal given for the run.
    pub apr: Option<String>,
    pub approvals: Vec<RestsOn>,
    /// The trust root that admitted the run.
    pub trust: TrustReference,
    /// Digest of the last line of the run's journal.
    pub journal_sha256: Option<Digest>,
    /// The number of its transaction, which orders receipts of one second.
    #[serde(skip)]
    pub transaction: Option<u64>,
    /// Digests of the definitions, compared by `definitions::check`.
    #[serde(skip)]
    pub schema: Option<SchemaDigests>,
    /// The values that the run or rollback changed, for people, such as `gap 210 -> 0`.
    #[serde(skip)]
    pub values: String,
}

/// An approval named by a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestsOn {
    pub key_id: KeyId,
    /// Digest of the signed statement.
    pub sha256: Digest,
    pub role: Name,
    /// Number of runs on one database that it allows, according to the receipt.
    pub runs: NonZeroU32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RehearsalFacts {
    pub sha256: Digest,
    pub rehearsal_id: String,
    pub outcome: RehearsalOutcome,
    pub started: Timestamp,
    pub finished: Timestamp,
    /// The cloned database; absent for a dump.
    pub database: Option<String>,
}

/// A rollout of a release over many databases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RolloutFacts {
    pub sha256: Digest,
    pub rollout_id: String,
    pub action: Action,
    pub started: Timestamp,
    pub finished: Timestamp,
    pub user: String,
    pub host: String,
    /// Number of databases.
    pub databases: u64,
    /// Those where the rollout leads.
    pub done: u64,
    /// Those that were begun, and did not end well.
    pub failed: u64,
    /// Those that were not begun.
    pub left: u64,
    /// `498 of 500 done; 2 failed before COMMIT, unchanged`.
    pub summary: String,
    /// The runs and rollbacks with receipts, compared by `rollouts::check`.
    #[serde(skip)]
    pub runs: Vec<RolloutRun>,
}

/// A run named by a rollout receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutRun {
    pub database: String,
    pub run_id: String,
    /// The digest of its receipt.
    pub sha256: Digest,
}

/// A signed answer of a command that only reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvidenceFacts {
    pub sha256: Digest,
    pub evidence_id: String,
    /// The command.
    pub kind: AnswerKind,
    pub at: Timestamp,
    /// The command's exit code.
    pub exit: u8,
    pub user: String,
    pub host: String,
    /// The database, if one answered.
    pub database: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustRootFacts {
    pub version: u32,
    /// Digest of the document, which the next version names.
    pub sha256: Digest,
    pub prev_sha256: Option<Digest>,
    pub issued: Option<Timestamp>,
    /// Time from which it admits no run.
    pub expires: Timestamp,
    pub root_keys: Vec<KeyId>,
    pub approvals: BTreeMap<Name, u8>,
    pub blocked_releases: Vec<Digest>,
    pub require_rehearsal: bool,
    #[serde(skip)]
    pub require_run_on: Vec<DatabasePattern>,
    #[serde(skip)]
    pub windows: Vec<Window>,
    #[serde(skip)]
    pub freezes: Vec<Freeze>,
}

impl FileFacts {
    pub fn new(then: Verdict, now: Verdict) -> Self {
        Self {
            then,
            now,
            ..Self::default()
        }
    }

    /// Empty facts of a file that is not authentic.
    pub fn refused(why: impl Display) -> Self {
        let no = Verdict::no(why);
        Self::new(no.clone(), no)
    }
}

impl Verdict {
    /// Authentic if `Ok`, else the reason.
    pub fn of<T, E: Display>(result: Result<T, E>) -> Self {
        result.map_or_else(Self::no, |_| Self::yes())
    }

    pub fn yes() -> Self {
        Self {
            authentic: true,
            why_not: None,
        }
    }

    pub fn no(why: impl Display) -> Self {
        Self {
            authentic: false,
            why_not: Some(why.to_string()),
        }
    }
}

impl ReleaseFacts {
    /// From a document's release and its id.
    pub fn new(release: &Release, id: Digest) -> Self {
        Self {
            name: release.name.clone(),
            version: release.version.clone(),
            sequence: release.sequence,
            id,
        }
    }

    /// `one-roof 1.0.0`
    pub fn title(&self) -> String {
        pgseal_verify::format::statement::title(&self.name, &self.version)
    }
}

impl From<Evidence> for Seen {
    fn from(evidence: Evidence) -> Self {
        let level = match evidence {
            Evidence::Claimed(_) => Level::Claimed,
            Evidence::Notarised(_) => Level::Notarised,
            Evidence::Timestamped(_) => Level::Timestamped,
        };
        Self {
            level,
            at: evidence.time(),
        }
    }
}

impl Seen {
    /// The time, if a source other than the signer proves it.
    pub fn proven(self) -> Option<Timestamp> {
        self.at.filter(|_| self.level != Level::Claimed)
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let evidence = match (self.level, self.at) {
            (Level::Notarised, Some(at)) => Evidence::Notarised(at),
            (Level::Timestamped, Some(at)) => Evidence::Timestamped(at),
            (_, at) => Evidence::Claimed(at),
        };
        evidence.fmt(f)
    }
}
