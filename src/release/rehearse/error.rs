//! Errors of a rehearsal.

use super::clone::CloneError;
use super::trial::TrialError;
use crate::database::DatabaseError;
use crate::fingerprint::FingerprintError;
use crate::release::check::CheckError;
use crate::release::failure::Failure;
use crate::release::gate::GateError;
use crate::release::preflight::PreflightError;
use crate::release::report::Report;
use crate::release::rollback::RollbackError;
use crate::release::run::RunError;

/// Failure of a step.
pub enum RehearsalError {
    /// The clone cannot be made or dropped.
    Clone(CloneError),
    /// The source is no trial database.
    Trial(TrialError),
    /// The source or the dump cannot be copied; the reason as a sentence.
    Copy(String),
    Database(DatabaseError),
    /// A statement would change or contact more than the clone.
    Reaches(String),
    Fingerprint(FingerprintError),
    /// A script of the operator failed.
    Script(Box<Failure>),
    /// A gate is closed.
    Gate(GateError),
    /// The ledger or the baseline probe refuses the run.
    Preflight(PreflightError),
    /// The run did not begin.
    Run(RunError),
    /// Failure of the rollback, or of the checks after it.
    OfRollback(Box<RehearsalError>),
    /// The run or the rollback was not committed.
    Report(Box<Report>),
    /// A second run was not refused because the release is applied.
    NotRefused(String),
    /// The checks could not be executed.
    Check(CheckError),
    /// Failed checks, a line each.
    NotHeld(Vec<String>),
    /// The rollback did not begin.
    Rollback(RollbackError),
    /// Differences that the rollback left, a line each.
    NotRestored(Vec<String>),
    /// The journal cannot be written.
    Journal(std::io::Error),
    /// The operator interrupted the rehearsal.
    Interrupted,
}

impl RehearsalError {
    pub(super) fn no_source(name: &str) -> Self {
        Self::Copy(format!("there is no database {name:?} on this server"))
    }

    /// Whether the release itself failed, and not the rehearsal around it. Refusals after the first
    /// run (`has_run`) are caused by the release.
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
            | Self::Trial(_)
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

macro_rules! from {
    ($($variant:ident($error:ty)),*) => {
        $(impl From<$error> for RehearsalError {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from!(
    Clone(CloneError),
    Trial(TrialError),
    Database(DatabaseError),
    Fingerprint(FingerprintError),
    Gate(GateError),
    Preflight(PreflightError),
    Run(RunError),
    Check(CheckError),
    Rollback(RollbackError)
);

impl From<Failure> for RehearsalError {
    fn from(failure: Failure) -> Self {
        Self::Script(Box::new(failure))
    }
}
