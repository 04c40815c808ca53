//! Queries the database with the code of `status`, `plan` and `check`.

use super::super::args::{DatabaseArgs, now};
use super::super::check;
use super::super::database_command::DatabaseCommand;
use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::interrupt::Command;
use super::super::kind::Kind;
use super::super::missing::{obstacle, too_few_here};
use super::super::output::Output;
use super::super::progress::Notifier;
use super::Args;
use super::gather::stop;
use crate::bundle::{AuthenticatedBundle, BundleToRun};
use crate::readiness::{Answers, Blocker, Database, Row};
use crate::record::ledger::{self, Entry};
use crate::release::check::{CheckError, Checked};
use crate::release::event::Silent;
use crate::release::failure::Failure;
use crate::release::gate::{GateError, OpenError};
use crate::release::lock::LockError;
use crate::release::plan;
use crate::release::preflight::PreflightError;
use crate::release::resolve::Resolution;
use crate::release::status::{self, Ending, Status};
use crate::release::survey::Obstacle;
use crate::release::{ContextToRun, RunContext, run_context, target};
use pgseal_verify::format::approval::APR_VARIABLE;

type Troubles = Vec<(Row, Blocker)>;

/// Queries the database. Only invalid arguments and interruptions are errors; a failure of the
/// database is part of the answer.
pub fn ask(
    args: &Args,
    database: &DatabaseArgs,
    bundle: &BundleToRun<'_>,
    out: Output,
) -> Result<(Database, Troubles), CliError> {
    let manifest = bundle.manifest();
    let given = database.variables(manifest, Output { quiet: true, ..out })?;
    let lenient = run_context::values(manifest, &given, false)?;
    let limits = (&args.limits, &manifest.limits);
    let ordered = DatabaseCommand::prepare(
        database,
        limits,
        Command::reads("report"),
        out,
        Notifier::plain(out),
    )?;
    let ordered = ordered.on_clone(&args.on_clone, bundle.root())?;
    let told = |error: CliError| Err(ordered.or_interrupted(error));
    let order = ordered.order(bundle, &lenient);
    let status = match status::ask(order.connect, &args.receipts) {
        Ok(status) => status,
        Err(_) if ordered.stop.is_requested() => return Err(ordered.command.interrupted()),
        Err(error) => {
            let error = CliError::from(error);
            let is_denied = error.kind == Kind::LedgerDenied;
            let blocker = Blocker {
                is_denied,
                ..stop(&error)
            };
            return Ok((Database::Silent, vec![(Row::Target, blocker)]));
        }
    };
    let mut blockers = going_on(&status);
    if let Err(error) = target::check(
        &manifest.target,
        bundle.root().policy(),
        order.clone,
        &status.target,
    ) {
        blockers.push((Row::Target, stop(&error.into())));
        return Ok((
            Database::Answered(Box::new(answers(&status, None))),
            blockers,
        ));
    }
    let in_effect = in_effect(&status, bundle);
    let answers = answers(&status, in_effect);
    let answers = if answers.in_effect.is_some() {
        finalized(answers, &order.authentic(), &mut blockers)
    } else {
        let strict = match run_context::values(manifest, &given, true) {
            Ok(strict) => strict,
            Err(error) => return told(error.into()),
        };
        baseline(
            answers,
            ContextToRun {
                receipts: Some(&args.receipts),
                variables: &strict,
                ..order
            },
            &mut blockers,
        )
    };
    if ordered.stop.is_requested() {
        return Err(ordered.command.interrupted());
    }
    Ok((Database::Answered(Box::new(answers)), blockers))
}

fn answers(status: &Status, in_effect: Option<Entry>) -> Answers {
    let (target, rows) = (status.target.clone(), status.ledger.len());
    Answers {
        at: now(),
        target,
        in_effect,
        rows,
        gates: None,
        observed: None,
        too_few: None,
        checks: None,
        denied_checks: Vec::new(),
    }
}

fn in_effect(status: &Status, bundle: &AuthenticatedBundle) -> Option<Entry> {
    let (name, id) = (
        bundle.manifest().release.name.as_str(),
        bundle.release_id().to_string(),
    );
    let rows: Vec<Entry> = status
        .ledger
        .iter()
        .filter(|row| row.release == name)
        .cloned()
        .collect();
    ledger::in_effect(&rows)
        .into_iter()
        .rfind(|row| row.release_id == id)
        .cloned()
}

/// Troubles for unfinished runs, interrupted or in progress, as `status` reports them.
fn going_on(status: &Status) -> Troubles {
    let mut blockers = Vec::new();
    for one in &status.unfinished {
        let trouble = match &one.ending {
            Ending::Resolved(Resolution::Unknown(why)) => Blocker {
                exit: Exit::Unknown.code(),
                text: format!(
                    "it is unknown whether the {} was committed: {why}",
                    one.what
                ),
                excerpt: Vec::new(),
                hint: Some(
                    "compare the values by hand before anything else; `pgseal status` asks again"
                        .to_owned(),
                ),
                waits: false,
                is_denied: false,
                reason: None,
                until: None,
            },
            Ending::InProgress => Blocker {
                exit: Exit::Blocked.code(),
                text: format!("The {} is going on right now.", one.what),
                excerpt: Vec::new(),
                hint: Some("Wait until it is over, and ask again.".to_owned()),
                waits: true,
                is_denied: false,
                reason: None,
                until: None,
            },
            _ => continue,
        };
        blockers.push((Row::Ledger, trouble));
    }
    if let Some((entry, _)) = status.stopped.as_ref().filter(|_| status.holder.is_none()) {
        let error = CliError::from(PreflightError::Unfinished(Box::new(entry.clone())));
        blockers.push((
            Row::Ledger,
            Blocker {
                exit: Exit::Partial.code(),
                ..stop(&error)
            },
        ));
    }
    blockers
}

/// Adds the obstacles that `run` would meet, and the baseline checks.
fn baseline(mut answers: Answers, order: ContextToRun<'_>, blockers: &mut Troubles) -> Answers {
    let code = order.variables.get(APR_VARIABLE).map(String::as_str);
    let admission = order.bundle.authorize_run(code);
    let plan = plan::make(order, admission.as_ref().ok(), &mut Silent);
    answers.too_few =
        too_few_here(&plan.obstacles).map(|(tallies, is_used)| (tallies.to_vec(), is_used));
    answers.gates = plan.gates;
    answers.observed = plan.now;
    for met in plan.obstacles {
        let Some(row) = row_of(&met, answers.observed.is_some()) else {
            continue;
        };
        let reason = match &met {
            Obstacle::Preflight(PreflightError::NotRunOn(database)) => {
                Some(format!("it has not run on {database} yet"))
            }
            _ => None,
        };
        let exit = match &met {
            Obstacle::Preflight(PreflightError::Unfinished(_)) => Some(Exit::Partial),
            Obstacle::Gate(GateError::Lock(LockError::Held(_))) => Some(Exit::Blocked),
            _ => None,
        };
        let is_denied = is_denied(&met);
        let trouble = stop(&obstacle(met));
        let (code, waits) = (
            exit.map_or(trouble.exit, Exit::code),
            exit == Some(Exit::Blocked) || reason.is_some(),
        );
        blockers.push((
            row,
            Blocker {
                exit: code,
                waits,
                is_denied,
                reason,
                ..trouble
            },
        ));
    }
    let wrong = |row: Row| {
        blockers
            .iter()
            .any(|(about, trouble)| *about == row && !trouble.waits)
    };
    if wrong(Row::Target) || wrong(Row::Ledger) {
        return answers;
    }
    match crate::release::check::run(&order.authentic(), &mut Silent) {
        Ok(checked) => take_checks(&mut answers, checked),
        Err(error) => blockers.extend(unchecked(error)),
    }
    answers
}

/// Matrix row of an obstacle. `None` for a closed gate, used approvals and known values, which have
/// their own rows.
fn row_of(obstacle: &Obstacle, is_seen: bool) -> Option<Row> {
    match obstacle {
        Obstacle::Gate(GateError::Blocked(_)) => None,
        Obstacle::Preflight(PreflightError::State(_)) if is_seen => None,
        Obstacle::Preflight(PreflightError::Approvals(_)) => None,
        Obstacle::Gate(GateError::Open(OpenError::Connect(_) | OpenError::Target(_))) => {
            Some(Row::Target)
        }
        Obstacle::Gate(GateError::Lock(_)) => Some(Row::Ledger),
        Obstacle::Gate(GateError::Unanswered(..) | GateError::Open(OpenError::Role(_))) => {
            Some(Row::Gate)
        }
        Obstacle::Preflight(
            PreflightError::Open(_)
            | PreflightError::Probe(_)
            | PreflightError::State(_)
            | PreflightError::NotCompared(_)
            | PreflightError::Drift(_),
        ) => Some(Row::State),
        Obstacle::Preflight(PreflightError::NotRunOn(_)) => Some(Row::Target),
        Obstacle::Preflight(_) => Some(Row::Ledger),
        Obstacle::Script(_) => Some(Row::Files),
    }
}

/// Checks whether the release in effect still holds.
fn finalized(mut answers: Answers, order: &RunContext<'_>, blockers: &mut Troubles) -> Answers {
    match crate::release::check::run(order, &mut Silent) {
        Ok(checked) => {
            answers.observed = Some(checked.observed.clone());
            take_checks(&mut answers, checked);
        }
        Err(error) => blockers.extend(unchecked(error)),
    }
    answers
}

fn take_checks(answers: &mut Answers, checked: Checked) {
    let (denied, made): (Vec<_>, Vec<_>) = checked
        .records
        .into_iter()
        .partition(|(_, failure)| failure.as_ref().is_some_and(lacks_a_right));
    let denied = denied
        .into_iter()
        .filter_map(|(record, failure)| Some(format!("{}: {}", record.name, failure?)));
    answers.denied_checks = denied.collect();
    let made = made.into_iter().map(|(record, _)| record).collect();
    answers.checks = Some((checked.state, made));
}

/// Whether the role that asks lacks a right: `insufficient_privilege` (PostgreSQL manual, appendix
/// A).
fn lacks_a_right(failure: &Failure) -> bool {
    failure.sqlstate.as_deref() == Some("42501")
}

/// Whether the role that asks lacks a right that the role of the run may have.
fn is_denied(obstacle: &Obstacle) -> bool {
    match obstacle {
        Obstacle::Gate(GateError::Unanswered(_, failure))
        | Obstacle::Preflight(PreflightError::Probe(failure)) => lacks_a_right(failure),
        Obstacle::Preflight(PreflightError::NoRight) => true,
        _ => false,
    }
}

/// Converts a failed check. A partial run is skipped, since the ledger reports it already.
fn unchecked(error: CheckError) -> Option<(Row, Blocker)> {
    let row = match &error {
        CheckError::HalfWay(_) => return None,
        CheckError::Open(_) | CheckError::Database(_) => Row::Checks,
        CheckError::OtherApplied(_) => Row::Ledger,
        CheckError::Probe(_) => Row::State,
    };
    let is_denied = matches!(&error, CheckError::Probe(failure) if lacks_a_right(failure));
    let blocker = Blocker {
        is_denied,
        ..stop(&check::told(error))
    };
    Some((row, blocker))
}
