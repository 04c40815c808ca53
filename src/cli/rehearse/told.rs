//! Errors of a rehearsal, with hints and exit codes.

use super::super::error::{self, CliError};
use super::super::exit::Exit;
use super::super::kind::Kind;
use super::super::output::escape;
use crate::release::check::CheckError;
use crate::release::gate::GateError;
use crate::release::preflight::PreflightError;
use crate::release::rehearse::{CloneError, RehearsalError};
use crate::release::report::{FailureKind, Report};
use pgseal_verify::format::receipt::Action;

const ON_CLONE: &str = "it happened on the clone; no session of a rehearsal writes to its source";

/// Converts the error of a step.
pub fn told(trouble: RehearsalError, step: &str) -> CliError {
    // After a rollback, a state that does not hold is the rollback's fault.
    let fault = if step.contains("rollback") {
        Kind::NotRestored
    } else {
        Kind::NotHeld
    };
    let this = match trouble {
        RehearsalError::Clone(error) => clone(&error),
        RehearsalError::Copy(text) => CliError::new(Kind::CloneRefused, text).hint("nothing was rehearsed"),
        RehearsalError::Database(error) => error.into(),
        RehearsalError::Reaches(text) => CliError::new(Kind::ReachesOut, text)
            .hint("a rehearsal keeps to its clone: on a server of its own, from a dump, it may change more"),
        RehearsalError::Fingerprint(error) => {
            CliError::new(Exit::Internal, format!("the fingerprint can't be taken: {error}"))
        }
        RehearsalError::Script(failure) => error::failure(Kind::SetupScript, "", &failure),
        RehearsalError::Gate(GateError::Blocked(answers)) => CliError::from(GateError::Blocked(answers)).hint(
            "on the clone only, --approve-with FILE.sql stands in for the people who open it; the receipt says so",
        ),
        RehearsalError::Gate(error) => error.into(),
        RehearsalError::Preflight(error) => preflight(error),
        RehearsalError::Run(error) => error.into(),
        RehearsalError::Report(report) => failed(*report),
        RehearsalError::NotRefused(text) => CliError::new(Kind::NotRefused, text).hint(ON_CLONE),
        RehearsalError::Check(CheckError::Open(error)) => error.into(),
        RehearsalError::Check(CheckError::Database(error)) => error.into(),
        RehearsalError::Check(CheckError::OtherApplied(row)) => error::other_applied(&row),
        RehearsalError::Check(CheckError::HalfWay(row)) => PreflightError::Unfinished(row).into(),
        RehearsalError::Check(CheckError::Probe(failure)) => error::failure(fault, "the probe failed: ", &failure),
        RehearsalError::NotHeld(lines) => list(fault, "it does not hold: ", &lines).hint(ON_CLONE),
        RehearsalError::Rollback(error) => error.into(),
        RehearsalError::NotRestored(lines) => {
            list(Kind::NotRestored, "the rollback did not restore the database: ", &lines)
                .hint("a rollback script is missing something; --keep leaves the clone for looking at it")
        }
        RehearsalError::Journal(error) => CliError::new(Kind::Io, format!("the journal can't be written: {error}")),
        RehearsalError::Interrupted => CliError::new(Kind::Interrupted, "the rehearsal was interrupted")
            .hint("nothing of it is left on the server"),
    };
    if step.is_empty() {
        this
    } else {
        at(this, step)
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
        _ => return error.into(),
    };
    CliError::from(error).hint(hint)
}

fn at(this: CliError, step: &str) -> CliError {
    let mut lines = this.lines;
    if let Some(first) = lines.first_mut() {
        *first = format!("rehearsal, {}: {first}", escape(step));
    }
    CliError { lines, ..this }
}

/// A single line is shown as it is. For several, the first line has their number and each follows
/// below.
fn list(kind: Kind, prefix: &str, lines: &[String]) -> CliError {
    match lines {
        [one] => CliError::new(kind, format!("{prefix}{one}")),
        lines => {
            let mut this = CliError::new(kind, format!("{prefix}{} differences", lines.len()));
            this.lines
                .extend(lines.iter().map(|line| format!("  {}", escape(line))));
            this
        }
    }
}

fn clone(error: &CloneError) -> CliError {
    match error {
        CloneError::Database {
            error: database, ..
        } if database.code() == Some("42501") => CliError::new(Kind::CloneRefused, error)
            .hint("the role needs CREATEDB, and has to be a member of the source's owner"),
        CloneError::Database { .. } => {
            CliError::new(Kind::ServerError, error).hint("nothing was rehearsed")
        }
        CloneError::Name { .. } | CloneError::Other(_) => CliError::new(Kind::CloneRefused, error),
    }
}

fn failed(report: Report) -> CliError {
    let action = report.receipt.action;
    let exit = match (action, report.kind) {
        (Action::Rollback, _) => Exit::Faults,
        (Action::Run, FailureKind::Failed) => Exit::Failed,
        (Action::Run, FailureKind::Blocked) => Exit::Blocked,
        (Action::Run, FailureKind::Unanswered) => Exit::Unanswered,
    };
    let prefix = format!("the {} failed: ", action.as_str());
    let this = match &report.failure {
        Some(failure) => error::failure(exit, &prefix, failure),
        None => CliError::new(exit, prefix),
    };
    if this.hint.is_some() {
        this
    } else {
        this.hint(ON_CLONE)
    }
}
