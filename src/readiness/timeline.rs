//! The tiers in their order, with measured durations.

use serde::Serialize;

use super::facts::ReleaseFacts;
use pgseal_verify::format::manifest::Transaction;
use pgseal_verify::format::receipt::TierRecord;
use pgseal_verify::format::timestamp::Timestamp;

/// A tier in the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Name of the tier.
    pub name: String,
    /// Description in the words of the release.
    pub about: String,
    /// True if its statements are committed one by one, outside of the release's transaction.
    pub alone: bool,
    /// The measurement, if there is one.
    pub took: Option<Took>,
}

/// Measured duration and size of a tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Took {
    /// Source of the measurement.
    pub measured: TookIn,
    /// End of the measured run or rehearsal.
    pub at: Timestamp,
    pub milliseconds: u64,
    /// Number of statements sent.
    pub statements: u64,
    /// Number of rows they reported.
    pub rows: u64,
}

/// Source of a measurement.
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
    let of_run = release
        .receipt_in_effect()
        .map(|kept| (TookIn::Run, kept.document.finished, &kept.document.tiers));
    let of_rehearsal = || {
        let kept = release.newest_rehearsal()?;
        Some((
            TookIn::Rehearsal,
            kept.document.finished,
            &kept.document.tiers,
        ))
    };
    let measured = of_run.or_else(of_rehearsal);
    let took = |name: &str| {
        let (measured, at, tiers): (TookIn, Timestamp, &Vec<TierRecord>) = measured?;
        let tier = tiers.iter().find(|tier| tier.name == name)?;
        let (milliseconds, statements, rows) = (tier.milliseconds, tier.statements, tier.rows);
        Some(Took {
            measured,
            at,
            milliseconds,
            statements,
            rows,
        })
    };
    let turn = |tier: &pgseal_verify::format::manifest::Tier| Turn {
        name: tier.name.to_string(),
        about: tier.about.clone(),
        alone: tier.transaction == Transaction::None,
        took: took(tier.name.as_str()),
    };
    release.manifest.tiers.iter().map(turn).collect()
}
