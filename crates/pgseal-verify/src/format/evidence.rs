//! The document of a signed answer: an in-toto Statement v1 with the JSON answer of a command that
//! only reads. A key of the role `receipt` signs it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifest::Release;
use super::receipt::{ObservedTarget, Operator, TrustReference};
use super::statement::{Predicate, Statement};
use super::timestamp::Timestamp;
use crate::digest::Digest;

/// `*.evidence.json`. Its subject is the release; for a fingerprint, the database's content.
pub type EvidenceStatement = Statement<SignedAnswer>;

impl Predicate for SignedAnswer {
    fn predicate_type(&self) -> &'static str {
        match self.kind {
            AnswerKind::Gate => "urn:pgseal:evidence:gate:v1",
            AnswerKind::Plan => "urn:pgseal:evidence:plan:v1",
            AnswerKind::Check => "urn:pgseal:evidence:check:v1",
            AnswerKind::Report => "urn:pgseal:evidence:report:v1",
            AnswerKind::Drift => "urn:pgseal:evidence:drift:v1",
            AnswerKind::Fingerprint => "urn:pgseal:evidence:fingerprint:v1",
        }
    }
}

/// The answer of a command, good or bad, with its circumstances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedAnswer {
    /// Identifies the answer: 32 hexadecimal digits from the operating system's random source.
    pub evidence_id: String,
    /// The command.
    pub kind: AnswerKind,
    /// The release; absent for a fingerprint alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub release: Option<Release>,
    /// When it was given, by the host's clock.
    pub at: Timestamp,
    /// The command's exit code.
    pub exit: u8,
    /// The database, if one was asked and answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<ObservedTarget>,
    /// The trust root used for all judgements.
    pub trust: TrustReference,
    /// User and host.
    pub operator: Operator,
    /// Version of pgseal.
    pub pgseal: String,
    /// The document that the command prints with `--json`.
    pub answer: Value,
    /// The key that signs this document.
    pub signer: Digest,
}

/// A command whose answers can be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerKind {
    /// `pgseal gate`
    Gate,
    /// `pgseal plan`
    Plan,
    /// `pgseal check`
    Check,
    /// `pgseal report`
    Report,
    /// `pgseal drift`
    Drift,
    /// `pgseal fingerprint`
    Fingerprint,
}

impl AnswerKind {
    /// Spelling in the document and in file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Plan => "plan",
            Self::Check => "check",
            Self::Report => "report",
            Self::Drift => "drift",
            Self::Fingerprint => "fingerprint",
        }
    }
}
