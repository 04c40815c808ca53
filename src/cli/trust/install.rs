//! `pgseal trust install NEW... [--trust INSTALLED]`

use std::path::{Path, PathBuf};

use super::super::args::{TrustArgs, now};
use super::super::{CliError, Exit, Output, display_path};
use super::next::change;
use super::refusal;
use super::show::Shown;
use crate::trust::rotation::walk;
use crate::trust::signatures;
use crate::trust::store::{self, Installed, StoreError};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The next version, or several; or a directory with some. Signatures are beside each, in NEW.sigs
    #[arg(required = true)]
    new: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let file = args.trust.path();
    let chain = store::read_chain(&args.new).map_err(damaged)?;
    let installed =
        Installed::lock(&file, &|| out.waits_for(&file)).map_err(|error| first(&file, error))?;
    let steps = walk(installed.root(), chain)?;
    let (mut before, mut changes, mut last) = (installed.root(), Vec::new(), None);
    for step in &steps {
        changes.push(change(before.draft(), step.root().draft()));
        last = Some((
            signatures::progress(step.root().draft(), Some(before), step.signatures())?,
            step,
        ));
        before = step.root();
    }
    for step in &steps {
        refusal::from_the_future(step.root().document(), now())?;
    }
    installed.install(&steps).map_err(refusal::unwritten)?;
    let Some((progress, step)) = last else {
        return Ok(Exit::Done);
    };
    let document = step.root().document();
    let (version, expires) = (document.version, document.expires);
    if expires <= now() {
        out.warning(format!(
            "version {version} expired on {expires}: nothing runs by it"
        ));
    }
    let path = display_path(&file);
    out.note(format!("installed version {version} as {path}"));
    Shown::new(&file, step.root().draft(), progress, &changes).print(out);
    Ok(Exit::Done)
}

/// Adds hints for a new document that is truncated, modified or not a trust document.
fn damaged(error: StoreError) -> CliError {
    match &error {
        StoreError::Trust { .. } => CliError::from(error)
            .hint("it was cut off or changed on its way, or is none: ask for a fresh copy; nothing was changed"),
        StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            CliError::usage(error).hint("name the new trust document, or a directory with some")
        }
        StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::InvalidData => {
            CliError::new(Exit::NotAuthentic, error).hint("it is no trust document; nothing was changed")
        }
        _ => error.into(),
    }
}

/// Adds a hint if no trust root is installed yet.
fn first(file: &Path, error: StoreError) -> CliError {
    match &error {
        StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            let text = format!("no trust root is installed: {error}");
            CliError::usage(text).hint(format!(
                "trust begins by hand: compare the digest that `pgseal trust show NEW` prints with its owners, then copy \
                 NEW and NEW.sigs to {0} and {0}.sigs",
                display_path(file)
            ))
        }
        _ => refusal::unwritten(error),
    }
}
