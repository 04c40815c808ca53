//! `pgseal new NAME`

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{CliError, Exit, Kind, Output, ResultExt, display_path};
use crate::bundle::definition::DefinitionError;
use crate::bundle::new_change::{NewChange, NewChangeError, add};
use crate::bundle::release_toml::FILE;
use crate::bundle::source::Source;
use crate::durable;
use pgseal_verify::format::name::Name;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The name of the change
    name: Name,
    /// The release directory
    #[arg(
        short = 'C',
        long = "directory",
        value_name = "DIR",
        default_value = "."
    )]
    dir: PathBuf,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let toml = args.dir.join(FILE);
    if !toml.is_file() {
        let message = format!("{} is no release directory", display_path(&args.dir));
        return Err(CliError::usage(message).hint("`pgseal init DIR` makes one"));
    }
    let text = std::fs::read_to_string(&toml).at(&toml)?;
    let source = Source::read(&args.dir, &mut Vec::new()).map_err(DefinitionError::Source)?;
    let change = add(&text, source.paths().map(|path| path.as_str()), &args.name)?;
    let mut made = Vec::new();
    if let Err(error) = write(&args.dir, &change, &mut made) {
        // Scripts that release.toml does not list would be in the way of another try.
        for path in made {
            let _ = std::fs::remove_file(path);
        }
        return Err(error);
    }
    let files: Vec<&String> = change.files.iter().map(|(file, _)| file).collect();
    out.document(&serde_json::json!({ "change": args.name, "files": files }));
    for file in files {
        out.line(display_path(Path::new(file)));
    }
    out.line("next: write them; `pgseal lint` names what is missing");
    Ok(Exit::Done)
}

/// Writes the scripts, then release.toml. A script never replaces a file, nor goes where a link leads.
fn write(dir: &Path, change: &NewChange, made: &mut Vec<PathBuf>) -> Result<(), CliError> {
    for (file, text) in &change.files {
        let path = dir.join(file);
        let parent = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent).at(parent)?;
        let mut script = match File::create_new(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(CliError::exists(&path));
            }
            script => script.at(&path)?,
        };
        made.push(path.clone());
        script.write_all(text.as_bytes()).at(&path)?;
    }
    let toml = dir.join(FILE);
    durable::replace(&toml, |file| file.write_all(change.toml.as_bytes())).at(&toml)
}

impl From<NewChangeError> for CliError {
    fn from(error: NewChangeError) -> Self {
        Self::new(Kind::ReleaseInvalid, &error).hint(error.hint())
    }
}
