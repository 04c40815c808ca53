//! `pgseal rollout`: one release over many databases.

mod coordinator;
mod document;
mod forward;
mod merge;
mod plan;
mod rollback;
pub mod soak;
mod start;
mod status;
mod stop;
mod worker;

pub use document::Shown;

use std::path::PathBuf;

use super::args::{ApprovalArgs, LimitArgs, RetryArgs, TrustArgs, VariableArgs};
use super::events::EventArgs;
use super::gate_user::GateUserArgs;
use super::recording::ReceiptArgs;
use super::rehearsal_proof::RehearsedArgs;
use super::schema_digests::SchemaDigestArgs;
use super::{CliError, Exit, Output};

#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<RolloutCommand>,
    /// The bundle
    #[arg(value_name = "FILE", required = true)]
    file: Option<PathBuf>,
    /// Databases and waves: PLAN.toml
    #[arg(long, value_name = "PLAN", required = true)]
    plan: Option<PathBuf>,
    /// Continue the newest rollout of this plan: ask every database again
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    approvals: ApprovalArgs,
    #[command(flatten)]
    rehearsed: RehearsedArgs,
    #[command(flatten)]
    options: Options,
}

#[derive(clap::Subcommand, Debug)]
enum RolloutCommand {
    /// Show a rollout by its journal or its receipt
    Status(status::Args),
    /// Roll back every database that the newest rollout of a release began, the last one first
    Rollback(rollback::Args),
    /// Merge the receipts of several rollouts of one release
    Merge(merge::Args),
}

/// Options that the command on each database is given as well.
#[derive(clap::Args, Debug)]
struct Options {
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    gate_user: GateUserArgs,
    #[command(flatten)]
    variables: VariableArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    retries: RetryArgs,
    #[command(flatten)]
    receipts: ReceiptArgs,
    #[command(flatten)]
    events: EventArgs,
    #[command(flatten)]
    schema: SchemaDigestArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    match (&args.command, &args.file, &args.plan) {
        (Some(RolloutCommand::Status(args)), ..) => status::run(args, out),
        (Some(RolloutCommand::Rollback(args)), ..) => rollback::run(args, out),
        (Some(RolloutCommand::Merge(args)), ..) => merge::run(args, out),
        (None, Some(file), Some(plan)) => start::run(args, file, plan, out),
        (None, ..) => Err(CliError::usage("FILE and --plan are required")),
    }
}
