//! `pgseal runbook FILE [AUDIENCE]`

use super::args::{BundleArgs, now};
use super::error::CliError;
use super::exit::Exit;
use super::output::Output;
use crate::format::manifest::Audience;
use crate::trust::When;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// owner, operator or auditor
    #[arg(default_value = "operator")]
    audience: Audience,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let (_, bundle) = args.bundle.authenticate(When::At(now()))?;
    let runbooks = bundle.manifest().runbooks.iter().filter(|runbook| runbook.audience == args.audience);
    let mut texts = Vec::new();
    for runbook in runbooks {
        texts.push(bundle.content(&runbook.file)?);
    }
    if texts.is_empty() {
        let message = format!("the release has no runbook for the {}", args.audience);
        return Err(CliError::new(Exit::Usage, message).hint("`pgseal inspect FILE` lists its runbooks"));
    }
    let text = texts.concat();
    out.document(&serde_json::json!({ "audience": args.audience, "text": String::from_utf8_lossy(&text) }));
    if !out.json {
        out.content(&text)?;
    }
    Ok(Exit::Done)
}
