//! `pgseal unpack FILE -C DIR`

use std::fs::File;
use std::path::{Path, PathBuf};

use super::args::{BundleArgs, now};
use super::new_dir::NewDir;
use super::{CliError, Exit, Output, display_path};
use crate::bundle::AuthenticatedBundle;
use crate::bundle::stream::CopyError;
use crate::trust::JudgedAt;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::plural;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// The directory to make; must not exist, or be empty
    #[arg(short = 'C', long = "directory", value_name = "DIR")]
    dir: PathBuf,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.bundle.root()?;
    let (bundle, moved) = args
        .bundle
        .authenticate_shown(&root, JudgedAt::At(now()), 2, out)?;
    let dir = NewDir::begin(&args.dir, out)?;
    write_all(&bundle, &dir.path(), &args.dir)?;
    moved.finish();
    dir.finish()?;
    let count = bundle.file_count();
    out.document(&serde_json::json!({ "release_id": bundle.release_id(), "directory": args.dir.to_string_lossy(), "files": count }));
    let (dir, files) = (display_path(&args.dir), plural::count(count, "file"));
    out.line(format!("{dir}: {files}"));
    Ok(Exit::Done)
}

/// Writes all files; on any error the whole directory is discarded. `target` is its final name, for
/// messages.
fn write_all(bundle: &AuthenticatedBundle, dir: &Path, target: &Path) -> Result<(), CliError> {
    // Entry paths cannot leave the directory: their grammar has no "..", no absolute paths and no
    // links.
    let create = |path: &EntryPath| {
        let path = dir.join(path.as_str());
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        File::create_new(&path)
    };
    bundle.copy_all(create).map_err(|error| match error {
        CopyError::Content(error) => error.into(),
        CopyError::Write { path, source } => CliError::io(&target.join(path.as_str()), &source),
    })
}
