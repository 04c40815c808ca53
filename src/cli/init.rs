//! `pgseal init DIR`

use std::path::{Component, Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::{CliError, Exit, Output, ResultExt, display_path};
use pgseal_verify::format::name::Name;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The directory to make; must not exist, or be empty. The release is called like it
    dir: PathBuf,
}

/// A small release that packs and runs.
static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/cli/template");

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let io = |error: std::io::Error| CliError::io(&args.dir, &error);
    let name = release_name(&args.dir)?;
    let entries = args.dir.read_dir();
    if entries.is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::not_empty(&args.dir));
    }
    std::fs::create_dir_all(&args.dir).map_err(io)?;
    TEMPLATE.extract(&args.dir).map_err(io)?;
    let renamed = [
        (
            "release.toml",
            "name = \"example\"",
            format!("name = \"{name}\""),
        ),
        (
            "runbooks/operator.md",
            "example-1.0.0",
            format!("{name}-1.0.0"),
        ),
    ];
    for (file, from, to) in renamed {
        let path = args.dir.join(file);
        let text = std::fs::read_to_string(&path).map_err(io)?;
        std::fs::write(&path, text.replace(from, &to)).map_err(io)?;
    }
    out.document(&serde_json::json!({ "directory": args.dir.to_string_lossy() }));
    let dir = display_path(&args.dir);
    out.line(format!("{dir}: a release to start from"));
    out.line(format!(
        "next: edit it, `pgseal lint {dir}`, `pgseal pack {dir} -o FILE --key KEY`"
    ));
    Ok(Exit::Done)
}

/// The release's name: the last component of the path as typed. For `.` and `..` the canonical
/// directory name is used, so that the name is always one that the operator chose.
pub fn release_name(dir: &Path) -> Result<Name, CliError> {
    let is_typed = matches!(dir.components().next_back(), Some(Component::Normal(_)));
    let named = match is_typed {
        true => dir.to_owned(),
        false => dir.canonicalize().at(dir)?,
    };
    let name = named.file_name().unwrap_or_default().to_string_lossy();
    name.parse().map_err(|error| {
        CliError::usage(format!(
            "no release can be called like {}: {error}",
            display_path(dir)
        ))
        .hint("the release is called like its directory: name one that fits")
    })
}
