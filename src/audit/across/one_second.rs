//! The order of what was done to a database. Receipts tell times by the second, so some of them don't say which was first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::archive::Told;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::{Action, Outcome};

/// Whether it is a run, its sequence, its release. In this order they are taken: a rollback leaves less in effect that could be
/// in the way of a run, and so does the lowest run.
type Key = (bool, u32, Digest);

/// Runs and rollbacks by their times; those that began and ended in one second so that each can follow what was before it, if
/// there is such an order.
pub fn ordered<'a>(mut line: Vec<Told<'a>>) -> Vec<Told<'a>> {
    let times = |told: &Told<'_>| (told.receipt.started, told.receipt.finished);
    line.sort_by_key(times);
    let mut in_effect = BTreeSet::new();
    let seconds = line.chunk_by(|one, other| times(one) == times(other));
    seconds.flat_map(|second| fitted(second, &mut in_effect)).collect()
}

fn fitted<'a>(second: &[Told<'a>], in_effect: &mut BTreeSet<Digest>) -> Vec<Told<'a>> {
    let (committed, mut all): (Vec<_>, Vec<_>) =
        second.iter().copied().partition(|told| told.receipt.outcome == Outcome::Committed);
    let mut left = BTreeMap::<Key, VecDeque<Told<'a>>>::new();
    for told in committed {
        let key = (told.receipt.action == Action::Run, told.release.sequence, told.release.id);
        left.entry(key).or_default().push_back(told);
    }
    let mut ready: BTreeSet<Key> = left.keys().copied().collect();
    while let Some(key) = ready.pop_first() {
        let (is_run, sequence, id) = key;
        let fits = is_run != in_effect.contains(&id);
        let Some(told) = left.get_mut(&key).filter(|_| fits).and_then(VecDeque::pop_front) else { continue };
        all.push(told);
        if is_run {
            in_effect.insert(id)
        } else {
            in_effect.remove(&id)
        };
        // Now the other may be done to it.
        ready.insert((!is_run, sequence, id));
    }
    // What fits nowhere is told by whoever walks there.
    all.extend(left.into_values().flatten());
    all
}
