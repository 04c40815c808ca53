//! `pgseal init DIR`

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, shown};
use crate::format::name::Name;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The directory to make; must not exist, or be empty
    dir: PathBuf,
}

/// A small release that packs and runs.
static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/cli/template");

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let io = |error: std::io::Error| CliError::io(&args.dir, &error);
    if args.dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        let message = format!("{} is not empty", shown(&args.dir));
        return Err(CliError::new(Exit::Usage, message).hint("name a new directory"));
    }
    std::fs::create_dir_all(&args.dir).map_err(io)?;
    TEMPLATE.extract(&args.dir).map_err(io)?;
    if let Some(name) = release_name(&args.dir) {
        for (file, from, to) in [
            ("release.toml", "name = \"example\"", format!("name = \"{name}\"")),
            ("runbooks/operator.md", "example-1.0.0", format!("{name}-1.0.0")),
        ] {
            let path = args.dir.join(file);
            let text = std::fs::read_to_string(&path).map_err(io)?;
            std::fs::write(&path, text.replace(from, &to)).map_err(io)?;
        }
    }
    out.document(&serde_json::json!({ "directory": args.dir.to_string_lossy() }));
    out.line(format!("{}: a release to start from", shown(&args.dir)));
    out.line(format!("next: edit it, `pgseal lint {0}`, `pgseal pack {0} -o FILE --key KEY`", shown(&args.dir)));
    Ok(Exit::Done)
}

/// The directory's own name, where a release may be called so.
fn release_name(dir: &Path) -> Option<Name> {
    dir.canonicalize().ok()?.file_name()?.to_str()?.parse().ok()
}
