//! `pgseal try init --db URL`

use super::super::args::ConnectionArgs;
use super::super::{CliError, Exit, Output, connection, escape};
use crate::release::rehearse::trial;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let (connector, _) = connection::connector_for_clones(&args.connection, None)?;
    let (trial, is_new) = trial::mark(&connector)?;
    out.document(&serde_json::json!({ "database": trial.name(), "is_new": is_new }));
    let name = escape(trial.name());
    out.line(match is_new {
        true => format!("{name} is marked for trials, by the schema pgseal_trial"),
        false => format!("{name} is marked for trials already"),
    });
    out.note(
        "a trial copies the database, and drops the copy; it does not write to the database itself",
    );
    Ok(Exit::Done)
}
