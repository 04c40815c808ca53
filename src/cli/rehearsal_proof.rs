//! The proof that a release was rehearsed, where a run needs one: named by `--rehearsal`, or found among the receipts.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use super::error::CliError;
use super::kind::Kind;
use super::output::shown;
use crate::bundle::AuthenticatedBundle;
use crate::format::statement::ReleaseId;
use crate::format::timestamp::Timestamp;
use crate::record::rehearsal::{self, Demand, Proved, UnprovedError};
use crate::trust::{TrustRoot, When};
use crate::words::count;

/// What to do where there is none.
pub const HINT: &str = "`pgseal rehearse FILE --db ADMIN_URL --from DATABASE --receipt-key KEY`, with the run's -v and, where \
    gates are closed, --approve-with SCRIPT, rehearses it on a clone and writes one into --receipts";

/// What to do about one that can't be believed, and that may speak against the release.
const UNREADABLE: &str = "a run that needs a rehearsal goes by all receipts in --receipts: find out what became of this one, or move it \
    away if it is of another release";

#[derive(clap::Args, Debug)]
pub struct RehearsedArgs {
    /// The receipt of the rehearsal, where the release or the trust root wants one [default: one of those in --receipts]
    #[arg(long, value_name = "FILE")]
    pub rehearsal: Option<PathBuf>,
}

/// The proof that a run would rest on: of those in the directory and the one that is named, the newest that says something.
/// None where none is needed or named.
pub fn proof(
    named: Option<&Path>,
    root: &TrustRoot,
    bundle: &AuthenticatedBundle,
    variables: &BTreeMap<String, String>,
    receipts: &Path,
    now: Timestamp,
) -> Result<Option<Proved>, CliError> {
    let (manifest, policy) = (bundle.manifest(), root.policy());
    let (release, database) = (bundle.release_id(), manifest.target.database.as_str());
    let demand = Demand { release, database, variables, max_age_days: rehearsal::max_age_days(manifest, policy), now };
    let read = |path: &Path| {
        let read = rehearsal::read(path, root, When::At(now))?;
        read.is_evidence_of(release)?;
        Ok::<_, UnprovedError>(read)
    };
    let mut evidence = Vec::new();
    if let Some(path) = named {
        let named = read(path).map_err(|error| refused(path, &error))?;
        named.prove(&demand).map_err(|error| refused(path, &error))?;
        evidence.push((path.to_owned(), named));
    } else if !(manifest.require_rehearsal || policy.require_rehearsal) {
        return Ok(None);
    }
    let mut last = None;
    for path in found(receipts)? {
        match read(&path) {
            Ok(read) => evidence.push((path, read)),
            Err(UnprovedError::Release(_)) => {}
            // Nobody signed it: it says nothing, neither for the release nor against it.
            Err(error @ UnprovedError::Unsigned) => last = Some((path, error)),
            // It may be the one that says that the release failed.
            Err(error) if is_about(&path, release) => return Err(refused(&path, &error).hint(UNREADABLE)),
            Err(error) => last = Some((path, error)),
        }
    }
    let several = evidence.len() > 1;
    let newest = rehearsal::newest(evidence, |(_, read)| &read.statement.predicate, database, Some(variables));
    let why = match newest.map(|(path, read)| (read.prove(&demand), path)) {
        Some((Ok(proved), _)) => return Ok(Some(proved)),
        Some((Err(error), path)) if several => {
            format!("the newest receipt that speaks for it, {}, does not prove it: {error}", shown(&path))
        }
        Some((Err(error), path)) => format!("{} does not prove it: {error}", shown(&path)),
        None => match last {
            Some((path, error)) => format!("{} does not prove it: {error}", shown(&path)),
            None => format!("{} holds no receipt of it", shown(receipts)),
        },
    };
    let text = match (manifest.require_rehearsal, policy.require_rehearsal) {
        (true, _) => format!("the release wants it to be rehearsed before it runs, and {why}"),
        (_, true) => format!("the trust root wants it to be rehearsed before it runs, and {why}"),
        // Whoever names a receipt wants it to count.
        _ => format!("the rehearsal that --rehearsal names does not count: {why}"),
    };
    Err(CliError::new(Kind::RehearsalMissing, text).hint(HINT))
}

/// Whether it says so itself, or can't be asked.
fn is_about(path: &Path, release: ReleaseId) -> bool {
    let Ok(statement) = rehearsal::claimed(path) else { return true };
    statement.subject.first().is_none_or(|subject| subject.digest.sha256 == release.digest())
}

/// That a run needs a rehearsal, for people.
pub fn needed(max_age_days: Option<NonZeroU32>) -> String {
    let age = max_age_days.map(|max| format!(", at most {} old", count(max.get(), "day"))).unwrap_or_default();
    format!("a run needs the receipt of a rehearsal{age}")
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
    let kind = match error {
        UnprovedError::Receipt(error) => super::receipt::exit(error).into(),
        _ => Kind::RehearsalMissing,
    };
    CliError::new(kind, format!("this rehearsal does not count: {error}")).about(path).hint(HINT)
}
