//! `pgseal cat FILE PATH`

use std::io::Seek;

use super::args::{BundleArgs, now};
use super::{CliError, Exit, Output};
use crate::bundle::AuthenticatedBundle;
use crate::bundle::stream::CopyError;
use crate::trust::JudgedAt;
use pgseal_verify::entry_path::EntryPath;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// The path of a file in the release
    path: EntryPath,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.bundle.root()?;
    let (bundle, moved) = args
        .bundle
        .authenticate_shown(&root, JudgedAt::At(now()), 1, out)?;
    moved.finish();
    if bundle.size(&args.path).is_some_and(|size| size > IN_MEMORY) && !out.json {
        return large(&bundle, &args.path, out);
    }
    let content = bundle.content(&args.path)?;
    if out.json {
        let text = String::from_utf8_lossy(&content);
        out.document(
            &serde_json::json!({ "path": args.path, "size": content.len(), "text": text }),
        );
    } else {
        out.content(&content)?;
    }
    Ok(Exit::Done)
}

/// Largest file checked in memory, in bytes. Larger files go to a temporary file first.
const IN_MEMORY: u64 = 4 << 20;

/// Copies a file to stdout only after its last byte is verified. Until then it is kept in an
/// unnamed temporary file, which no other user can open.
fn large(bundle: &AuthenticatedBundle, path: &EntryPath, out: Output) -> Result<Exit, CliError> {
    let waiting = |error: &std::io::Error| CliError::io(&std::env::temp_dir(), error);
    let mut file = tempfile::tempfile().map_err(|error| waiting(&error))?;
    bundle.copy(path, &mut file).map_err(|error| match error {
        CopyError::Content(error) => CliError::from(error),
        CopyError::Write { source, .. } => waiting(&source),
    })?;
    file.rewind().map_err(|error| waiting(&error))?;
    out.copy(&mut file)?;
    Ok(Exit::Done)
}
