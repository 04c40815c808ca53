//! `pgseal cat FILE PATH`

use super::args::{BundleArgs, now};
use super::error::CliError;
use super::exit::Exit;
use super::output::Output;
use crate::entry_path::EntryPath;
use crate::trust::When;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// The path of a file in the release
    path: EntryPath,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let (_, bundle) = args.bundle.authenticate(When::At(now()))?;
    let content = bundle.content(&args.path)?;
    if out.json {
        let text = String::from_utf8_lossy(&content);
        out.document(&serde_json::json!({ "path": args.path, "size": content.len(), "text": text }));
    } else {
        out.content(&content)?;
    }
    Ok(Exit::Done)
}
