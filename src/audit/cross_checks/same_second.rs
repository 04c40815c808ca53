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

/// Sorts runs and rollbacks by start and end time. Those with equal times are ordered by their
/// transactions, or else so that each can follow the one before, if such an order exists.
fn ordered<'a>(mut line: Vec<ReceiptRecord<'a>>) -> Vec<ReceiptRecord<'a>> {
    let times = |record: &ReceiptRecord<'_>| (record.receipt.started, record.receipt.finished);
    line.sort_by_key(times);
    let mut in_effect = BTreeSet::new();
    let seconds = line.chunk_by(|one, other| times(one) == times(other));
    seconds
        .flat_map(|second| match numbered(second) {
            Some(numbered) => {
                replay(&numbered, &mut in_effect);
                numbered
            }
            None => fitted(second, &mut in_effect),
        })
        .collect()
}

/// The receipts by their transactions, if each has another one on one timeline: the server counts
/// upwards.
fn numbered<'a>(second: &[ReceiptRecord<'a>]) -> Option<Vec<ReceiptRecord<'a>>> {
    let mut by_number = BTreeMap::new();
    for record in second {
        let is_one_timeline = record.receipt.timeline == second[0].receipt.timeline;
        let number = record.receipt.transaction.filter(|_| is_one_timeline)?;
        if by_number.insert(number, *record).is_some() {
            return None;
        }
    }
    Some(by_number.into_values().collect())
}

/// Follows the releases in effect.
fn replay(records: &[ReceiptRecord<'_>], in_effect: &mut BTreeSet<Digest>) {
    let committed = records.iter();
    for record in committed.filter(|record| record.receipt.outcome == Outcome::Committed) {
        match record.receipt.action {
            Action::Run => in_effect.insert(record.release.id),
            Action::Rollback => in_effect.remove(&record.release.id),
        };
    }
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
