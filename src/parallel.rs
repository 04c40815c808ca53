//! Work on every core: a list is shared out to scoped threads, and its results come back in the list's order.
//!
//! The program as a whole keeps count of the threads that help, so that work inside of work takes the cores that are free,
//! and not the square of them.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder};

use pgseal_verify::workers::{self, Workers};

/// Every worker has buffers, and their sum must stay small on any host.
const MOST_THREADS: usize = 64;

/// Work that pays for starting a thread, in bytes to be hashed: an eighth of a millisecond with SHA instructions, half a one
/// without, where a thread costs some thirty microseconds.
const WORTH_A_THREAD: u64 = 128 << 10;

/// How many threads work at the same time at most.
pub fn cores() -> usize {
    thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(MOST_THREADS)
}

/// Maps a list by `work` on every core; the results have the order of the items. `cost` is the number of bytes to be
/// hashed for an item: the longest begin first, and little work is done by the calling thread alone.
pub fn map<T: Sync, R: Send>(
    items: &[T],
    cost: impl Fn(&T) -> u64,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    workers::map(&Cores, items, cost, work)
}

/// Every core of the host, for [`workers::map`].
pub struct Cores;

impl Workers for Cores {
    fn each(&self, costs: &[u64], work: &(dyn Fn(usize) + Sync)) {
        let total = costs
            .iter()
            .fold(0_u64, |total, cost| total.saturating_add(*cost));
        let worth = usize::try_from(total / WORTH_A_THREAD).unwrap_or(usize::MAX);
        share(
            costs,
            Helper::up_to(worth.min(costs.len().saturating_sub(1))),
            work,
        );
    }
}

fn share(costs: &[u64], helpers: Vec<Helper>, work: &(dyn Fn(usize) + Sync)) {
    if helpers.is_empty() {
        return (0..costs.len()).for_each(work);
    }
    let mut order: Vec<usize> = (0..costs.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(costs[*at]));
    let next = AtomicUsize::new(0);
    let take_turns = || {
        while let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(*at);
        }
    };
    thread::scope(|scope| {
        let start = |helper: Helper| {
            let help = || {
                let _helper = helper;
                take_turns();
            };
            // A host that gives no more threads gets the same work done by fewer.
            Builder::new().spawn_scoped(scope, help).ok()
        };
        let threads: Vec<_> = helpers.into_iter().filter_map(start).collect();
        take_turns();
        for thread in threads {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}

/// Threads in use by all callers.
static HELPING: AtomicUsize = AtomicUsize::new(0);

/// The right to one thread more than those that asked for help.
struct Helper;

impl Helper {
    /// As many as are wanted and free.
    fn up_to(wanted: usize) -> Vec<Self> {
        let most = cores() - 1;
        let claim = |helping: usize| Some(helping + wanted.min(most.saturating_sub(helping)));
        let before = HELPING
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim)
            .unwrap_or(most);
        (0..wanted.min(most.saturating_sub(before)))
            .map(|_| Self)
            .collect()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        HELPING.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;

    use super::*;

    /// Beside the count, which other tests change.
    fn helpers(count: usize) -> Vec<Helper> {
        HELPING.fetch_add(count, Ordering::Relaxed);
        (0..count).map(|_| Helper).collect()
    }

    #[test]
    fn results_are_in_order_and_the_longest_begin_first() {
        let items: Vec<u64> = (0..100).collect();
        let (all, others) = (Barrier::new(4), AtomicUsize::new(0));
        share(&items, helpers(3), &|at| {
            // Four threads have the four longest; none goes on before the others have come.
            if at >= 96 {
                assert_eq!(others.load(Ordering::SeqCst), 0);
                all.wait();
            } else {
                others.fetch_add(1, Ordering::SeqCst);
            }
        });
        assert_eq!(
            map(&items, |_| 1 << 40, |item| item + 1),
            (1..=100).collect::<Vec<_>>()
        );
        assert!(map(&[0_u8; 0], |_| 1, |item| *item).is_empty());
    }

    #[test]
    fn threads_work_at_the_same_time_and_little_work_starts_none() {
        let all = Barrier::new(4);
        // No thread passes the barrier before four have arrived.
        share(&[1; 4], helpers(3), &|_| {
            all.wait();
        });
        let main = thread::current().id();
        let seen = map(
            &[(); 8],
            |()| WORTH_A_THREAD / 9,
            |()| thread::current().id(),
        );
        assert_eq!(
            seen.into_iter().collect::<HashSet<_>>(),
            HashSet::from([main])
        );
    }

    #[test]
    fn a_panic_is_passed_on() {
        let panics = catch_unwind(AssertUnwindSafe(|| {
            share(&[1; 20], helpers(2), &|at| assert_ne!(at, 7))
        }));
        assert!(panics.is_err());
    }

    #[test]
    fn helpers_are_given_back() {
        let mine = helpers(cores() + 5);
        assert!(Helper::up_to(1000).is_empty(), "all are taken");
        drop(mine);
    }
}
