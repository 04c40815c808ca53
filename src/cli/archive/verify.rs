//! `pgseal archive verify DIR`

use std::path::PathBuf;

use super::super::args::TrustArgs;
use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::{Output, Paint, display_path, escape};
use super::Comparing;
use crate::tlog::{self, Comparison, LogFault};
use pgseal_verify::plural::count;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The archive
    dir: PathBuf,
    /// A checkpoint of it that was kept elsewhere; may be repeated
    #[arg(long, value_name = "CHECKPOINT")]
    since: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let since = args
        .since
        .iter()
        .map(|path| super::consistency::kept(path))
        .collect::<Result<Vec<_>, _>>()?;
    if since.is_empty() && args.dir.is_dir() && !tlog::has_log(&args.dir) {
        return Err(super::unusable(
            &args.dir,
            tlog::append::LogError::NoLog(args.dir.clone()),
        ));
    }
    let comparing = Comparing::new(&args.dir, out);
    let compared = tlog::compare(&args.dir, &root, &since, &|progress| {
        comparing.seen(progress)
    });
    drop(comparing);
    let Comparison {
        checkpoint,
        entries,
        behind,
        faults,
    } = compared.map_err(|error| CliError::io(&args.dir, &error))?;
    out.document(&serde_json::json!({
        "archive": args.dir.to_string_lossy(), "checkpoint": checkpoint.as_ref().map(super::document),
        "entries": entries.len(), "since": since.len(),
        "behind": behind.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(), "faults": faults.iter().map(document).collect::<Vec<_>>(),
    }));
    for fault in &faults {
        let kind = out.paint(Paint::Bad, fault.kind.as_str());
        out.line(format!(
            "{kind}  {}: {}",
            display_path(&fault.path),
            escape(&fault.sentence)
        ));
    }
    let log = checkpoint.map_or("no checkpoint".to_owned(), |checkpoint| {
        escape(checkpoint.origin())
    });
    out.line(format!(
        "{log}: {}, {}",
        count(entries.len(), "entry"),
        count(faults.len(), "fault")
    ));
    if since.is_empty() && faults.is_empty() {
        out.note("an older copy of all this could have been put back, and the holder of the log's key could have written a new log: a checkpoint that was kept elsewhere shows both (--since)");
    }
    Ok(if faults.is_empty() {
        Exit::Done
    } else {
        Exit::Faults
    })
}

fn document(fault: &LogFault) -> serde_json::Value {
    serde_json::json!({ "kind": fault.kind.as_str(), "path": fault.path.to_string_lossy(), "sentence": fault.sentence })
}
