//! The tiers in their order, with what they took where somebody measured it.

use serde::Serialize;

use super::facts::ReleaseFacts;
use pgseal_verify::format::manifest::Transaction;
use pgseal_verify::format::receipt::TierRecord;
use pgseal_verify::format::timestamp::Timestamp;

/// A tier's turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Its name.
    pub name: String,
    /// What it does, in the words of the release.
    pub about: String,
    /// Whether its statements are committed one by one, outside of the release's transaction.
    pub alone: bool,
    /// What it took.
    pub took: Option<Took>,
}

/// What a tier took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Took {
    /// Where.
    pub measured: TookIn,
    /// When that ended.
    pub at: Timestamp,
    /// Milliseconds.
    pub milliseconds: u64,
    /// Statements sent.
    pub statements: u64,
    /// Rows that they reported.
    pub rows: u64,
}

/// Where a time was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TookIn {
    /// In the run that is in effect.
    Run,
    /// In the newest rehearsal, on a clone.
    Rehearsal,
}

/// The tiers. Times are of the run that is in effect, else of the newest rehearsal.
pub fn timeline(release: &ReleaseFacts) -> Vec<Turn> {
    let of_run = release.receipt_in_effect().map(|kept| (TookIn::Run, kept.document.finished, &kept.document.tiers));
    let of_rehearsal = || {
        let kept = release.newest_rehearsal()?;
        Some((TookIn::Rehearsal, kept.document.finished, &kept.document.tiers))
    };
    let measured = of_run.or_else(of_rehearsal);
    let took = |name: &str| {
        let (measured, at, tiers): (TookIn, Timestamp, &Vec<TierRecord>) = measured?;
        let tier = tiers.iter().find(|tier| tier.name == name)?;
        let (milliseconds, statements, rows) = (tier.milliseconds, tier.statements, tier.rows);
        Some(Took { measured, at, milliseconds, statements, rows })
    };
    let turn = |tier: &pgseal_verify::format::manifest::Tier| Turn {
        name: tier.name.to_string(),
        about: tier.about.clone(),
        alone: tier.transaction == Transaction::None,
        took: took(tier.name.as_str()),
    };
    release.manifest.tiers.iter().map(turn).collect()
}
