//! `pgseal clone reset NAME`: drops a clone and makes it anew from its source as it is now.

use super::super::{CliError, Exit, Output};
use super::make::MakingArgs;
use super::{NameArgs, show_made};
use crate::release::rehearse::standing::StandingError;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    clone: NameArgs,
    #[command(flatten)]
    making: MakingArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let key = args.making.key()?;
    let site = args.clone.server.site("clone reset", out)?;
    let keeper = site.keeper(args.making.workers());
    let name = &args.clone.name;
    let clone = keeper.find(name).map_err(|error| site.told(error))?;
    let Some(source) = clone.source() else {
        return Err(StandingError::FromDump(name.clone()).into());
    };
    // The clone is dropped first, so everything that could keep it from being made is checked before.
    args.making.may_sign(&site, &key)?;
    keeper.has(source).map_err(|error| site.told(error))?;
    keeper.drop(&clone).map_err(|error| site.told(error))?;
    let scope = &clone.marker().scope;
    let made = args.making.make(&site, &key, source, Some(name), scope);
    let made = made.map_err(|error| error.also_hint("the old clone is gone"))?;
    show_made(&made.clone, &made.remarks, out);
    Ok(Exit::Done)
}
