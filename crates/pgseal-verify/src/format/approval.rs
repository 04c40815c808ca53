//! An approval as data: what a person says about one release, as an in-toto Statement v1.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::manifest::{Release, Target};
use super::name::{AprCode, Name};
use super::statement::{Predicate, Statement};
use super::timestamp::Timestamp;

/// The variable of a release that carries the code of the ratified proposal.
pub const APR_VARIABLE: &str = "ratified_apr";

/// An approval or its withdrawal, `approvals/KEYID.json` by a person.
pub type ApprovalStatement = Statement<Approval>;

impl Predicate for Approval {
    const TYPE: &'static str = "urn:pgseal:approval:v1";
}

/// A person's yes to a release, or the withdrawal of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Yes, or no longer.
    pub decision: Decision,
    /// In which role.
    pub role: Name,
    /// The code of the ratified proposal, which must be the run's `ratified_apr`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub apr: Option<AprCode>,
    /// What the person was shown.
    pub release: Release,
    /// Where it may run.
    pub target: Target,
    /// The person's clock. Of two statements by one key about one release, the later one counts.
    pub at: Timestamp,
    /// It counts up to this moment; a withdrawal has no end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<Timestamp>,
    /// Why, in the person's own words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// What a person says. The order matters: of two statements of the same second the withdrawal counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Yes.
    Approve,
    /// What was approved is no longer.
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
