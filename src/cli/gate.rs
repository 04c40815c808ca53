//! `pgseal gate FILE`

use std::time::Duration;

use super::approvals;
use super::args::{BundleArgs, DatabaseArgs, LimitArgs, now};
use super::database_command::DatabaseCommand;
use super::interrupt::Command;
use super::progress::Notifier;
use super::{CliError, Exit, Output, Paint, escape};
use crate::release::approvals::check_unused;
use crate::release::event::Silent;
use crate::release::gate::{self, GateError, OpenError};
use crate::release::run_context;
use crate::trust::policy::Tally;
use crate::trust::{JudgedAt, policy};
use pgseal_verify::format::approval::APR_VARIABLE;
use pgseal_verify::format::receipt::GateAnswer;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Repeat until READY
    #[arg(long)]
    watch: bool,
    /// Seconds between two checks of --watch
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let at = now();
    let root = args.bundle.root()?;
    let bundle = args.bundle.authenticate_to_run(&root, at)?;
    let (release, id) = (&bundle.manifest().release, bundle.release_id());
    policy::check_policy(&root, release, id, JudgedAt::At(at))?;
    let variables = run_context::values(bundle.manifest(), &args.database.variables()?, true)?;
    let limits = (&args.limits, &bundle.manifest().limits);
    let command = Command {
        exit: Exit::Unanswered,
        ..Command::reads("gate")
    };
    let ordered =
        DatabaseCommand::prepare(&args.database, limits, command, out, Notifier::plain(out))?;
    let order = ordered.order(&bundle, &variables).authentic();
    let (given, takes_apr) = (bundle.approvals(), bundle.takes_apr());
    let tallies = approvals::tallies(&root, given, takes_apr, JudgedAt::At(at));
    let is_unmet = |tallies: &[Tally]| tallies.iter().any(|tally| !tally.is_met());
    if tallies.iter().all(|(_, tallies)| is_unmet(tallies)) {
        let lines = approvals::lines(&tallies);
        lines.into_iter().for_each(|line| out.note(line));
    }
    let code = variables.get(APR_VARIABLE).map(String::as_str);
    if let Ok(admission) = bundle.authorize_run(code) {
        let unused = check_unused(&order, &admission).map_err(CliError::from);
        unused.map_err(|error| ordered.or_interrupted(error))?;
    }
    let mut shown = None;
    loop {
        let answers = gate::answers(&order, &mut Silent)
            .map_err(|error| ordered.or_interrupted(closed(error)))?;
        let ready = answers.iter().all(|answer| answer.ready);
        if ready || !args.watch {
            out.document(&document(&answers, ready));
            show(&answers, out);
            return Ok(if ready { Exit::Done } else { Exit::Blocked });
        }
        let reasons: Vec<String> = answers.iter().map(sentence).collect();
        if shown.as_ref() != Some(&reasons) {
            reasons.iter().for_each(|reason| out.note(reason));
            shown = Some(reasons);
        }
        let pause = ordered.stop.pause(Duration::from_secs(args.interval));
        pause.map_err(|_| ordered.command.interrupted())?;
    }
}

/// Maps a failed connection to [`Exit::Unanswered`]: a gate without an answer counts as closed.
fn closed(error: GateError) -> CliError {
    let is_connection = matches!(error, GateError::Open(OpenError::Connect(_)));
    let error = CliError::from(error);
    match is_connection {
        true => error.exit(Exit::Unanswered),
        false => error,
    }
}

/// Gate answers in `gate --json` and `plan --json`.
pub fn document(answers: &[GateAnswer], ready: bool) -> serde_json::Value {
    serde_json::json!({ "verdict": if ready { "READY" } else { "BLOCKED" }, "gates": answers })
}

pub fn show(answers: &[GateAnswer], out: Output) {
    if answers.is_empty() {
        let ready = out.paint(Paint::Good, "READY");
        out.line(format!("{ready} (the release has no gate)"));
    }
    for answer in answers {
        let (name, reason) = (&answer.name, escape(&answer.reason));
        let verdict = match answer.ready {
            true => out.paint(Paint::Good, "READY"),
            false => out.paint(Paint::Bad, "BLOCKED"),
        };
        out.line(format!("{verdict} {name}: {reason}"));
        show_evidence(answer, out);
    }
}

/// Prints the other columns of a gate's answer.
pub fn show_evidence(answer: &GateAnswer, out: Output) {
    for (column, value) in &answer.evidence {
        let value = escape(value.as_deref().unwrap_or("NULL"));
        out.line(format!("    {} = {value}", escape(column)));
    }
}

fn sentence(answer: &GateAnswer) -> String {
    let verdict = if answer.ready { "READY" } else { "BLOCKED" };
    format!("{verdict} {}: {}", answer.name, escape(&answer.reason))
}
