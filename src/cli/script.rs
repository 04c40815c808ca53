//! `pgseal script FILE.sql`

use std::path::{Path, PathBuf};

use super::{CliError, Exit, Output, display_path, escape, escape_lines};
use psql_script::{
    FileError, Files, OF_THE_CONNECTION, Position, Script, ScriptError, Step, Variables,
};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The psql script
    file: PathBuf,
    /// Where `\i` counts from, as from the release directory [default: the script's directory]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// A psql variable
    #[arg(
        short = 'v',
        long = "set",
        alias = "variable",
        value_name = "NAME=VALUE"
    )]
    variables: Vec<String>,
}

/// Files below a directory.
struct Directory(PathBuf);

impl Directory {
    /// A position, with the file as the caller would name it.
    fn display_path(&self, at: &Position) -> String {
        format!(
            "{}:{}:{}",
            display_path(self.0.join(&*at.file)),
            at.line,
            at.column
        )
    }
}

impl Files for Directory {
    fn open(&self, path: &str) -> Result<Box<dyn std::io::Read + '_>, FileError> {
        match std::fs::File::open(self.0.join(path)) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(FileError::NotFound),
            Err(error) => Err(FileError::Other(Box::new(error))),
        }
    }
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let parent = || args.file.parent().unwrap_or(Path::new("")).to_owned();
    let directory = Directory(args.root.clone().unwrap_or_else(parent));
    // The parent of a file in the current directory is the empty path.
    let absolute = |path: &Path| {
        std::path::absolute(Path::new(".").join(path)).unwrap_or_else(|_| path.to_owned())
    };
    let (file, root) = (absolute(&args.file), absolute(&directory.0));
    let name = file.strip_prefix(root).ok().and_then(Path::to_str);
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| {
        let (file, root) = (display_path(&args.file), display_path(&directory.0));
        CliError::usage(format!("{file} is not a file below {root}"))
            .hint("the script must be inside of --root")
    })?;
    let mut variables = Variables::default();
    for variable in &args.variables {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        variables
            .set(name, value)
            .map_err(|_| CliError::usage(format!("-v {name}: not a name of a psql variable")))?;
    }
    for name in OF_THE_CONNECTION {
        if variables.get(name).is_none() {
            let _ = variables.set_unknown(name, true);
        }
    }
    let mut script = Script::open(&directory, name, variables)
        .map_err(|error| refused(&directory, name, &error))?;
    script.complaints();
    while let Some(step) = script
        .next_step()
        .map_err(|error| refused(&directory, name, &error))?
    {
        for complaint in script.complaints() {
            let origin = complaint.origin();
            let at = origin
                .map(|origin| directory.display_path(&origin.at))
                .unwrap_or_default();
            let text =
                format!("{at}: {complaint}: taken for false, as psql does; a run knows more");
            out.warning(escape(&text));
        }
        let statement = match step {
            Step::Statement(statement) => statement,
            Step::Await | Step::Echo { .. } => continue,
        };
        let at = statement.origin.at.clone();
        let mut copy_bytes = None;
        if statement.copy.is_some() {
            let data = script.copy_data(&statement);
            let mut data = data.map_err(|error| refused(&directory, name, &error))?;
            let copied = std::io::copy(&mut data, &mut std::io::sink());
            copy_bytes = Some(copied.map_err(|error| unreadable(&directory, &at, &error))?);
        }
        if out.json {
            out.json_line(&serde_json::json!({
                "file": directory.0.join(&*at.file).to_string_lossy(),
                "line": at.line,
                "column": at.column,
                "sql": statement.sql,
                "copy_bytes": copy_bytes,
                "parameters": statement.parameters,
                "then": statement.then.command(),
            }));
        } else {
            let (at, sql) = (directory.display_path(&at), escape_lines(&statement.sql));
            out.verbatim(format!("-- {}\n{sql}", escape(&at)));
        }
    }
    Ok(Exit::Done)
}

fn unreadable(directory: &Directory, at: &Position, error: &std::io::Error) -> CliError {
    let at = directory.display_path(at);
    CliError::usage(format!("{at}: can't read the data of this COPY: {error}"))
}

fn refused(directory: &Directory, name: &str, error: &ScriptError) -> CliError {
    let from = |at: &Position| format!(" (included from {})", directory.display_path(at));
    let at = error.origin().map(|origin| {
        let chain: String = origin.included_from.iter().map(from).collect();
        format!("{}{chain}", directory.display_path(&origin.at))
    });
    let at = at.unwrap_or_else(|| directory.0.join(name).display().to_string());
    let cause = std::error::Error::source(error);
    let cause = cause.map_or(String::new(), |source| format!(": {source}"));
    // The statements before the error are already on stdout, one line each, so there is no JSON
    // document to complete.
    CliError::usage(format!("{at}: {error}{cause}")).hint(error.hint().unwrap_or_default())
}
