//! Why a rehearsal ended before its end.

use super::clone::CloneError;
use crate::database::DatabaseError;
use crate::fingerprint::FingerprintError;
use crate::release::check::CheckError;
use crate::release::failure::Failure;
use crate::release::gate::GateError;
use crate::release::preflight::PreflightError;
use crate::release::report::Report;
use crate::release::rollback::RollbackError;
use crate::release::run::RunError;

/// What a step ran into.
pub enum RehearsalError {
    /// There is no clone, or it does not go away.
    Clone(CloneError),
    /// The source or the dump was not copied; a sentence.
    Copy(String),
    /// The server did not answer.
    Database(DatabaseError),
    /// It would change or reach more than the clone.
    Reaches(String),
    /// A fingerprint could not be taken.
    Fingerprint(FingerprintError),
    /// A script of the operator's failed.
    Script(Box<Failure>),
    /// A gate is closed.
    Gate(GateError),
    /// Ledger or state say no.
    Preflight(PreflightError),
    /// The run did not begin.
    Run(RunError),
    /// Failure of the rollback, or of the checks after it.
    OfRollback(Box<RehearsalError>),
    /// The run or the rollback was not committed.
    Report(Box<Report>),
    /// A second run was not refused, or for another reason than that the release is applied.
    NotRefused(String),
    /// Nothing could be checked.
    Check(CheckError),
    /// What does not hold, line by line.
    NotHeld(Vec<String>),
    /// The rollback did not begin.
    Rollback(RollbackError),
    /// What the rollback left otherwise than it was, object by object.
    NotRestored(Vec<String>),
    /// The journal can't be written.
    Journal(std::io::Error),
    /// Somebody wanted it to stop.
    Interrupted,
}

impl RehearsalError {
    /// Whether it says something about the release, and not about how it was rehearsed. What a release that ran once is
    /// refused for afterwards is of its own making.
    pub(super) fn is_of_the_release(&self, has_run: bool) -> bool {
        match self {
            Self::Reaches(_)
            | Self::Run(_)
            | Self::Report(_)
            | Self::NotRefused(_)
            | Self::NotHeld(_)
            | Self::Rollback(_)
            | Self::NotRestored(_) => true,
            Self::OfRollback(error) => error.is_of_the_release(has_run),
            Self::Gate(_) | Self::Preflight(_) | Self::Check(_) => has_run,
            Self::Clone(_)
            | Self::Copy(_)
            | Self::Database(_)
            | Self::Fingerprint(_)
            | Self::Script(_)
            | Self::Journal(_)
            | Self::Interrupted => false,
        }
    }
}

impl RehearsalError {
    pub(super) fn of_rollback(error: Self) -> Self {
        Self::OfRollback(Box::new(error))
    }
}

impl From<CloneError> for RehearsalError {
    fn from(error: CloneError) -> Self {
        Self::Clone(error)
    }
}

impl From<DatabaseError> for RehearsalError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<FingerprintError> for RehearsalError {
    fn from(error: FingerprintError) -> Self {
        Self::Fingerprint(error)
    }
}

impl From<GateError> for RehearsalError {
    fn from(error: GateError) -> Self {
        Self::Gate(error)
    }
}

impl From<PreflightError> for RehearsalError {
    fn from(error: PreflightError) -> Self {
        Self::Preflight(error)
    }
}

impl From<RunError> for RehearsalError {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl From<CheckError> for RehearsalError {
    fn from(error: CheckError) -> Self {
        Self::Check(error)
    }
}

impl From<RollbackError> for RehearsalError {
    fn from(error: RollbackError) -> Self {
        Self::Rollback(error)
    }
}
