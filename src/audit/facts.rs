//! The authenticated content of a file, as used by the cross-checks.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Serialize;

use crate::trust::KeyId;
use crate::trust::evidence::Evidence;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::approval::Decision;
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::name::{AprCode, Name, Version};
use pgseal_verify::format::receipt::{Action, Outcome, TrustReference};
use pgseal_verify::format::rehearsal::RehearsalOutcome;
use pgseal_verify::format::timestamp::Timestamp;

/// The content of a file. Fields that its kind does not have are absent or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The release; absent if the signatures do not suffice.
    pub release: Option<ReleaseFacts>,
    /// Keys with valid signatures, by ascending key id; for a bundle also the keys that don't
    /// count.
    pub signers: Vec<Signer>,
    /// Whether it is authentic at the requested time: a signature counts from its proven time on.
    pub then: Verdict,
    /// Whether it is authentic now.
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
    /// Number of files compared.
    pub files: u64,
    /// Whether the trust root of this audit blocks the release.
    pub blocked: bool,
    /// Whether the release itself requires a rehearsal before each run.
    pub require_rehearsal: bool,
    /// Content of a receipt.
    pub receipt: Option<ReceiptFacts>,
    /// Content of a rehearsal receipt.
    pub rehearsal: Option<RehearsalFacts>,
    /// Content of a trust root.
    pub trust_root: Option<TrustRootFacts>,
    /// Content of the archive's log.
    pub log: Option<LogFacts>,
}

/// The log of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogFacts {
    /// The log's permanent name.
    pub origin: String,
    /// Number of logged files.
    pub entries: u64,
    /// Number of checkpoints kept elsewhere that the log was compared with.
    pub compared: u64,
}

/// A release, as its statement or a receipt names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReleaseFacts {
    /// From `release.toml`.
    pub name: Name,
    /// From `release.toml`.
    pub version: Version,
    /// Position among the releases of this name.
    pub sequence: u32,
    /// Digest of the bundle's statement.
    pub id: Digest,
}

/// A key with a valid signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// The key of the signature.
    pub key_id: KeyId,
    /// The owner in the trust root.
    pub owner: String,
    /// Proof of the signing time.
    pub evidence: Seen,
    /// The reason why it doesn't count at the requested time; absent if it counts.
    pub why_not: Option<String>,
    /// Whether the trust root lists the key as revoked, regardless of the signing time.
    pub revoked: bool,
    /// Start of the key's compromise.
    pub compromised_since: Option<Timestamp>,
}

/// Evidence of a signature's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Source of the time.
    pub level: Level,
    /// The proven or claimed time.
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
    /// Whether the signatures suffice.
    pub authentic: bool,
    /// The reason, if not authentic.
    pub why_not: Option<String>,
}

/// A person's decision about a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalFacts {
    /// The key of the signature.
    pub key_id: KeyId,
    /// The owner in the trust root.
    pub owner: String,
    /// The role of the decision.
    pub role: Name,
    pub decision: Decision,
    /// The proposal that it approves.
    pub apr: Option<AprCode>,
    /// Time by the person's clock.
    pub at: Timestamp,
    /// Last moment at which it counts.
    pub expires: Option<Timestamp>,
    /// The person's own words.
    pub reason: Option<String>,
    /// Proof of the signing time.
    pub evidence: Seen,
    /// Whether it counts at the requested time.
    pub counts: bool,
    /// The reason, if it doesn't count.
    pub why_not: Option<String>,
}

/// Required and given approvals of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quorum {
    /// The proposal of these approvals, if there are several.
    pub apr: Option<AprCode>,
    /// One entry for each required role.
    pub roles: Vec<RoleQuorum>,
}

/// The approvals of one role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleQuorum {
    /// From the trust root's policy.
    pub role: Name,
    /// Number of keys with an approval that counts.
    pub needed: u8,
    /// Number of keys whose approval counts.
    pub counted: u64,
}

/// Content of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptFacts {
    /// Digest of the receipt document.
    pub sha256: Digest,
    /// Random id of the run.
    pub run_id: String,
    pub action: Action,
    /// Result of the run.
    pub outcome: Outcome,
    /// The unfinished run that this one resumed.
    pub resumes: Option<String>,
    /// Start by the host's clock.
    pub started: Timestamp,
    /// End by the host's clock.
    pub finished: Timestamp,
    /// User name from the operating system.
    pub user: String,
    /// Host name of the machine.
    pub host: String,
    /// Name of the database.
    pub database: String,
    /// The server's system identifier, if the role may read it.
    pub system_identifier: Option<String>,
    /// The server's timeline, if the role may read it.
    pub timeline: Option<u32>,
    /// Code of the ratified proposal given for the run.
    pub apr: Option<String>,
    /// The approvals named by the receipt.
    pub approvals: Vec<RestsOn>,
    /// The trust root that admitted the run.
    pub trust: TrustReference,
    /// Digest of the last line of the run's journal.
    pub journal_sha256: Option<Digest>,
}

/// An approval named by a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestsOn {
    pub key_id: KeyId,
    /// The role of the approval.
    pub role: Name,
}

/// Content of a rehearsal receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RehearsalFacts {
    /// Digest of the receipt document.
    pub sha256: Digest,
    /// Random id of the rehearsal.
    pub rehearsal_id: String,
    /// Result of the rehearsal.
    pub outcome: RehearsalOutcome,
    /// Start by the host's clock.
    pub started: Timestamp,
    /// End by the host's clock.
    pub finished: Timestamp,
    /// The cloned database; absent for a dump.
    pub database: Option<String>,
}

/// Content of a trust root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustRootFacts {
    /// Counts up from the first trust root.
    pub version: u32,
    /// Digest of the document, which the next version names.
    pub sha256: Digest,
    /// Digest of the previous version.
    pub prev_sha256: Option<Digest>,
    /// Time of the draft.
    pub issued: Option<Timestamp>,
    /// Time from which it admits no run.
    pub expires: Timestamp,
    /// Keys that sign trust roots.
    pub root_keys: Vec<KeyId>,
    /// Required approvals by role.
    pub approvals: BTreeMap<Name, u8>,
    /// Releases that must not run.
    pub blocked_releases: Vec<Digest>,
    /// Whether every run needs a rehearsal.
    pub require_rehearsal: bool,
}

impl Facts {
    /// Empty facts with these verdicts.
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
