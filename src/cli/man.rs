//! `pgseal man [COMMAND]`

use super::{CliError, Exit, Output};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The page of one command, instead of the program's
    command: Option<String>,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let mut definition = super::definition();
    definition.build();
    let command = match &args.command {
        None => definition,
        Some(name) => definition.find_subcommand(name).cloned().ok_or_else(|| {
            CliError::usage(format!("there is no command {name:?}"))
                .hint("`pgseal help` lists them")
        })?,
    };
    let mut bytes = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut bytes);
    rendered.map_err(CliError::internal)?;
    out.content(&bytes)?;
    Ok(Exit::Done)
}
