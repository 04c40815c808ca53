//! `pgseal try DIR --db URL`, and `pgseal try init --db URL`

mod attempt;
mod init;

use super::{CliError, Exit, Kind, Output};
use crate::release::rehearse::trial::TrialError;

#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<TryCommand>,
    #[command(flatten)]
    attempt: attempt::AttemptArgs,
}

#[derive(clap::Subcommand, Debug)]
enum TryCommand {
    /// Mark a database of yours for trials
    Init(init::Args),
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    match &args.command {
        Some(TryCommand::Init(args)) => init::run(args, out),
        None => attempt::run(&args.attempt, out),
    }
}

impl From<TrialError> for CliError {
    fn from(error: TrialError) -> Self {
        let hint = match &error {
            TrialError::Database(_) => "",
            TrialError::NoMarker(_) => {
                "`pgseal try init -d DATABASE` marks a database of a developer; nothing was changed"
            }
            TrialError::Other { .. } => {
                "a marker counts only where `try init` wrote it; if the database is yours, drop the schema pgseal_trial \
                 and mark it; nothing was changed"
            }
            TrialError::Foreign { .. } => {
                "rehearse there instead: `pgseal rehearse FILE --from DATABASE`; nothing was changed"
            }
            TrialError::OfTheServer(_) => "name a database of your own",
            TrialError::OnTarget(_) => {
                "try the release on a server where it is never run; nothing was changed"
            }
            TrialError::NoIdentifier => "grant the role EXECUTE on pg_control_system()",
        };
        match error {
            TrialError::Database(error) => error.into(),
            error => Self::new(Kind::NotATrial, error).hint(hint),
        }
    }
}
