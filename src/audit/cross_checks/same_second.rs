//! The order of runs and rollbacks on a database. Receipts have times in seconds, so the order
//! within one second must be inferred.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::archive::{Archive, ReceiptRecord};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::{Action, Outcome};

/// Whether it is a run, its sequence, its release. Candidates are taken in this order: rollbacks
/// and low sequences first, since they leave the fewest conflicts for later runs.
type Key = (bool, u32, Digest);

/// The signed receipts by a key, each group in the order of its runs and rollbacks.
pub fn histories<'a, K: Ord>(
    archive: &Archive<'a>,
    key: impl Fn(&ReceiptRecord<'a>) -> K,
) -> BTreeMap<K, Vec<ReceiptRecord<'a>>> {
    let mut groups = BTreeMap::<K, Vec<_>>::new();
    for record in archive.signed_receipts() {
        groups.entry(key(&record)).or_default().push(record);
    }
    let histories = groups.into_iter();
    histories
        .map(|(key, group)| (key, ordered(group)))
        .collect()
}

/// Sorts runs and rollbacks by start and end time. Those with equal times are ordered so that each
/// can follow the one before, if such an order exists.
fn ordered<'a>(mut line: Vec<ReceiptRecord<'a>>) -> Vec<ReceiptRecord<'a>> {
    let times = |record: &ReceiptRecord<'_>| (record.receipt.started, record.receipt.finished);
    line.sort_by_key(times);
    let mut in_effect = BTreeSet::new();
    let seconds = line.chunk_by(|one, other| times(one) == times(other));
    seconds
        .flat_map(|second| fitted(second, &mut in_effect))
        .collect()
}

fn fitted<'a>(
    second: &[ReceiptRecord<'a>],
    in_effect: &mut BTreeSet<Digest>,
) -> Vec<ReceiptRecord<'a>> {
    let (committed, mut all): (Vec<_>, Vec<_>) = second
        .iter()
        .copied()
        .partition(|record| record.receipt.outcome == Outcome::Committed);
    let mut left = BTreeMap::<Key, VecDeque<ReceiptRecord<'a>>>::new();
    for record in committed {
        let key = (
            record.receipt.action == Action::Run,
            record.release.sequence,
            record.release.id,
        );
        left.entry(key).or_default().push_back(record);
    }
    let mut ready: BTreeSet<Key> = left.keys().copied().collect();
    while let Some(key) = ready.pop_first() {
        let (is_run, sequence, id) = key;
        let fits = is_run != in_effect.contains(&id);
        let Some(record) = left
            .get_mut(&key)
            .filter(|_| fits)
            .and_then(VecDeque::pop_front)
        else {
            continue;
        };
        all.push(record);
        if is_run {
            in_effect.insert(id)
        } else {
            in_effect.remove(&id)
        };
        // The opposite action on this release is possible now.
        ready.insert((!is_run, sequence, id));
    }
    // The caller reports the rest, which fits nowhere.
    all.extend(left.into_values().flatten());
    all
}
