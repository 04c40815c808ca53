//! `pgseal rollout-soak FILE --question PATH`: asks a file of the release like a gate, on one database.
//! Hidden; started by `rollout` on each database of a finished wave.

use super::super::args::{BundleArgs, DatabaseArgs, LimitArgs, now};
use super::super::database_command::DatabaseCommand;
use super::super::interrupt::Command;
use super::super::progress::Notifier;
use super::super::{CliError, Exit, Output};
use crate::release::gate::{self, GateError};
use crate::release::run_context;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::Gate;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// A file of the release
    #[arg(long, value_name = "PATH")]
    question: EntryPath,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.bundle.root()?;
    let bundle = args.bundle.authenticate_to_run(&root, now())?;
    let manifest = bundle.manifest();
    let variables = run_context::values(manifest, &args.database.variables(manifest, out)?, true)?;
    let limits = (&args.limits, &manifest.limits);
    let command = Command {
        exit: Exit::Unanswered,
        ..Command::reads("soak question")
    };
    let notifier = Notifier::plain(out);
    let ordered = DatabaseCommand::prepare(&args.database, limits, command, out, notifier)?;
    let order = ordered.order(&bundle, &variables).authentic();
    let gate = Gate {
        name: "soak".parse().map_err(CliError::internal)?,
        file: args.question.clone(),
    };
    let answer =
        gate::ask_alone(&order, &gate).map_err(|error| ordered.or_interrupted(error.into()))?;
    out.document(&serde_json::json!({ "ready": answer.ready, "reason": answer.reason }));
    match answer.ready {
        true => Ok(Exit::Done),
        false => Err(GateError::Blocked(vec![answer]).into()),
    }
}
