//! The option that names a rehearsal's receipt, and hints for runs that lack one.

use std::num::NonZeroU32;
use std::path::PathBuf;

use super::error::REHEARSE_HINT;
use super::error::authentic::receipt_exit;
use super::{CliError, Kind};
use crate::record::rehearsal::UnprovedError;
use crate::release::rehearsal_proof::RehearsalProofError;
use pgseal_verify::plural::count;

/// Hint for an unreadable receipt, which may count against the release.
const UNREADABLE: &str = "a run that needs a rehearsal goes by all receipts in --receipts: find out what became of this one, or move it \
    away if it is of another release";

/// Hint for a release whose newest rehearsal failed.
const FAILED: &str = "mend the release, or its database, and rehearse again: `pgseal rehearse FILE --db ADMIN_URL --from DATABASE \
    --receipt-key KEY`; a newer rehearsal that holds counts";

#[derive(clap::Args, Debug)]
pub struct RehearsedArgs {
    /// The receipt of the rehearsal, where the release or the trust root wants one [default: one of those in --receipts]
    #[arg(long, value_name = "FILE")]
    pub rehearsal: Option<PathBuf>,
}

/// Text: a run needs a rehearsal.
pub fn needed(max_age_days: Option<NonZeroU32>) -> String {
    let age = max_age_days
        .map(|max| format!(", at most {} old", count(max.get(), "day")))
        .unwrap_or_default();
    format!("a run needs the receipt of a rehearsal{age}")
}

impl From<RehearsalProofError> for CliError {
    fn from(error: RehearsalProofError) -> Self {
        let text = error.to_string();
        match error {
            RehearsalProofError::Refused { path, source } => Self::new(kind(&source), text)
                .about(&path)
                .hint(REHEARSE_HINT),
            RehearsalProofError::Unreadable { path, source } => {
                Self::new(kind(&source), text).about(&path).hint(UNREADABLE)
            }
            RehearsalProofError::Failed { path, .. } => Self::new(Kind::RehearsalMissing, text)
                .about(&path)
                .hint(FAILED),
            RehearsalProofError::Missing { .. } => {
                Self::new(Kind::RehearsalMissing, text).hint(REHEARSE_HINT)
            }
            RehearsalProofError::Io { path, source } => Self::io(&path, &source),
        }
    }
}

fn kind(error: &UnprovedError) -> Kind {
    match error {
        UnprovedError::Receipt(error) => receipt_exit(error).into(),
        _ => Kind::RehearsalMissing,
    }
}
