//! `pgseal completions SHELL`

use super::{CliError, Exit, Output};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Which shell
    shell: clap_complete::Shell,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut super::definition(), "pgseal", &mut bytes);
    out.content(&bytes)?;
    Ok(Exit::Done)
}
