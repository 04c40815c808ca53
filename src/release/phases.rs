//! A run's phases: tiers that commit together, and between them tiers whose statements commit
//! alone.

use pgseal_verify::format::manifest::{Manifest, Tier, Transaction};

/// A part of a run.
#[derive(Clone)]
pub enum Phase<T> {
    /// Tiers of one transaction, in order; empty if the run begins or ends with a non-transactional
    /// tier.
    Transactional(Vec<T>),
    /// A non-transactional tier: its statements commit one by one.
    NonTransactional(T),
}

impl<T> Phase<T> {
    pub fn tiers(&self) -> &[T] {
        match self {
            Self::Transactional(tiers) => tiers,
            Self::NonTransactional(tier) => std::slice::from_ref(tier),
        }
    }
}

/// A tier and its number, from 1.
pub type NumberedTier<'b> = (usize, &'b Tier);

/// Splits the tiers into phases.
///
/// The first phase is a transaction, which queries the gates and creates the ledger row. The last
/// is a transaction, which proves the state.
pub fn phases(manifest: &Manifest) -> Vec<Phase<NumberedTier<'_>>> {
    let (mut phases, mut together) = (Vec::new(), Vec::new());
    for (number, tier) in (1..).zip(&manifest.tiers) {
        if tier.transaction == Transaction::Release {
            together.push((number, tier));
            continue;
        }
        if !together.is_empty() || phases.is_empty() {
            phases.push(Phase::Transactional(std::mem::take(&mut together)));
        }
        phases.push(Phase::NonTransactional((number, tier)));
    }
    phases.push(Phase::Transactional(together));
    phases
}
