//! `pgseal new NAME`

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{CliError, Exit, Kind, Output, ResultExt, display_path};
use crate::bundle::definition::DefinitionError;
use crate::bundle::new_change::{NewChangeError, add};
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
    for (file, _) in &change.files {
        let path = args.dir.join(file);
        if path.exists() {
            return Err(CliError::exists(&path));
        }
    }
    for (file, text) in &change.files {
        let path = args.dir.join(file);
        let parent = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent).at(parent)?;
        std::fs::write(&path, text).at(&path)?;
    }
    durable::replace(&toml, |file| file.write_all(change.toml.as_bytes())).at(&toml)?;
    let files: Vec<&String> = change.files.iter().map(|(file, _)| file).collect();
    out.document(&serde_json::json!({ "change": args.name, "files": files }));
    for file in files {
        out.line(display_path(Path::new(file)));
    }
    out.line("next: write them; `pgseal lint` names what is missing");
    Ok(Exit::Done)
}

impl From<NewChangeError> for CliError {
    fn from(error: NewChangeError) -> Self {
        Self::new(Kind::ReleaseInvalid, &error).hint(error.hint())
    }
}
