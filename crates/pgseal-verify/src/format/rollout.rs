//! The document of a rollout receipt: one release over many databases, as an in-toto Statement v1
//! about the release. It ties the receipts of the runs together and authorises nothing.

use serde::{Deserialize, Serialize};

use super::manifest::Release;
use super::receipt::{Action, Operator, TrustReference};
use super::statement::{Predicate, Statement};
use super::timestamp::Timestamp;
use crate::digest::Digest;
use crate::plural::count;

/// `*.rollout.json`.
pub type RolloutStatement = Statement<Rollout>;

impl Predicate for Rollout {
    fn predicate_type(&self) -> &'static str {
        "urn:pgseal:rollout:v1"
    }
}

/// Record of a rollout, of its rollback, or of several merged ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Identifies the rollout and its journal: 32 hexadecimal digits from the operating system's
    /// random source.
    pub rollout_id: String,
    /// The action on each database.
    pub action: Action,
    /// For a `rollout --resume`: the id of the rollout that this one continued.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resumes: Option<String>,
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
    /// The trust root used for all judgements.
    pub trust: TrustReference,
    /// The digest of the plan's bytes; absent if several rollouts were merged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan_sha256: Option<Digest>,
    /// The merged rollouts; empty for a rollout itself.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub shards: Vec<Shard>,
    /// Reason why no further database was begun; absent if all were.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stopped: Option<String>,
    /// All databases of the plan, in its order.
    pub databases: Vec<RolloutDatabase>,
    /// The key that signs this receipt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signer: Option<Digest>,
}

/// A merged rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// The digest of its receipt.
    pub sha256: Digest,
    /// The digest of its plan.
    pub plan_sha256: Digest,
}

/// A database of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutDatabase {
    /// The connection string, which has no password.
    pub database: String,
    /// Number of its wave, from 1.
    pub wave: u32,
    /// The result.
    pub outcome: DatabaseOutcome,
    /// Exit code of its command; absent if that was not started or did not end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exit: Option<u8>,
    /// The kind of its error.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
    /// Its error.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// Id of the run or rollback, in the database's ledger.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run_id: Option<String>,
    /// The digest of its receipt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub receipt_sha256: Option<Digest>,
}

/// Result of a rollout on one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseOutcome {
    /// The run or rollback was committed.
    Committed,
    /// The release was in effect already, or, for a rollback, not applied.
    Already,
    /// It failed or was refused before COMMIT; the database is unchanged.
    Unchanged,
    /// Only a part is committed.
    Partial,
    /// It is not known: COMMIT was not answered, or its command did not end by itself.
    Unknown,
    /// It was not begun.
    Left,
}

impl DatabaseOutcome {
    /// Spelling in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Already => "already",
            Self::Unchanged => "unchanged",
            Self::Partial => "partial",
            Self::Unknown => "unknown",
            Self::Left => "left",
        }
    }

    /// True if the database is where the rollout leads.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Committed | Self::Already)
    }
}

impl RolloutDatabase {
    /// A database that was not begun.
    pub fn left(database: String, wave: u32) -> Self {
        Self {
            database,
            wave,
            outcome: DatabaseOutcome::Left,
            exit: None,
            kind: None,
            error: None,
            run_id: None,
            receipt_sha256: None,
        }
    }

    /// True if it was begun and did not end well; a receipt that is not stored is a failure too.
    pub fn is_failed(&self) -> bool {
        let is_done = self.outcome.is_done() && self.exit.is_none_or(|exit| exit == 0);
        !is_done && self.outcome != DatabaseOutcome::Left
    }
}

/// Numbers of databases by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub databases: usize,
    /// Where the rollout leads.
    pub done: usize,
    /// Begun, and not ended well.
    pub failed: usize,
    /// Not begun.
    pub left: usize,
}

impl Tally {
    /// Counts databases.
    pub fn of<'d>(databases: impl IntoIterator<Item = &'d RolloutDatabase>) -> Self {
        let mut tally = Self::default();
        for one in databases {
            tally.databases += 1;
            tally.done += usize::from(one.outcome.is_done());
            tally.failed += usize::from(one.is_failed());
            tally.left += usize::from(one.outcome == DatabaseOutcome::Left);
        }
        tally
    }
}

/// `498 of 500 done; 2 failed before COMMIT, unchanged`.
pub fn summary(databases: &[RolloutDatabase]) -> String {
    let number = |outcome| {
        databases
            .iter()
            .filter(|one| one.outcome == outcome)
            .count()
    };
    let tally = Tally::of(databases);
    let unstored = databases
        .iter()
        .filter(|one| one.outcome.is_done() && one.is_failed());
    let parts = [
        (
            number(DatabaseOutcome::Unchanged),
            "failed before COMMIT, unchanged",
        ),
        (number(DatabaseOutcome::Partial), "stopped half way"),
        (number(DatabaseOutcome::Unknown), "not known"),
        (unstored.count(), "done without a stored receipt"),
        (tally.left, "not begun"),
    ];
    let mut text = format!("{} of {} done", tally.done, tally.databases);
    for (number, what) in parts.into_iter().filter(|(number, _)| *number > 0) {
        text.push_str(&format!("; {number} {what}"));
    }
    text
}

impl Rollout {
    /// The last wave's number.
    pub fn waves(&self) -> u32 {
        let waves = self.databases.iter().map(|one| one.wave);
        waves.max().unwrap_or_default()
    }

    /// `30 databases in 3 waves`.
    pub fn extent(&self) -> String {
        let databases = count(self.databases.len(), "database");
        format!("{databases} in {}", count(self.waves(), "wave"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_names_every_result_that_occurs() {
        let with = |outcome, exit| RolloutDatabase {
            outcome,
            exit,
            ..RolloutDatabase::left("a".to_owned(), 1)
        };
        let mut all = vec![with(DatabaseOutcome::Committed, Some(0)); 498];
        all.extend([
            with(DatabaseOutcome::Unchanged, Some(30)),
            with(DatabaseOutcome::Unchanged, Some(22)),
        ]);
        assert_eq!(
            summary(&all),
            "498 of 500 done; 2 failed before COMMIT, unchanged"
        );
        let mixed = [
            with(DatabaseOutcome::Already, Some(0)),
            with(DatabaseOutcome::Committed, Some(40)),
            with(DatabaseOutcome::Partial, Some(31)),
            with(DatabaseOutcome::Unknown, None),
            with(DatabaseOutcome::Left, None),
        ];
        assert_eq!(
            summary(&mixed),
            "2 of 5 done; 1 stopped half way; 1 not known; 1 done without a stored receipt; 1 not begun"
        );
        let tally = Tally {
            databases: 5,
            done: 2,
            failed: 3,
            left: 1,
        };
        assert_eq!(Tally::of(&mixed), tally);
    }
}
