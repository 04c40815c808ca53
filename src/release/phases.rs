//! A run's phases: tiers that commit together, and between them tiers whose statements stand alone.

use pgseal_verify::format::manifest::{Manifest, Tier, Transaction};

/// A part of a run.
pub enum Phase<'b> {
    /// Tiers of one transaction, in order; none where a run begins or ends with a tier without one.
    Together(Vec<Numbered<'b>>),
    /// A tier without transaction: statement by statement.
    Alone(Numbered<'b>),
}

/// A tier and its number, from 1.
pub type Numbered<'b> = (usize, &'b Tier);

/// A run begins with a transaction, which asks the gates and makes its ledger row, and ends with one, which proves the state.
pub fn phases(manifest: &Manifest) -> Vec<Phase<'_>> {
    let mut phases = Vec::new();
    let mut together = Vec::new();
    for (at, tier) in manifest.tiers.iter().enumerate() {
        match tier.transaction {
            Transaction::Release => together.push((at + 1, tier)),
            Transaction::None => {
                let before: &[Numbered<'_>] = &together;
                if !before.is_empty() || phases.is_empty() {
                    phases.push(Phase::Together(std::mem::take(&mut together)));
                }
                phases.push(Phase::Alone((at + 1, tier)));
            }
        }
    }
    phases.push(Phase::Together(together));
    phases
}
