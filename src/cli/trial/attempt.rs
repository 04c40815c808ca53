//! `pgseal try DIR --db URL`

use std::path::PathBuf;
use std::sync::Arc;

use super::super::args::{DatabaseArgs, LimitArgs, RetryArgs, now};
use super::super::host::operator;
use super::super::interrupt::{self, Command};
use super::super::progress::Progress;
use super::super::rehearse::{self as rehearsal, Here, Narrator};
use super::super::{CliError, Exit, Kind, Output, Paint, connection, escape};
use crate::bundle::definition::Definition;
use crate::durable::Scratch;
use crate::release::cancellation::CancellationToken;
use crate::release::rehearse::trial::{self, OwnRelease, OwnReleaseError, TrialDatabase};
use crate::release::rehearse::{self, Approval, ClonedFrom, Job, Rehearsed};
use crate::release::run_context::{self, RunContext};
use pgseal_verify::digest::hex;
use pgseal_verify::format::fingerprint::Scope;
use pgseal_verify::format::rehearsal::{Rehearsal, RehearsalOutcome};
use pgseal_verify::format::statement::{ReleaseId, title};

/// The database that copies are made from; every server has it.
const MAINTENANCE: &str = "postgres";

const NO_EVIDENCE: &str =
    "no evidence: a trial leaves no receipt; `pgseal rehearse` proves the signed release";

#[derive(clap::Args, Debug)]
pub struct AttemptArgs {
    /// The release directory
    #[arg(value_name = "DIR", required = true)]
    dir: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Copy by pg_dump and pg_restore even if there are no other connections: a copy by template makes new
    /// connections to the database wait
    #[arg(long)]
    by_dump: bool,
    /// A psql script that is run on the copy first and opens the gates, as people will
    #[arg(long, value_name = "FILE.sql")]
    approve_with: Option<PathBuf>,
    /// Keep the copy for inspection
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    retries: RetryArgs,
}

pub fn run(args: &AttemptArgs, out: Output) -> Result<Exit, CliError> {
    let dir = args.dir.as_deref().unwrap_or_else(|| ".".as_ref());
    let definition = Definition::read(dir)?;
    let at = now();
    let scratch = Scratch::new(&std::env::temp_dir(), rehearsal::SCRATCH)
        .map_err(|error| CliError::internal(format!("no temporary directory: {error}")))?;
    scratch.sweep();
    let own = OwnRelease::pack(definition, scratch.path(), at)?;
    let bundle = own.bundle(at)?;
    let manifest = bundle.manifest();
    let variables = run_context::values(manifest, &args.database.variables(manifest, out)?, true)?;
    let limits = args.limits.within(&manifest.limits)?;
    let approval = args.approve_with.as_deref();
    let approval = approval.map(rehearsal::approval).transpose()?;
    let gate_user = args.database.gate_user()?;
    let (connector, parameters) =
        connection::connector_for_clones(args.database.connection(), gate_user.as_deref())?;
    let trial = trial::find(&connector)?;
    trial.check_target(&manifest.target)?;
    let runs_as = connector.runs_as().map(str::to_owned);
    let server = Here::new(connector.for_database(MAINTENANCE), parameters);
    let mut narrator = Narrator {
        progress: Progress::new(out),
        out,
    };
    let stop = CancellationToken::default();
    let command = Command {
        leaves: Some("the copy may be left: the next `pgseal try` on this server names it"),
        ..Command::reads("try")
    };
    interrupt::watch(&command, &stop, out, narrator.progress.notifier())?;
    rehearsal::left_by_others(server.maintenance(), &stop, out)?;
    let id = random_id()?;
    let job = Job {
        order: RunContext {
            bundle: &bundle,
            connect: server.maintenance(),
            runs_as: runs_as.as_deref(),
            clone: None,
            receipts: None,
            variables: &variables,
            limits: &limits,
            lock_retries: args.retries.lock_retries,
            operator: &operator(),
            stop: &stop,
            clock: &now,
        },
        server: &server,
        from: ClonedFrom::Database {
            name: trial.name(),
            by_dump: args.by_dump,
        },
        trial: Some(&trial),
        approval: approval
            .as_ref()
            .map(|(file, bytes)| Approval { file, bytes }),
        aside: Arc::new(narrator.progress.notifier()),
        scope: &Scope::All,
        workers: rehearsal::workers(),
        keep: args.keep,
        signer: None,
        scratch: scratch.path(),
        rehearsal_id: &id,
    };
    let rehearsed = rehearse::rehearse(&job, &mut narrator);
    narrator.progress.finish();
    conclude(&trial, bundle.release_id(), rehearsed?, out)
}

fn random_id() -> Result<String, CliError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(CliError::internal)?;
    Ok(hex(&random))
}

fn conclude(
    trial: &TrialDatabase,
    id: ReleaseId,
    mut rehearsed: Rehearsed,
    out: Output,
) -> Result<Exit, CliError> {
    let error = rehearsal::error_of(&mut rehearsed, "try").map(explained);
    let result = &rehearsed.receipt;
    let copy = &result.clone.database;
    let kept = (result.kept && rehearsed.left.is_none()).then_some(copy);
    out.document(&serde_json::json!({
        "database": trial.name(), "release": result.release, "release_id": id,
        "outcome": outcome(result), "is_evidence": false, "steps": result.steps, "kept": kept,
        "remarks": rehearsed.remarks,
    }));
    rehearsal::show_remarks(&rehearsed.remarks, out);
    let title = escape(&title(&result.release.name, &result.release.version));
    let paint = match result.outcome {
        RehearsalOutcome::Proved => Paint::Good,
        _ => Paint::Bad,
    };
    let (name, outcome) = (escape(trial.name()), out.paint(paint, outcome(result)));
    out.line(format!("try of {title} on a copy of {name}: {outcome}"));
    for line in [rehearsal::points(result), rehearsal::locks(result)] {
        line.into_iter().for_each(|line| out.line(line));
    }
    if let Some(copy) = kept {
        let drop = rehearsal::drop_statement(copy);
        out.line(escape(&format!(
            "kept: the copy {copy}; when you have looked at it: {drop}"
        )));
    }
    out.line(NO_EVIDENCE);
    error.map_or(Ok(Exit::Done), Err)
}

/// The verdict of a trial, which never proves anything.
fn outcome(result: &Rehearsal) -> &'static str {
    match result.outcome {
        RehearsalOutcome::Proved => "held",
        RehearsalOutcome::Limited => "limited",
        RehearsalOutcome::Failed => "failed",
        RehearsalOutcome::Incomplete => "incomplete",
    }
}

/// Hints of a rehearsal that do not fit a trial.
fn explained(error: CliError) -> CliError {
    if error.hint.as_deref() == Some(rehearsal::ON_CLONE) {
        return error.hint("it happened on the copy; --keep keeps it for looking at it");
    }
    match error.kind {
        Kind::Requires => error.hint(
            "a trial database has no ledger, so no release is in effect in its copy: rehearse such a release",
        ),
        _ => error,
    }
}

impl From<OwnReleaseError> for CliError {
    fn from(error: OwnReleaseError) -> Self {
        match error {
            OwnReleaseError::Pack(error) => Self::usage(error),
            OwnReleaseError::Io(error) => Self::new(Kind::Io, error),
            error @ OwnReleaseError::Own(_) => Self::internal(error),
        }
    }
}
