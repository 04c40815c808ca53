//! `pgseal receipt`: one file a task.

mod said;
mod show;
mod verify;

use clap::Subcommand;

use super::error::CliError;
use super::exit::Exit;
use super::output::Output;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: ReceiptCommand,
}

#[derive(Subcommand, Debug)]
enum ReceiptCommand {
    /// Show a run by its receipt, judged by the trust root if one is named
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
