//! placeholder
use super::error::CliError;
use super::exit::Exit;
use super::output::Output;
#[derive(clap::Args, Debug)]
pub struct Args {}
pub fn run(_: &Args, _: Output) -> Result<Exit, CliError> { Ok(Exit::Done) }
