//! `pgseal receipt`: one file a task.

mod said;
mod show;
mod verify;

use clap::Subcommand;

use super::{CliError, Exit, Output};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: ReceiptCommand,
}

#[derive(Subcommand, Debug)]
enum ReceiptCommand {
    /// What a run did, for people; by the trust root where one is named
    Show(show::Args),
    /// Authenticate receipts, and compare each with its journal
    Verify(verify::Args),
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    match &args.command {
        ReceiptCommand::Show(args) => show::run(args, out),
        ReceiptCommand::Verify(args) => verify::run(args, out),
    }
}
