//! Stable kinds of errors: one word each, refining an exit code. docs/errors.md describes the
//! remedies.

use super::exit::Exit;

/// Defines the kinds with word, exit code and meaning.
macro_rules! kinds {
    ($($kind:ident $word:literal $exit:ident $meaning:literal)*) => {
        /// The kind of an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = $meaning] $kind,)*
        }

        impl Kind {
            /// All kinds, in the order of exit codes.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The word in JSON documents, the same in every version.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }

            /// The meaning, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$kind => $meaning,)*
                }
            }

            /// The exit code. An interrupted command may end with another one.
            pub fn exit(self) -> Exit {
                match self {
                    $(Self::$kind => Exit::$exit,)*
                }
            }
        }
    };
}

kinds! {
    Internal "internal" Internal "A fault of the host or of pgseal itself."
    Io "io" Internal "A file cannot be read or written."
    NoConnection "no-connection" Internal "The server cannot be reached or refuses the connection."
    PasswordMissing "password-missing" Internal "The server asks for a password, and none is known."
    LoginRefused "login-refused" Internal "The server refuses the role, the password or the database."
    Tls "tls" Internal "TLS is missing, or the server's certificate does not hold."
    ConnectionLost "connection-lost" Internal "The connection ended before the answer."
    LedgerDenied "ledger-denied" Internal "The role may not read the ledger."
    ServerError "server-error" Internal "The server refused a statement of pgseal."
    NotReadable "not-readable" Internal "The role may not read every row that a fingerprint needs."
    Usage "usage" Usage "The command line or the configuration is wrong."
    FileExists "file-exists" Usage "A file or directory that would be written exists already."
    ReleaseInvalid "release-invalid" Usage "The release directory does not pack."
    Variables "variables" Usage "A variable is missing, unknown or has a wrong value."
    NoTrustRoot "no-trust-root" Usage "No trust root is at the given path."
    KeyUnusable "key-unusable" Usage "A secret key cannot be opened."
    KeyRole "key-role" Usage "A key has no role, or another role than the task needs."
    SignerFailed "signer-failed" Usage "The ssh-agent did not sign, or signed wrongly."
    NoFile "no-file" Usage "The release has no file of that name."
    DraftRefused "draft-refused" Usage "The change would make an invalid trust document."
    DraftUnsigned "draft-unsigned" Usage "The trust document is a draft that lacks root signatures."
    AlreadyAttached "already-attached" Usage "The bundle has this signature or statement already, or has no room for it."
    LogExists "log-exists" Usage "The archive has a log already."
    NoLog "no-log" Usage "The archive has no log."
    Malformed "malformed" Malformed "The file is not of a supported format."
    NotABundle "not-a-bundle" Malformed "The file is not a bundle."
    BundleDamaged "bundle-damaged" Malformed "The bundle's archive is cut off or not canonical."
    NoStatement "no-statement" Malformed "The archive has no statement, as an approval file has none."
    NewerProgram "newer-program" Malformed "The bundle needs a newer pgseal."
    MissingScript "missing-script" Malformed "The release names a script that the bundle does not have."
    NotAuthentic "not-authentic" NotAuthentic "A file is not what its signer signed, or does not count."
    Unsigned "unsigned" NotAuthentic "The file has no signature."
    UnknownKey "unknown-key" NotAuthentic "A signature is by a key that the trust root does not know."
    SignatureInvalid "signature-invalid" NotAuthentic "A signature does not hold for the content."
    SignaturesMissing "signatures-missing" NotAuthentic "Fewer keys have signed than the threshold."
    KeyRevoked "key-revoked" NotAuthentic "The threshold is missed because a key is revoked."
    ContentChanged "content-changed" NotAuthentic "Files differ from those that were signed."
    AttestationInvalid "attestation-invalid" NotAuthentic "An approval or notarisation does not hold or is about another release."
    TimestampInvalid "timestamp-invalid" NotAuthentic "A time stamp does not hold, or its authority is unknown."
    TrustExpired "trust-expired" NotAuthentic "The trust root has expired."
    TrustInvalid "trust-invalid" NotAuthentic "The trust root breaks its own rules or lacks signatures."
    TrustRollback "trust-rollback" NotAuthentic "The trust document is older than the installed one."
    TrustFork "trust-fork" NotAuthentic "Two different trust documents claim the same place."
    TrustInstalled "trust-installed" NotAuthentic "The trust document is installed already."
    TrustGap "trust-gap" NotAuthentic "A version between the installed and the new trust document is missing."
    TrustRefused "trust-refused" NotAuthentic "The new trust document cannot follow the installed one."
    ReleaseBlocked "release-blocked" NotAuthentic "The trust root blocks this release."
    SequenceTooLow "sequence-too-low" NotAuthentic "The trust root wants a later sequence of this release."
    SourceNotAllowed "source-not-allowed" NotAuthentic "The trust root allows no releases of this repository."
    ClockBehind "clock-behind" NotAuthentic "This host's clock is behind a time that was seen."
    ApprovalsMissing "approvals-missing" NotAuthentic "Fewer approvals count than the policy requires."
    ApprovalsUsed "approvals-used" NotAuthentic "The runs that the approvals allow are used on this database."
    AprMismatch "apr-mismatch" NotAuthentic "The approvals are for another APR code than the run's."
    ReleaseChanged "release-changed" NotAuthentic "The file holds another release than when the command began to wait."
    RehearsalMissing "rehearsal-missing" NotAuthentic "A required rehearsal is missing or does not count, or the newest one failed."
    StagingMissing "staging-missing" NotAuthentic "A required run on another database is not proved."
    ReceiptKeyMissing "receipt-key-missing" NotAuthentic "The trust root requires a key that signs the receipt."
    OutsideWindow "outside-window" NotAuthentic "The trust root lets no run begin at this time."
    JournalDamaged "journal-damaged" NotAuthentic "A journal cannot be read, so the newest time is not known."
    LedgerTime "ledger-time" NotAuthentic "A row of the ledger has a time that pgseal does not write."
    LogBroken "log-broken" NotAuthentic "The log of an archive contradicts itself."
    LogBehind "log-behind" NotAuthentic "Files of the log lie beyond its checkpoint."
    ArchiveLink "archive-link" NotAuthentic "A symbolic link is where the archive needs a file or directory."
    ProofInvalid "proof-invalid" NotAuthentic "A proof of the log does not hold for the file."
    GateBlocked "gate-blocked" Blocked "A gate is BLOCKED."
    GateUnanswered "gate-unanswered" Unanswered "A gate gave no answer, which counts as closed."
    GateRole "gate-role" Unanswered "The role has too many rights to be used for gates and probes."
    Preflight "preflight" Preflight "The database or its server does not fit."
    WrongTarget "wrong-target" Preflight "The database, server version or cluster is not the release's target."
    WrongRole "wrong-role" Preflight "The role is not the one that the release names."
    TargetNotAllowed "target-not-allowed" Preflight "The trust root does not allow releases on this database."
    ServerTooOld "server-too-old" Preflight "The server is older than PostgreSQL 13."
    Standby "standby" Preflight "The server is a standby."
    Pooler "pooler" Preflight "A connection pooler answers in the server's place."
    SessionRole "session-role" Preflight "A superuser's session begins as another role."
    LedgerUnsound "ledger-unsound" Preflight "The ledger is not as pgseal makes it."
    UnexpectedAnswer "unexpected-answer" Preflight "The server's answer does not make sense."
    Locked "locked" Preflight "Another run holds the lock."
    AlreadyInEffect "already-in-effect" Preflight "The release is in effect already."
    OlderSequence "older-sequence" Preflight "A later sequence of this release is in effect, or ran here and this one never did."
    SameSequence "same-sequence" Preflight "Another release with the same sequence is in effect."
    Overlap "overlap" Preflight "A release that shares tiers with this one is in effect."
    Requires "requires" Preflight "A release that this one requires is not in effect."
    Conflicts "conflicts" Preflight "A release that excludes this one, or that it excludes, is in effect."
    Unfinished "unfinished" Preflight "A run stopped half way here."
    NothingToResume "nothing-to-resume" Preflight "No run stopped half way here."
    OtherValues "other-values" Preflight "The run to resume was begun with other values."
    OtherRole "other-role" Preflight "The run to resume was begun by another role."
    OtherRelease "other-release" Preflight "Another release of this name is in effect."
    LedgerCreateDenied "ledger-create-denied" Preflight "The role may not create the ledger."
    ProbeFailed "probe-failed" Preflight "The probe gave no answer."
    NotBaseline "not-baseline" Preflight "The database is not in the state `baseline`."
    NoDefinitions "no-definitions" Preflight "No definitions were kept to compare with."
    Drift "drift" Preflight "Definitions changed since the newest signed receipt."
    CheckFailed "check-failed" Preflight "`check` found a difference from the state of the ledger."
    CloneRefused "clone-refused" Preflight "A clone cannot be made, or is left alone."
    NotAClone "not-a-clone" Preflight "The database is not a standing clone by the trust root."
    NotATrial "not-a-trial" Preflight "The database is not marked for `try`, or must not be."
    CloneInUse "clone-in-use" Preflight "Other sessions are connected to the clone."
    ReachesOut "reaches-out" Preflight "A rehearsal could reach outside of its clone."
    SetupScript "setup-script" Preflight "A script of `--approve-with` failed."
    Failed "failed" Failed "The run failed, and the database is as before."
    Interrupted "interrupted" Failed "The command was interrupted before anything was committed."
    NotRefused "not-refused" Failed "The rehearsal found that a wrong state is not refused."
    NotHeld "not-held" Failed "The rehearsal found a state that does not hold."
    Partial "partial" Partial "Some tiers are committed, others are not."
    Unknown "unknown" Unknown "COMMIT was sent, and its result is not known."
    NoReceipt "no-receipt" NoReceipt "It is done, but the receipt or the signed answer is not stored."
    Faults "faults" Faults "Faults were found."
    CloneChanged "clone-changed" Faults "The clone is not as it was made."
    NotRestored "not-restored" Faults "The rollback did not restore the database."
}

impl Kind {
    /// Whether people, another run or the network may mend this while a command waits. Any other
    /// kind ends the wait.
    // docs/decisions/077
    pub fn may_pass(self) -> bool {
        matches!(
            self,
            // The connection, and a server that restarts, recovers or fails over.
            Self::NoConnection | Self::ConnectionLost | Self::ServerError | Self::Standby
                // The host.
                | Self::Io | Self::ClockBehind
                // Approvers and rehearsals.
                | Self::ApprovalsMissing | Self::ApprovalsUsed | Self::AprMismatch | Self::RehearsalMissing
                // People who change definitions back.
                | Self::Drift
                // Runs elsewhere, windows and freezes.
                | Self::StagingMissing | Self::OutsideWindow
                // Gates, and rights in the database.
                | Self::GateBlocked | Self::GateUnanswered | Self::GateRole
                | Self::LedgerDenied | Self::LedgerCreateDenied
                // Other runs, and the state that they leave.
                | Self::Requires | Self::Conflicts
                | Self::Locked | Self::Unfinished | Self::ProbeFailed | Self::NotBaseline
        )
    }
}

/// The default kind for an exit code.
impl From<Exit> for Kind {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done | Exit::Internal => Self::Internal,
            Exit::Usage => Self::Usage,
            Exit::Malformed => Self::Malformed,
            Exit::NotAuthentic => Self::NotAuthentic,
            Exit::Blocked => Self::GateBlocked,
            Exit::Unanswered => Self::GateUnanswered,
            Exit::Preflight => Self::Preflight,
            Exit::Failed => Self::Failed,
            Exit::Partial => Self::Partial,
            Exit::Unknown => Self::Unknown,
            Exit::NoReceipt => Self::NoReceipt,
            Exit::Faults => Self::Faults,
        }
    }
}
