//! `pgseal gate FILE`

use std::path::PathBuf;

use super::approvals;
use super::args::{ApprovalArgs, BundleArgs, DatabaseArgs, LimitArgs, now};
use super::clone::OnCloneArgs;
use super::database_command::DatabaseCommand;
use super::evidence::{self, About, EvidenceArgs, Witness};
use super::interrupt::Command;
use super::missing::{self, Permission};
use super::progress::Notifier;
use super::settings;
use super::waiting::{Begun, GivenUp, Waiting};
use super::{CliError, Exit, Kind, Output, Paint, escape};
use crate::bundle::BundleToRun;
use crate::release::event::Silent;
use crate::release::gate::{self, GateError};
use crate::release::run_context::{self, ContextToRun};
use crate::release::survey::{Obstacle, survey};
use crate::trust::policy::Tally;
use crate::trust::{JudgedAt, policy};
use pgseal_verify::format::evidence::AnswerKind;
use pgseal_verify::format::receipt::GateAnswer;
use pgseal_verify::format::timestamp::Timestamp;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    on_clone: OnCloneArgs,
    #[command(flatten)]
    approvals: ApprovalArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Directory of the journals
    #[arg(long, value_name = "DIR", default_value_os_t = settings::receipts())]
    receipts: PathBuf,
    /// A rehearsal of this release: *.rehearsal.json [default: one of those in --receipts]
    #[arg(long, value_name = "FILE")]
    rehearsal: Option<PathBuf>,
    /// Evaluate the gate queries alone
    #[arg(long)]
    only: bool,
    /// Repeat until READY
    #[arg(long)]
    watch: bool,
    /// Seconds between two checks of --watch
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,
    #[command(flatten)]
    evidence: EvidenceArgs,
}

/// Everything about one moment.
#[derive(Default)]
struct Answer {
    /// The answers of the gates; `None` if they could not be queried.
    gates: Option<Vec<GateAnswer>>,
    missing: Vec<CliError>,
    /// The release and the database, for evidence.
    about: Option<About>,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let notifier = match args.watch {
        true => Notifier::drawing(out),
        false => Notifier::plain(out),
    };
    let witness = args.evidence.open(AnswerKind::Gate, &args.receipts)?;
    let mut waiting = Waiting::begin(args.interval, None, notifier.clone(), &args.bundle.file);
    let mut begun = None;
    let answer = loop {
        let attempt = attempt(args, &witness, &mut begun, &notifier, out);
        let Some(Begun { command, .. }) = &begun else {
            return attempt.and_then(|answer| conclude(args, witness, answer, out));
        };
        if command.stop.is_requested() {
            notifier.finish();
            return Err(command.command.interrupted());
        }
        let (gates, about, paused) = match attempt {
            Ok(answer) if answer.missing.is_empty() || !args.watch => break answer,
            Ok(answer) => {
                let paused = waiting.pause_for(answer.missing, command);
                (answer.gates, answer.about, paused)
            }
            Err(error) if args.watch => (None, None, waiting.pause_for_fault(error, command)),
            Err(error) => return Err(error),
        };
        if let Err(GivenUp(missing)) = paused {
            break Answer {
                gates,
                missing,
                about,
            };
        }
    };
    notifier.finish();
    conclude(args, witness, answer, out)
}

/// Asks once. An error is a fault of the host's files or of the command line.
fn attempt(
    args: &Args,
    witness: &Witness,
    begun: &mut Option<Begun>,
    notifier: &Notifier,
    out: Output,
) -> Result<Answer, CliError> {
    let at = now();
    let root = args.bundle.root()?;
    witness.check(&root)?;
    let bundle = args.bundle.authenticate_to_run(&root, at)?;
    let about = (&root, bundle.release_id());
    let with = BundleToRun::with_approval;
    let bundle = args.approvals.add_arrived_to(bundle, about, with)?;
    let (manifest, id) = (bundle.manifest(), bundle.release_id());
    policy::check_policy(&root, &manifest.release, id, JudgedAt::At(at))?;
    let variables = run_context::values(manifest, &args.database.variables(manifest, out)?, true)?;
    let begun = match begun {
        Some(begun) => begun,
        first => {
            let limits = (&args.limits, &manifest.limits);
            let command = Command {
                exit: Exit::Unanswered,
                ..Command::reads("gate")
            };
            let (database, notifier) = (&args.database, notifier.clone());
            let command = DatabaseCommand::prepare(database, limits, command, out, notifier)?;
            if args.only {
                note_approvals(&bundle, at, out);
            }
            first.insert(Begun::new(id, command))
        }
    };
    begun.check(id, &args.bundle.file)?;
    let command = begun
        .command
        .reconnecting(&args.database, &manifest.limits, notifier.clone())?
        .on_clone(&args.on_clone, &root)?;
    let order = ContextToRun {
        receipts: Some(&args.receipts),
        ..command.order(&bundle, &variables)
    };
    let about = || {
        let target = witness.observe(&command.connect);
        let trust = evidence::trust(&root);
        Some(About::release(
            trust,
            &manifest.release,
            id.digest(),
            target,
        ))
    };
    if args.only {
        let (gates, missing) = only(order);
        return Ok(Answer {
            gates,
            missing,
            about: about(),
        });
    }
    let rehearsal = args.rehearsal.as_deref();
    let permission = Permission::gather(&bundle, &variables, rehearsal, &args.receipts, at);
    let survey = survey(order, missing::admission(&permission), &mut Silent);
    let refused = permission.err().map(|refused| refused.errors);
    let mut missing = refused.unwrap_or_default();
    missing.extend(survey.obstacles.into_iter().map(missing::for_gate));
    let gates = survey.gates;
    Ok(Answer {
        gates,
        missing,
        about: about(),
    })
}

/// Evaluates the gate queries, and nothing else.
fn only(order: ContextToRun<'_>) -> (Option<Vec<GateAnswer>>, Vec<CliError>) {
    match gate::answers(&order.authentic(), &mut Silent) {
        Ok(gates) => {
            let is_ready = gates.iter().all(|answer| answer.ready);
            let closed = (!is_ready).then(|| GateError::Blocked(gates.clone()).into());
            (Some(gates), closed.into_iter().collect())
        }
        Err(error) => (None, vec![missing::for_gate(Obstacle::Gate(error))]),
    }
}

/// Notes missing approvals where only the gate queries count.
fn note_approvals(bundle: &BundleToRun<'_>, at: Timestamp, out: Output) {
    let (given, takes_apr) = (bundle.approvals(), bundle.takes_apr());
    let tallies = approvals::tallies(bundle.root(), given, takes_apr, JudgedAt::At(at));
    let is_unmet = |tallies: &[Tally]| tallies.iter().any(|tally| !tally.is_met());
    if tallies.iter().all(|(_, tallies)| is_unmet(tallies)) {
        let lines = approvals::lines(&tallies);
        lines.into_iter().for_each(|line| out.note(line));
    }
}

/// Prints the answer; the errors say more about each missing condition. The exit code is the one
/// that `run` would end with.
fn conclude(args: &Args, witness: Witness, answer: Answer, out: Output) -> Result<Exit, CliError> {
    let Answer {
        gates,
        missing,
        about,
    } = answer;
    let is_interrupted = missing.iter().any(|one| one.kind == Kind::Interrupted);
    if is_interrupted || args.only && gates.is_none() {
        return Err(GivenUp(missing).into());
    }
    let answers = gates.as_deref().unwrap_or_default();
    let mut document = document(answers, missing.is_empty());
    document["missing"] = missing.iter().map(missing::document).collect();
    out.document(&document);
    if !answers.is_empty() || missing.is_empty() {
        show(answers, out);
    }
    witness.conclude(about, document, ended(missing, out), out)
}

/// Names the conditions that are missing.
fn ended(missing: Vec<CliError>, out: Output) -> Result<Exit, CliError> {
    let Some(exit) = missing.first().map(|first| first.exit) else {
        return Ok(Exit::Done);
    };
    // A closed gate has its own line above.
    let others = missing.into_iter();
    let others: Vec<_> = others.filter(|one| one.kind != Kind::GateBlocked).collect();
    if others.is_empty() {
        return Ok(exit);
    }
    for one in &others {
        let blocked = out.paint(Paint::Bad, "BLOCKED");
        out.line(format!("{blocked} {}", one.kind.as_str()));
    }
    Err(CliError::from(GivenUp(others)).exit(exit))
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
