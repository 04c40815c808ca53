//! `pgseal archive checkpoint DIR`

use std::path::PathBuf;

use super::super::args::TrustArgs;
use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::Output;
use crate::tlog::append;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The archive
    dir: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let (checkpoint, head) =
        append::head(&args.dir, &root).map_err(|error| super::unusable(&args.dir, error))?;
    out.document(&serde_json::json!({
        "archive": args.dir.to_string_lossy(), "checkpoint": super::document(&checkpoint),
        "key_id": head.key(), "owner": root.owner(&head.key()),
    }));
    if !out.json {
        out.content(checkpoint.to_string().as_bytes())?;
    }
    Ok(Exit::Done)
}
