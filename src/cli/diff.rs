//! `pgseal diff A B`

use std::path::PathBuf;

use super::args::{TrustArgs, authenticate, now};
use super::{CliError, Exit, Output};
use crate::bundle::diff::diff;
use crate::trust::JudgedAt;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The first bundle
    a: PathBuf,
    /// The second bundle
    b: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let read = |path| authenticate(path, &root, JudgedAt::At(now()));
    let (a, b) = (read(&args.a)?, read(&args.b)?);
    let diff = diff(&a, &b).map_err(CliError::internal)?;
    out.document(&serde_json::json!({ "a": a.release_id(), "b": b.release_id(), "diff": diff }));
    for (mark, paths) in [
        ("-", &diff.removed),
        ("+", &diff.added),
        ("~", &diff.changed),
    ] {
        for path in paths {
            out.line(format!("{mark} {path}"));
        }
    }
    for part in &diff.manifest {
        out.line(format!("~ release.toml: {part}"));
    }
    if diff.is_empty() {
        out.line("no differences");
    }
    Ok(Exit::Done)
}
