//! Errors of a rehearsal, with hints and exit codes.

use super::super::recording::exit_of;
use super::super::{CliError, Exit, Kind, check, error, escape};
use crate::release::check::CheckError;
use crate::release::gate::GateError;
use crate::release::preflight::PreflightError;
use crate::release::rehearse::{CloneError, RehearsalError};
use crate::release::report::Report;
use pgseal_verify::format::receipt::Action;

/// Hint of an error on the clone.
pub const ON_CLONE: &str =
    "it happened on the clone; no session of a rehearsal writes to its source";

impl From<RehearsalError> for CliError {
    fn from(error: RehearsalError) -> Self {
        of_kind(error, Kind::NotHeld)
    }
}

/// Converts the error of a step, which the first line names if there is one.
pub fn of_step(error: RehearsalError, command: &str, step: &str) -> CliError {
    let mut this = CliError::from(error);
    if let Some(first) = this.lines.first_mut().filter(|_| !step.is_empty()) {
        *first = format!("{command}, {}: {first}", escape(step));
    }
    this
}

/// Converts an error; `fault` is the kind of a state that does not hold.
fn of_kind(error: RehearsalError, fault: Kind) -> CliError {
    match error {
        RehearsalError::OfRollback(error) => of_kind(*error, Kind::NotRestored),
        RehearsalError::Clone(error) => clone(&error),
        RehearsalError::Trial(error) => error.into(),
        RehearsalError::Copy(text) => CliError::new(Kind::CloneRefused, text).hint("nothing was rehearsed"),
        RehearsalError::Database(error) => error.into(),
        RehearsalError::Reaches(text) => CliError::new(Kind::ReachesOut, text)
            .hint("a rehearsal keeps to its clone: on a server of its own, from a dump, it may change more"),
        RehearsalError::Fingerprint(error) => {
            CliError::internal(format!("the fingerprint can't be taken: {error}"))
        }
        RehearsalError::Script(failure) => error::failure(Kind::SetupScript, "", &failure),
        RehearsalError::Gate(error) => {
            let is_blocked = matches!(error, GateError::Blocked(_));
            let this = CliError::from(error);
            if !is_blocked {
                return this;
            }
            this.hint("on the clone only, --approve-with FILE.sql stands in for the people who open it; the receipt says so")
        }
        RehearsalError::Preflight(error) => preflight(error),
        RehearsalError::Run(error) => error.into(),
        RehearsalError::Report(report) => failed(&report),
        RehearsalError::NotRefused(text) => CliError::new(Kind::NotRefused, text).hint(ON_CLONE),
        RehearsalError::Check(CheckError::OtherApplied(row)) => error::other_applied(&row),
        RehearsalError::Check(CheckError::Probe(failure)) => error::failure(fault, "the probe failed: ", &failure),
        RehearsalError::Check(error) => check::told(error),
        RehearsalError::NotHeld(lines) => list(fault, "it does not hold: ", &lines).hint(ON_CLONE),
        RehearsalError::Rollback(error) => error.into(),
        RehearsalError::NotRestored(lines) => {
            list(Kind::NotRestored, "the rollback did not restore the database: ", &lines)
                .hint("a rollback script is missing something; --keep leaves the clone for looking at it")
        }
        RehearsalError::Journal(error) => CliError::new(Kind::Io, format!("the journal can't be written: {error}")),
        RehearsalError::Interrupted => CliError::new(Kind::Interrupted, "the rehearsal was interrupted")
            .hint("nothing of it is left on the server"),
    }
}

/// The clone starts in the state of its source. The hints are about the source, since a rehearsal
/// never requires its rollback.
fn preflight(error: PreflightError) -> CliError {
    let hint = match &error {
        PreflightError::AlreadyApplied(_) => {
            "the source has the release in effect, so there is nothing to rehearse: `pgseal check` shows whether it holds; \
             name a database (--from) or a dump (--from-dump) from before it"
        }
        PreflightError::Overlaps(_) | PreflightError::Unfinished(_) => {
            "the clone begins where its source stands; name a database (--from) or a dump (--from-dump) from before that"
        }
        PreflightError::Requires(_) => {
            "the clone has what its source has; name a database (--from) or a dump (--from-dump) with the required release"
        }
        _ => return error.into(),
    };
    CliError::from(error).hint(hint)
}

/// A single line is shown as it is. For several, the first line has their number and each follows
/// below.
fn list(kind: Kind, prefix: &str, lines: &[String]) -> CliError {
    if let [one] = lines {
        return CliError::new(kind, format!("{prefix}{one}"));
    }
    let mut this = CliError::new(kind, format!("{prefix}{} differences", lines.len()));
    let below = lines.iter().map(|line| format!("  {}", escape(line)));
    this.lines.extend(below);
    this
}

fn clone(error: &CloneError) -> CliError {
    let (kind, hint) = match error {
        CloneError::Database { error, .. } if error.code() == Some("42501") => (
            Kind::CloneRefused,
            "the role needs CREATEDB, and has to be a member of the source's owner",
        ),
        CloneError::Database { .. } => (Kind::ServerError, "nothing was rehearsed"),
        CloneError::Name { .. } | CloneError::Other(_) => (Kind::CloneRefused, ""),
    };
    CliError::new(kind, error).hint(hint)
}

fn failed(report: &Report) -> CliError {
    let action = report.receipt.action;
    let exit = match action {
        Action::Rollback => Exit::Faults,
        Action::Run => exit_of(report.kind),
    };
    let prefix = format!("the {} failed: ", action.as_str());
    let this = error::failed(exit, &prefix, report.failure.as_ref());
    if this.hint.is_none() {
        return this.hint(ON_CLONE);
    }
    this
}
