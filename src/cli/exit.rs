//! Exit codes: part of the interface, like flags.

/// Outcome of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Success, READY, or nothing to do.
    Done,
    /// Internal error or I/O error.
    Internal,
    /// Wrong usage or configuration, or a release that does not pack.
    Usage,
    /// Not a bundle of a supported format.
    Malformed,
    /// Invalid signature or digest, threshold not reached, approvals missing; revoked, expired or
    /// replayed.
    NotAuthentic,
    /// BLOCKED by a gate.
    Blocked,
    /// A gate without an answer, which counts as closed.
    Unanswered,
    /// Wrong target or state, already applied, or locked; failed checks of `check`.
    Preflight,
    /// Failed run; the database is unchanged.
    Failed,
    /// 31: only some tiers are committed; `status` shows the next step.
    Partial,
    /// Unknown result of COMMIT.
    Unknown,
    /// Success, but the receipt could not be stored.
    NoReceipt,
    /// Faults found by `audit`, differences found by `fingerprint diff`, or a rollback in
    /// `rehearse` that failed or did not restore the database.
    Faults,
}

impl Exit {
    /// All of them, in the order of their codes.
    pub const ALL: &'static [Self] = &[
        Self::Done,
        Self::Internal,
        Self::Usage,
        Self::Malformed,
        Self::NotAuthentic,
        Self::Blocked,
        Self::Unanswered,
        Self::Preflight,
        Self::Failed,
        Self::Partial,
        Self::Unknown,
        Self::NoReceipt,
        Self::Faults,
    ];

    /// The meaning, for help and manual pages; README has more.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; READY; nothing to do",
            Self::Internal => "internal error, I/O error, or no connection to the database",
            Self::Usage => "wrong usage or configuration, or a release that does not pack",
            Self::Malformed => "not a file of a supported format",
            Self::NotAuthentic => {
                "not authentic, expired, revoked or blocked; approvals missing or used"
            }
            Self::Blocked => "BLOCKED by a gate",
            Self::Unanswered => "a gate without an answer, which counts as closed",
            Self::Preflight => {
                "wrong target or state, already applied, locked, or a check that does not hold"
            }
            Self::Failed => "failed or interrupted; the database is as before",
            Self::Partial => "stopped half way",
            Self::Unknown => "unknown whether COMMIT happened",
            Self::NoReceipt => "done, but the receipt or answer could not be stored",
            Self::Faults => "faults or differences found",
        }
    }

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
