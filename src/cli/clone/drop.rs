//! `pgseal clone drop NAME`

use super::super::{CliError, Exit, Output, escape};
use super::{NameArgs, workers};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    clone: NameArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let site = args.clone.server.site("clone drop", out)?;
    let keeper = site.keeper(workers());
    let found = keeper.find(&args.clone.name);
    let clone = found.map_err(|error| site.told(error))?;
    keeper.drop(&clone).map_err(|error| site.told(error))?;
    out.document(&serde_json::json!({ "dropped": clone.name() }));
    out.line(escape(&format!("the clone {} is gone", clone.name())));
    Ok(Exit::Done)
}
