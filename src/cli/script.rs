//! `pgseal script FILE.sql`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, escape_lines};
use crate::sql::{FileError, Files, Script, ScriptError, Step, Variables};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The psql script; `\i` counts from its directory
    file: PathBuf,
    /// A psql variable
    #[arg(short = 'v', value_name = "NAME=VALUE")]
    variables: Vec<String>,
}

/// Files below the script's directory.
struct Directory(PathBuf);

impl Files for Directory {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, FileError> {
        match std::fs::read(self.0.join(path)) {
            Ok(bytes) => Ok(bytes.into()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(FileError::NotFound),
            Err(error) => Err(FileError::Other(Box::new(error))),
        }
    }
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let name = args.file.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| CliError::new(Exit::Usage, format!("{} is not a file", args.file.display())))?;
    let directory = Directory(args.file.parent().unwrap_or(Path::new("")).to_owned());
    let mut variables = Variables::default();
    for variable in &args.variables {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        variables
            .set(name, value)
            .map_err(|_| CliError::new(Exit::Usage, format!("-v {name}: not a name of a psql variable")))?;
    }
    let mut script = Script::open(&directory, name, variables).map_err(|error| refused(name, &error))?;
    while let Some(step) = script.next_step().map_err(|error| refused(name, &error))? {
        let Step::Statement(statement) = step else { continue };
        let at = &statement.origin.at;
        if out.json {
            out.json_line(&serde_json::json!({
                "file": &*at.file,
                "line": at.line,
                "column": at.column,
                "sql": statement.sql,
                "copy_bytes": statement.copy.as_ref().map(|copy| copy.as_bytes().len()),
            }));
        } else {
            out.line(format!("-- {at}\n{}", escape_lines(&statement.sql)));
        }
    }
    Ok(Exit::Done)
}

fn refused(name: &str, error: &ScriptError) -> CliError {
    let at = error.origin().map_or(name.to_owned(), ToString::to_string);
    let cause = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    let this = CliError::new(Exit::Usage, format!("{at}: {error}{cause}"));
    // Statements before the error are on stdout already, a line each: the document is not whole.
    let this = this.answered();
    match error.hint() {
        Some(hint) => this.hint(hint),
        None => this,
    }
}
