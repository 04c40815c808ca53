//! What a file says, as far as that may be believed: everything that questions across the archive are asked of.

use std::collections::BTreeMap;

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

/// What a file says. A field that its kind doesn't have is absent or empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The release; absent where the signatures don't suffice to believe what the file says.
    pub release: Option<ReleaseFacts>,
    /// Whose signatures hold, by ascending key id; for a bundle also those that don't count.
    pub signers: Vec<Signer>,
    /// Whether it is authentic at the time that was asked for: a signature counts from its proven time on.
    pub then: Verdict,
    /// Whether it is authentic now.
    pub now: Verdict,
    /// What people say of the release.
    pub approvals: Vec<ApprovalFacts>,
    /// What a run needs and what there is of it, in the bundle and in approvals beside it, for each APR code that people
    /// approved. It is asked across the archive.
    pub quorum: Vec<Quorum>,
    /// Whether a run is ordered with an APR code.
    pub takes_apr: bool,
    /// A digest of the release and target as people are shown them: approvals are of this bundle where theirs is the same.
    pub shown: Option<Digest>,
    /// How many files were compared.
    pub files: u64,
    /// Whether the trust root that judges blocks the release.
    pub blocked: bool,
    /// Whether the release itself wants a rehearsal before each run.
    pub require_rehearsal: bool,
    /// What a receipt says besides.
    pub receipt: Option<ReceiptFacts>,
    /// What a rehearsal receipt says besides.
    pub rehearsal: Option<RehearsalFacts>,
    /// What a trust root says.
    pub trust_root: Option<TrustRootFacts>,
    /// What the log of an archive says.
    pub log: Option<LogFacts>,
}

/// The log of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogFacts {
    /// The log.
    pub origin: String,
    /// How many files it has.
    pub entries: u64,
    /// With how many checkpoints that were kept elsewhere it was compared.
    pub compared: u64,
}

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReleaseFacts {
    /// Its name.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// Its sequence.
    pub sequence: u32,
    /// Its id.
    pub id: Digest,
}

/// Whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// The key.
    pub key_id: KeyId,
    /// Whose it is, as the trust root says.
    pub owner: String,
    /// Since when the signature exists.
    pub evidence: Seen,
    /// Why it doesn't count at the time that was asked for; absent where it does.
    pub why_not: Option<String>,
    /// Whether the trust root has the key as revoked, whenever it signed.
    pub revoked: bool,
    /// Since when the key is compromised.
    pub compromised_since: Option<Timestamp>,
}

/// How well it is known since when a signature exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Who says so.
    pub level: Level,
    /// The time.
    pub at: Option<Timestamp>,
}

/// Who says since when a signature exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Its signer, or nobody.
    Claimed,
    /// Enough notaries.
    Notarised,
    /// A time stamping authority.
    Timestamped,
}

/// Whether something is authentic at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Yes or no.
    pub authentic: bool,
    /// Why not.
    pub why_not: Option<String>,
}

/// What a person says of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalFacts {
    /// The key.
    pub key_id: KeyId,
    /// Whose it is, as the trust root says.
    pub owner: String,
    /// In which role.
    pub role: Name,
    /// Yes, or no longer.
    pub decision: Decision,
    /// For which proposal.
    pub apr: Option<AprCode>,
    /// The person's clock.
    pub at: Timestamp,
    /// It counts up to this moment.
    pub expires: Option<Timestamp>,
    /// Why, in the person's own words.
    pub reason: Option<String>,
    /// Since when its signature exists.
    pub evidence: Seen,
    /// Whether it counts at the time that was asked for.
    pub counts: bool,
    /// Why not.
    pub why_not: Option<String>,
}

/// What a run needs, and what there is of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quorum {
    /// Of approvals for this proposal, where there are several.
    pub apr: Option<AprCode>,
    /// By role.
    pub roles: Vec<RoleQuorum>,
}

/// The approvals of one role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleQuorum {
    /// The role.
    pub role: Name,
    /// How many distinct keys must have said yes.
    pub needed: u8,
    /// How many did.
    pub counted: u64,
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptFacts {
    /// The digest of its document.
    pub sha256: Digest,
    /// The run.
    pub run_id: String,
    /// What was asked for.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// The unfinished run that it went on with.
    pub resumes: Option<String>,
    /// The host's clock at the start.
    pub started: Timestamp,
    /// The host's clock at the end.
    pub finished: Timestamp,
    /// The person, as the operating system names them.
    pub user: String,
    /// The machine.
    pub host: String,
    /// Where it ran.
    pub database: String,
    /// The server's system identifier, where the role may ask.
    pub system_identifier: Option<String>,
    /// The server's timeline, where the role may ask.
    pub timeline: Option<u32>,
    /// The code of the ratified proposal that it was ordered with.
    pub apr: Option<String>,
    /// The approvals that it says it rests on.
    pub approvals: Vec<RestsOn>,
    /// The trust root by which it was admitted.
    pub trust: TrustReference,
    /// The digest of its journal's last line.
    pub journal_sha256: Option<Digest>,
}

/// An approval that a run says it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestsOn {
    /// The key.
    pub key_id: KeyId,
    /// In which role.
    pub role: Name,
}

/// What a rehearsal receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RehearsalFacts {
    /// The digest of its document.
    pub sha256: Digest,
    /// The rehearsal.
    pub rehearsal_id: String,
    /// How it ended.
    pub outcome: RehearsalOutcome,
    /// The host's clock at the start.
    pub started: Timestamp,
    /// The host's clock at the end.
    pub finished: Timestamp,
    /// The database that was cloned; absent for a dump.
    pub database: Option<String>,
}

/// What a trust root says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustRootFacts {
    /// Its version.
    pub version: u32,
    /// Its digest: what the next version names.
    pub sha256: Digest,
    /// The digest of the version before.
    pub prev_sha256: Option<Digest>,
    /// When it was drafted.
    pub issued: Option<Timestamp>,
    /// From when on no run is admitted by it.
    pub expires: Timestamp,
    /// Its root keys.
    pub root_keys: Vec<KeyId>,
    /// Which approvals a run needs by it.
    pub approvals: BTreeMap<Name, u8>,
    /// Which releases never run by it.
    pub blocked_releases: Vec<Digest>,
    /// Whether every run needs a rehearsal by it.
    pub require_rehearsal: bool,
}

impl Facts {
    /// That nothing is said, judged so.
    pub fn new(then: Verdict, now: Verdict) -> Self {
        Self {
            release: None,
            signers: Vec::new(),
            then,
            now,
            approvals: Vec::new(),
            quorum: Vec::new(),
            takes_apr: false,
            shown: None,
            files: 0,
            blocked: false,
            require_rehearsal: false,
            receipt: None,
            rehearsal: None,
            trust_root: None,
            log: None,
        }
    }
}

impl Verdict {
    /// Authentic, or why not.
    pub fn of(result: Result<(), String>) -> Self {
        Self { authentic: result.is_ok(), why_not: result.err() }
    }
}

impl ReleaseFacts {
    /// Of what a document names.
    pub fn new(release: &Release, id: Digest) -> Self {
        Self { name: release.name.clone(), version: release.version.clone(), sequence: release.sequence, id }
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
        Self { level, at: evidence.time() }
    }
}

impl Seen {
    /// The time, where somebody else than the signer says it.
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
