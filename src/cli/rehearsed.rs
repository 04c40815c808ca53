//! The proof that a release was rehearsed, where a run needs one: named by `--rehearsal`, or found among the receipts.

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::exit::Exit;
use super::output::shown;
use crate::bundle::AuthenticatedBundle;
use crate::format::timestamp::Timestamp;
use crate::record::rehearsal::{self, Proved, UnprovedError};
use crate::trust::{TrustRoot, When};

/// What to do where there is none.
pub const HINT: &str = "`pgseal rehearse FILE --db ADMIN_URL --from DATABASE --receipt-key KEY` rehearses it on a clone and \
    writes one; name it by --rehearsal FILE";

#[derive(clap::Args, Debug)]
pub struct RehearsedArgs {
    /// The receipt of the rehearsal, where the release or the trust root wants one [default: one of those in --receipts]
    #[arg(long, value_name = "FILE")]
    rehearsal: Option<PathBuf>,
}

impl RehearsedArgs {
    /// The proof, if one is named or needed.
    pub fn proof(
        &self,
        root: &TrustRoot,
        bundle: &AuthenticatedBundle,
        receipts: &Path,
        now: Timestamp,
    ) -> Result<Option<Proved>, CliError> {
        proof(self.rehearsal.as_deref(), root, bundle, receipts, now)
    }
}

/// The proof that a run would rest on: the one that is named, or where one is needed, one of those in the directory.
pub fn proof(
    named: Option<&Path>,
    root: &TrustRoot,
    bundle: &AuthenticatedBundle,
    receipts: &Path,
    now: Timestamp,
) -> Result<Option<Proved>, CliError> {
    let manifest = bundle.manifest();
    let (id, database) = (bundle.release_id(), &manifest.target.database);
    let prove = |path: &Path| rehearsal::prove(path, root, When::At(now), id, database);
    if let Some(path) = named {
        return prove(path).map(Some).map_err(|error| refused(path, &error));
    }
    if !(manifest.require_rehearsal || root.policy().require_rehearsal) {
        return Ok(None);
    }
    let mut last = None;
    for path in found(receipts)? {
        match prove(&path) {
            Ok(proved) => return Ok(Some(proved)),
            // What is about this release says more than what is about another.
            Err(UnprovedError::Release(_)) if last.is_some() => {}
            Err(error) => last = Some((path, error)),
        }
    }
    let who = if manifest.require_rehearsal { "the release" } else { "the trust root" };
    let why = match last {
        Some((path, error)) => format!("{} does not prove it: {error}", shown(&path)),
        None => format!("{} holds no receipt of it", shown(receipts)),
    };
    let text = format!("{who} wants it to be rehearsed before it runs, and {why}");
    Err(CliError::new(Exit::NotAuthentic, text).hint(HINT))
}

/// The oldest first, by the time in their names.
fn found(receipts: &Path) -> Result<Vec<PathBuf>, CliError> {
    let entries = match std::fs::read_dir(receipts) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect::<std::io::Result<Vec<_>>>),
    };
    let entries = entries.map_err(|error| CliError::io(receipts, &error))?;
    let mut paths: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    paths.retain(|path| rehearsal::is_one(path));
    paths.sort();
    Ok(paths)
}

fn refused(path: &Path, error: &UnprovedError) -> CliError {
    let exit = match error {
        UnprovedError::Receipt(error) => super::receipt::exit(error),
        _ => Exit::NotAuthentic,
    };
    CliError::new(exit, format!("this rehearsal does not count: {error}")).about(path).hint(HINT)
}
