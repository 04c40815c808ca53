//! The document of an approval: an in-toto Statement v1 by an approver about one release.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::manifest::{Release, Target};
use super::name::{AprCode, Name};
use super::statement::{StatementType, Subject};
use super::timestamp::Timestamp;
use super::version::Format1;

/// Name of the release variable that carries the code of the ratified proposal.
pub const APR_VARIABLE: &str = "ratified_apr";

/// `approvals/KEYID.json` by an approver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalStatement {
    /// Always in-toto Statement v1.
    #[serde(rename = "_type")]
    pub type_: StatementType,
    /// The release: its name and version, and its id.
    pub subject: Vec<Subject>,
    /// Always an approval.
    #[serde(rename = "predicateType")]
    pub predicate_type: ApprovalPredicateType,
    /// Content of the approval.
    pub predicate: Approval,
}

/// The predicate type of an approval and of its withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApprovalPredicateType {
    /// Version 1.
    #[serde(rename = "urn:pgseal:approval:v1")]
    V1,
}

/// An approval of a release, or its withdrawal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Format of the document.
    pub format: Format1,
    /// Approval or withdrawal.
    pub decision: Decision,
    /// Role of the approver.
    pub role: Name,
    /// The code of the ratified proposal, which must equal the run's `ratified_apr`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub apr: Option<AprCode>,
    /// The release as it was shown to the approver.
    pub release: Release,
    /// Database on which it may run.
    pub target: Target,
    /// Time by the approver's clock. Of two statements by one key about one release, the later one
    /// counts.
    pub at: Timestamp,
    /// End of the validity, inclusive; absent in a withdrawal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<Timestamp>,
    /// Reason in the approver's own words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
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
