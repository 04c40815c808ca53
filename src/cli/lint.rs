//! `pgseal lint DIR`

use std::path::PathBuf;

use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, escape};
use crate::bundle::definition::{Definition, DefinitionError};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The release directory
    dir: PathBuf,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    match Definition::read(&args.dir) {
        Ok(definition) => {
            let release = &definition.manifest().release;
            out.document(&serde_json::json!({ "release": release, "problems": [] }));
            out.line(format!("{} {}: no problems", release.name, release.version));
            Ok(Exit::Done)
        }
        Err(DefinitionError::Problems(problems)) => {
            let list = problems.iter().map(|problem| {
                let (line, column) = problem.at.unzip();
                serde_json::json!({
                    "file": problem.file, "line": line, "column": column,
                    "message": problem.message, "hint": problem.hint,
                })
            });
            out.document(&serde_json::json!({ "release": null, "problems": list.collect::<Vec<_>>() }));
            for problem in &problems {
                out.line(escape(&problem.to_string()));
                if let Some(hint) = &problem.hint {
                    out.line(format!("    {}", escape(hint)));
                }
            }
            let text = format!("{} problem(s): the release would not pack", problems.len());
            Err(CliError::new(Exit::Usage, text).answered())
        }
        Err(error) => Err(error.into()),
    }
}
