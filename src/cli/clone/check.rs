//! `pgseal clone check NAME`

use std::num::NonZeroUsize;

use super::super::{CliError, Exit, Kind, Output};
use super::{NameArgs, document, sentence, workers};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    clone: NameArgs,
    /// Number of connections that read rows [default: one a processor, up to 4]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let site = args.clone.server.site("clone check", out)?;
    let keeper = site.keeper(args.workers.unwrap_or_else(workers));
    let found = keeper.find(&args.clone.name);
    let clone = found.map_err(|error| site.told(error))?;
    let compared = keeper.compare(&clone);
    let (now, is_alike) = compared.map_err(|error| site.told(error))?;
    out.document(&serde_json::json!({
        "clone": document(clone.marker()),
        "now": now.sha256,
        "as_made": is_alike,
    }));
    out.line(sentence(clone.marker()));
    if is_alike {
        out.line(format!("it is as it was made: {}", now.sha256));
        return Ok(Exit::Done);
    }
    let text = format!(
        "the clone is not as it was made: expected {}, found {}",
        clone.marker().sha256,
        now.sha256
    );
    Err(CliError::new(Kind::CloneChanged, text)
        .hint("`pgseal clone reset NAME --receipt-key KEY` makes it anew from its source"))
}
