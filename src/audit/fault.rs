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
    /// Creates a fault with this sentence.
    pub fn new(kind: FaultKind, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            sentence: sentence.into(),
        }
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $scope:ident;)*) => {
        /// Kinds of faults and notes. docs/audit.md has a sentence for each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum FaultKind {
            $($(#[$doc])* $name,)*
        }

        impl FaultKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The JSON string.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The scope that detects this kind.
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
    /// The file, directory or object can't be read.
    Unreadable = "unreadable", File;
    /// The content is not of the format that the name promises.
    Malformed = "malformed", File;
    /// A bundle or trust root without a signature.
    Unsigned = "unsigned", File;
    /// A signature by a key that the trust root doesn't list.
    UnknownKey = "unknown-key", File;
    /// A signature that does not verify with its key over this document.
    InvalidSignature = "invalid-signature", File;
    /// Too few signatures count: retired keys, another role, outside their validity.
    TooFewSignatures = "too-few-signatures", File;
    /// Signatures don't count because their key is revoked or may be in an attacker's hands.
    RevokedKey = "revoked-key", File;
    /// A bundle contains an invalid approval or notarisation.
    BadApproval = "bad-approval", File;
    /// A timestamp that does not verify.
    BadTimeStamp = "bad-time-stamp", File;
    /// Signed but not readable: of a later format, or contradictory.
    BadStatement = "bad-statement", File;
    /// A listed file is missing.
    FileMissing = "file-missing", File;
    /// A file is not listed.
    FileExtra = "file-extra", File;
    /// A file's bytes differ from the signed ones.
    FileChanged = "file-changed", File;
    /// Stored bytes as signed, but with other content than signed.
    BadContent = "bad-content", File;
    /// A receipt that declares a signature and has none, or the reverse.
    Stripped = "stripped", File;
    /// The journal of a receipt belongs to another run.
    JournalDiffers = "journal-differs", File;
    /// A signature, timestamp or journal without its receipt.
    ReceiptMissing = "receipt-missing", File;
    /// A location that may hold files was skipped.
    PassedOver = "passed-over", File;
    /// A bundle's name contains another version than the bundle.
    NameDiffers = "name-differs", File;
    /// Approvals of several releases in one file.
    MixedApprovals = "mixed-approvals", File;
    /// An unsigned receipt, which proves nothing.
    UnsignedReceipt = "unsigned-receipt", File;
    /// Two releases with the same name and version.
    Equivocation = "equivocation", Archive;
    /// Two versions with the same name and sequence.
    SequenceTwice = "sequence-twice", Archive;
    /// A lower sequence ran while a higher one was in effect.
    SequenceBack = "sequence-back", Archive;
    /// Sequences between two releases of a name are missing.
    Gap = "gap", Archive;
    /// An approval without its bundle.
    ApprovalWithoutBundle = "approval-without-bundle", Archive;
    /// An approval that shows another release or target than its bundle.
    ApprovalDiffers = "approval-differs", Archive;
    /// A receipt without its bundle.
    ReceiptWithoutBundle = "receipt-without-bundle", Archive;
    /// A rehearsal without its bundle.
    RehearsalWithoutBundle = "rehearsal-without-bundle", Archive;
    /// A receipt that names its release differently from the bundle.
    ReceiptDiffers = "receipt-differs", Archive;
    /// A run without the approvals that its trust root requires.
    RunWithoutApprovals = "run-without-approvals", Archive;
    /// A run without the rehearsal that its release or trust root requires.
    RunWithoutRehearsal = "run-without-rehearsal", Archive;
    /// A run of a release that its trust root blocked.
    RunOfBlocked = "run-of-blocked", Archive;
    /// A release that ran twice on a database without a rollback between.
    RunTwice = "run-twice", Archive;
    /// A rollback without the receipt of its run.
    RollbackWithoutRun = "rollback-without-run", Archive;
    /// One run id in two receipts.
    RunIdTwice = "run-id-twice", Archive;
    /// A run that failed and changed nothing.
    RunFailed = "run-failed", Archive;
    /// A run that stopped half way and has no later receipt.
    RunUnfinished = "run-unfinished", Archive;
    /// A run that may or may not have committed.
    RunUnknown = "run-unknown", Archive;
    /// A file signed by a revoked key.
    RevokedKeyWork = "revoked-key-work", Archive;
    /// Two trust roots of one version with common root keys.
    TrustFork = "trust-fork", Archive;
    /// A version of the trust root between two others is missing.
    TrustVersionMissing = "trust-version-missing", Archive;
    /// A trust root that is not an ancestor of the one of this audit.
    TrustForeign = "trust-foreign", Archive;
    /// A trust root later than the one of this audit.
    TrustNewer = "trust-newer", Archive;
    /// A logged file is missing.
    LogDeleted = "log-deleted", Place;
    /// The log has a file with other content under this name.
    LogRewritten = "log-rewritten", Place;
    /// A file is not in the archive's log.
    LogUnlogged = "log-unlogged", Place;
    /// The log's own files disagree, or one is damaged or missing.
    LogBroken = "log-broken", Place;
    /// No key that counts signed the log's checkpoint.
    LogUnsigned = "log-unsigned", Place;
    /// Entries follow the log's checkpoint.
    LogUnfinished = "log-unfinished", Place;
    /// A kept checkpoint is of a larger log.
    LogShrunk = "log-shrunk", Place;
    /// A kept checkpoint is of another log.
    LogFork = "log-fork", Place;
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_json_has() {
        for kind in FaultKind::ALL {
            assert_eq!(serde_json::to_value(kind).expect("a word"), kind.as_str());
        }
    }
}
