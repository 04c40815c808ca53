//! `pgseal unpack FILE -C DIR`

use std::io::Write;
use std::path::PathBuf;

use super::args::{BundleArgs, now};
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, shown};
use crate::bundle::AuthenticatedBundle;
use crate::trust::When;
use crate::words;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// The directory to make; must not exist, or be empty
    #[arg(short = 'C', long = "directory", value_name = "DIR")]
    dir: PathBuf,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let (_, bundle) = args.bundle.authenticate(When::At(now()))?;
    bundle.check_contents()?;
    let io = |error: std::io::Error| CliError::io(&args.dir, &error);
    if args.dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        let message = format!("{} is not empty", shown(&args.dir));
        return Err(CliError::new(Exit::Usage, message).hint("name a new directory"));
    }
    // Built beside its place and renamed into it, so that half a release is never left there.
    let parent = args.dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(".".as_ref());
    if !parent.is_dir() {
        return Err(io(std::io::Error::new(std::io::ErrorKind::NotFound, "its directory does not exist")));
    }
    let aside = tempfile::Builder::new().prefix(".pgseal-").tempdir_in(parent).map_err(io)?;
    let inside = aside.path().join("release");
    write_all(&bundle, &inside)?;
    std::fs::rename(&inside, &args.dir).map_err(io)?;
    let count = bundle.file_count();
    out.document(&serde_json::json!({ "release_id": bundle.release_id(), "directory": args.dir.to_string_lossy(), "files": count }));
    out.line(format!("{}: {}", shown(&args.dir), words::count(count, "file")));
    Ok(Exit::Done)
}

fn write_all(bundle: &AuthenticatedBundle, dir: &std::path::Path) -> Result<(), CliError> {
    for file in &bundle.manifest().files {
        // Entry paths can't leave the directory: their grammar has no "..", no absolute paths and no links.
        let path = dir.join(file.path.as_str());
        let content = bundle.content(&file.path)?;
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written =
            made.and_then(|()| std::fs::File::create_new(&path)).and_then(|mut file| file.write_all(&content));
        written.map_err(|error| CliError::io(&path, &error))?;
    }
    Ok(())
}
