//! Exit codes: part of the interface, like flags.

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; READY; nothing to do.
    Done,
    /// Internal, or I/O.
    Internal,
    /// Usage, configuration, a release that doesn't pack.
    Usage,
    /// Not a bundle of a supported format.
    Malformed,
    /// Signature, threshold, digest, revoked, expired, replayed, approvals missing.
    NotAuthentic,
    /// A gate said BLOCKED.
    Blocked,
    /// A gate could not be answered, which counts as closed.
    Unanswered,
    /// Wrong target, wrong state, already applied, locked; `check` found what does not hold.
    Preflight,
    /// The run failed, and the database is as before.
    Failed,
    /// 31: some tiers are committed, others are not; `status` says what to do.
    Partial,
    /// Nobody could say whether COMMIT happened.
    Unknown,
    /// Done, but the receipt could not be stored.
    NoReceipt,
    /// The audit found faults.
    Faults,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Malformed => 10,
            Self::NotAuthentic => 11,
            Self::Blocked => 20,
            Self::Unanswered => 21,
            Self::Preflight => 22,
            Self::Failed => 30,
            Self::Partial => 31,
            Self::Unknown => 32,
            Self::NoReceipt => 40,
            Self::Faults => 50,
        }
    }
}
