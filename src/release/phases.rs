//! A run's phases: tiers that commit together, and between them tiers whose statements commit
//! alone.

use pgseal_verify::format::manifest::{Manifest, Tier, Transaction};

/// A part of a run.
pub enum Phase<'b> {
    /// Tiers of one transaction, in order; empty if the run begins or ends with a non-transactional
    /// tier.
    Transactional(Vec<Numbered<'b>>),
    /// A non-transactional tier: its statements commit one by one.
    NonTransactional(Numbered<'b>),
}

/// A tier and its number, from 1.
pub type Numbered<'b> = (usize, &'b Tier);

/// Splits the tiers into phases.
///
/// The first phase is a transaction, which queries the gates and creates the ledger row. The last
/// is a transaction, which proves the state.
pub fn phases(manifest: &Manifest) -> Vec<Phase<'_>> {
    let mut phases = Vec::new();
    let mut together = Vec::new();
    for (at, tier) in manifest.tiers.iter().enumerate() {
        match tier.transaction {
            Transaction::Release => together.push((at + 1, tier)),
            Transaction::None => {
                let before: &[Numbered<'_>] = &together;
                if !before.is_empty() || phases.is_empty() {
                    phases.push(Phase::Transactional(std::mem::take(&mut together)));
                }
                phases.push(Phase::NonTransactional((at + 1, tier)));
            }
        }
    }
    phases.push(Phase::Transactional(together));
    phases
}
