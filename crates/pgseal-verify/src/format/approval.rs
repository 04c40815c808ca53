//! The document of an approval: an in-toto Statement v1 by an approver about one release.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::database_pattern::DatabasePattern;
use super::manifest::{Release, Target};
use super::name::{AprCode, Name};
use super::receipt::ObservedTarget;
use super::statement::{Predicate, Statement};
use super::timestamp::Timestamp;

/// Name of the release variable that carries the code of the ratified proposal.
pub const APR_VARIABLE: &str = "ratified_apr";

/// An approval or its withdrawal, `approvals/KEYID.json` by a person.
pub type ApprovalStatement = Statement<Approval>;

impl Predicate for Approval {
    fn predicate_type(&self) -> &'static str {
        "urn:pgseal:approval:v1"
    }
}

/// An approval of a release, or its withdrawal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Approval or withdrawal.
    pub decision: Decision,
    /// Role of the approver.
    pub role: Name,
    /// The code of the ratified proposal, which must equal the run's `ratified_apr`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub apr: Option<AprCode>,
    /// The release as it was shown to the approver.
    pub release: Release,
    /// Databases on which it may run.
    pub target: Target,
    /// The databases of these that the approval is for; absent: all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub only_on: Option<DatabasePattern>,
    /// Time by the approver's clock. Of two statements by one key about one release, the later one
    /// counts.
    pub at: Timestamp,
    /// End of the validity, inclusive; absent in a withdrawal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<Timestamp>,
    /// Number of runs on one database that it allows. One is not written, so that each number has
    /// one encoding.
    #[serde(skip_serializing_if = "is_one", default = "one")]
    pub runs: NonZeroU32,
    /// Reason in the approver's own words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn is_one(runs: &NonZeroU32) -> bool {
    *runs == one()
}

impl Approval {
    /// Whether it is for a run on this database.
    pub fn is_for(&self, target: &ObservedTarget) -> bool {
        self.only_on.as_ref().is_none_or(|on| on.matches(target))
    }
}

/// Decision of an approver. The order matters: of two statements of the same second, the withdrawal
/// counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Approves the release.
    Approve,
    /// Withdraws an earlier approval.
    Withdraw,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Approve => "approved",
            Self::Withdraw => "withdrawn",
        })
    }
}
