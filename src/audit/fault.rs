//! The words for what can be wrong, or worth a note.

use std::fmt;

use serde::Serialize;

/// Something that is wrong, or that an auditor will want to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// The word for it.
    pub kind: FaultKind,
    /// What is wrong, for people. It may hold foreign text.
    pub sentence: String,
}

impl Fault {
    /// With any sentence.
    pub fn new(kind: FaultKind, sentence: impl Into<String>) -> Self {
        Self { kind, sentence: sentence.into() }
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $scope:ident;)*) => {
        /// What can be wrong, or worth a note. docs/audit.md has a sentence for each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum FaultKind {
            $($(#[$doc])* $name,)*
        }

        impl FaultKind {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As JSON writes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Where it is seen.
            pub fn scope(self) -> Scope {
                match self { $(Self::$name => Scope::$scope,)* }
            }
        }
    };
}

/// Where something is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In the file alone.
    File,
    /// Across the archive.
    Archive,
    /// In the log of the archive.
    Place,
}

words! {
    /// The file, directory or object can't be read.
    Unreadable = "unreadable", File;
    /// It is not of the format that its name promises.
    Malformed = "malformed", File;
    /// A bundle or trust root that nobody signed.
    Unsigned = "unsigned", File;
    /// A signature by a key that the trust root doesn't list.
    UnknownKey = "unknown-key", File;
    /// A signature that is not its key's over this document.
    InvalidSignature = "invalid-signature", File;
    /// Too few signatures count: retired keys, another role, outside of their windows.
    TooFewSignatures = "too-few-signatures", File;
    /// Signatures don't count because their key is revoked, or may be the thief's.
    RevokedKey = "revoked-key", File;
    /// An approval or notarisation in a bundle that can't stay.
    BadApproval = "bad-approval", File;
    /// A time stamp that can't be checked.
    BadTimeStamp = "bad-time-stamp", File;
    /// Signed, and not readable: of a later format, or contradicting itself.
    BadStatement = "bad-statement", File;
    /// A file that is listed and not there.
    FileMissing = "file-missing", File;
    /// A file that is there and not listed.
    FileExtra = "file-extra", File;
    /// A file with other bytes than signed.
    FileChanged = "file-changed", File;
    /// Stored bytes as signed, with another content than signed.
    BadContent = "bad-content", File;
    /// A receipt that says that it is signed, without its signature; or the other way round.
    Stripped = "stripped", File;
    /// The journal beside a receipt is not the one of its run.
    JournalDiffers = "journal-differs", File;
    /// A signature, time stamp or journal whose receipt is not here.
    ReceiptMissing = "receipt-missing", File;
    /// Something that may hold files and was not looked into.
    PassedOver = "passed-over", File;
    /// A bundle whose name says another version than the one that it is.
    NameDiffers = "name-differs", File;
    /// Approvals of several releases in one file.
    MixedApprovals = "mixed-approvals", File;
    /// A receipt that nobody signed proves nothing.
    UnsignedReceipt = "unsigned-receipt", File;
    /// One name and version, two releases.
    Equivocation = "equivocation", Archive;
    /// One name and sequence, two versions.
    SequenceTwice = "sequence-twice", Archive;
    /// A lower sequence ran where a higher one was in effect.
    SequenceBack = "sequence-back", Archive;
    /// Numbers between two releases of a name that no release here has.
    Gap = "gap", Archive;
    /// An approval whose release is not here.
    ApprovalWithoutBundle = "approval-without-bundle", Archive;
    /// An approval that shows another release than its bundle.
    ApprovalDiffers = "approval-differs", Archive;
    /// A receipt whose release is not here.
    ReceiptWithoutBundle = "receipt-without-bundle", Archive;
    /// A rehearsal whose release is not here.
    RehearsalWithoutBundle = "rehearsal-without-bundle", Archive;
    /// A receipt that names its release otherwise than the bundle does.
    ReceiptDiffers = "receipt-differs", Archive;
    /// A run without the approvals that its trust root wants.
    RunWithoutApprovals = "run-without-approvals", Archive;
    /// A run without the rehearsal that its release or trust root wants.
    RunWithoutRehearsal = "run-without-rehearsal", Archive;
    /// A run of a release that its trust root blocked.
    RunOfBlocked = "run-of-blocked", Archive;
    /// A release that ran twice on a database without a rollback between.
    RunTwice = "run-twice", Archive;
    /// A rollback of a run whose receipt is not here.
    RollbackWithoutRun = "rollback-without-run", Archive;
    /// One run id in two receipts.
    RunIdTwice = "run-id-twice", Archive;
    /// A run that failed and changed nothing.
    RunFailed = "run-failed", Archive;
    /// A run that stopped half way, and nothing here says how it went on.
    RunUnfinished = "run-unfinished", Archive;
    /// A run of which nobody knows whether it was committed.
    RunUnknown = "run-unknown", Archive;
    /// What a revoked key signed.
    RevokedKeyWork = "revoked-key-work", Archive;
    /// Two trust roots of one version, by the same root keys.
    TrustFork = "trust-fork", Archive;
    /// A version of the trust root between two others is not here.
    TrustVersionMissing = "trust-version-missing", Archive;
    /// A trust root that is no ancestor of the one that judges.
    TrustForeign = "trust-foreign", Archive;
    /// A trust root later than the one that judges.
    TrustNewer = "trust-newer", Archive;
    /// A file that the archive's log has is gone.
    LogDeleted = "log-deleted", Place;
    /// The archive's log has another file under this name.
    LogRewritten = "log-rewritten", Place;
    /// A file that the archive's log doesn't have.
    LogUnlogged = "log-unlogged", Place;
    /// The log's own files don't agree, or one is damaged or gone.
    LogBroken = "log-broken", Place;
    /// No key that counts has signed the log's checkpoint.
    LogUnsigned = "log-unsigned", Place;
    /// Entries stand behind the log's checkpoint.
    LogUnfinished = "log-unfinished", Place;
    /// A checkpoint that somebody kept is of a larger log.
    LogShrunk = "log-shrunk", Place;
    /// A checkpoint that somebody kept is of another log.
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
