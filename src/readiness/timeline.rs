//! The tiers in their order, with measured durations.

use serde::Serialize;

use super::facts::{Kept, ReleaseFacts};
use pgseal_verify::format::manifest::{Tier, Transaction};
use pgseal_verify::format::timestamp::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    pub name: String,
    /// Description in the words of the release.
    pub about: String,
    /// True if its statements are committed one by one, outside of the release's transaction.
    pub alone: bool,
    pub took: Option<Took>,
}

/// Measured duration and size of a tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Took {
    pub measured: TookIn,
    /// End of the measured run or rehearsal.
    pub at: Timestamp,
    pub milliseconds: u64,
    pub statements: u64,
    /// Number of rows they reported.
    pub rows: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TookIn {
    /// The run in effect.
    Run,
    /// The newest rehearsal, on a clone.
    Rehearsal,
}

/// The timeline of a release. Durations are from the run in effect, otherwise from the newest
/// rehearsal.
pub fn timeline(release: &ReleaseFacts) -> Vec<Turn> {
    let measured = match (release.receipt_in_effect(), release.newest_rehearsal()) {
        (Some(run), _) => Some((TookIn::Run, run.document.finished, &run.document.tiers)),
        (None, Some(Kept { document, .. })) => {
            Some((TookIn::Rehearsal, document.finished, &document.tiers))
        }
        (None, None) => None,
    };
    let took = |name: &str| {
        let (measured, at, tiers) = measured?;
        let tier = tiers.iter().find(|tier| tier.name == name)?;
        Some(Took {
            measured,
            at,
            milliseconds: tier.milliseconds,
            statements: tier.statements,
            rows: tier.rows,
        })
    };
    let turn = |tier: &Tier| Turn {
        name: tier.name.to_string(),
        about: tier.about.clone(),
        alone: tier.transaction == Transaction::None,
        took: took(tier.name.as_str()),
    };
    release.manifest.tiers.iter().map(turn).collect()
}
