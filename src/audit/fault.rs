//! Kinds of faults and notes.

use std::fmt;

use serde::Serialize;

/// A fault, or a note of interest to an auditor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    pub kind: FaultKind,
    /// Description for people. It may contain untrusted text.
    pub sentence: String,
}

impl Fault {
    pub fn new(kind: FaultKind, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            sentence: sentence.into(),
        }
    }
}

macro_rules! words {
    ($($name:ident = $word:literal, $scope:ident;)*) => {
        /// Kinds of faults and notes. docs/audit.md has a sentence for each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum FaultKind {
            $(#[serde(rename = $word)] $name,)*
        }

        impl FaultKind {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            pub fn scope(self) -> Scope {
                match self { $(Self::$name => Scope::$scope,)* }
            }
        }
    };
}

/// Scope that detects a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    File,
    Archive,
    /// The log of the archive.
    Place,
}

words! {
    Unreadable = "unreadable", File;
    Malformed = "malformed", File;
    Unsigned = "unsigned", File;
    UnknownKey = "unknown-key", File;
    InvalidSignature = "invalid-signature", File;
    TooFewSignatures = "too-few-signatures", File;
    RevokedKey = "revoked-key", File;
    BadApproval = "bad-approval", File;
    BadTimeStamp = "bad-time-stamp", File;
    BadStatement = "bad-statement", File;
    FileMissing = "file-missing", File;
    FileExtra = "file-extra", File;
    FileChanged = "file-changed", File;
    BadContent = "bad-content", File;
    Stripped = "stripped", File;
    JournalDiffers = "journal-differs", File;
    ReceiptMissing = "receipt-missing", File;
    PassedOver = "passed-over", File;
    NameDiffers = "name-differs", File;
    MixedApprovals = "mixed-approvals", File;
    UnsignedReceipt = "unsigned-receipt", File;
    Equivocation = "equivocation", Archive;
    SequenceTwice = "sequence-twice", Archive;
    SequenceBack = "sequence-back", Archive;
    Gap = "gap", Archive;
    ApprovalWithoutBundle = "approval-without-bundle", Archive;
    ApprovalDiffers = "approval-differs", Archive;
    ReceiptWithoutBundle = "receipt-without-bundle", Archive;
    RehearsalWithoutBundle = "rehearsal-without-bundle", Archive;
    EvidenceWithoutBundle = "evidence-without-bundle", Archive;
    ReceiptDiffers = "receipt-differs", Archive;
    RunWithoutApprovals = "run-without-approvals", Archive;
    ApprovalsUsed = "approvals-used", Archive;
    RunWithoutRehearsal = "run-without-rehearsal", Archive;
    RunWithoutStaging = "run-without-staging", Archive;
    RunOutsideWindow = "run-outside-window", Archive;
    RunOfBlocked = "run-of-blocked", Archive;
    RunTwice = "run-twice", Archive;
    RollbackWithoutRun = "rollback-without-run", Archive;
    RunIdTwice = "run-id-twice", Archive;
    RunFailed = "run-failed", Archive;
    RunUnfinished = "run-unfinished", Archive;
    RunUnknown = "run-unknown", Archive;
    RolloutMissing = "rollout-receipt-missing", Archive;
    RolloutDiffers = "rollout-receipt-differs", Archive;
    RolloutUnfinished = "rollout-unfinished", Archive;
    DefinitionsChanged = "definitions-changed", Archive;
    DefinitionsNotRestored = "definitions-not-restored", Archive;
    RevokedKeyWork = "revoked-key-work", Archive;
    TrustFork = "trust-fork", Archive;
    TrustVersionMissing = "trust-version-missing", Archive;
    TrustForeign = "trust-foreign", Archive;
    TrustNewer = "trust-newer", Archive;
    LogDeleted = "log-deleted", Place;
    LogRewritten = "log-rewritten", Place;
    LogUnlogged = "log-unlogged", Place;
    LogBroken = "log-broken", Place;
    LogUnsigned = "log-unsigned", Place;
    LogUnfinished = "log-unfinished", Place;
    LogShrunk = "log-shrunk", Place;
    LogFork = "log-fork", Place;
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
