//! Work on every core: a list is shared out to scoped threads, and its results come back in the list's order.
//!
//! The program as a whole keeps count of the threads that help, so that work inside of work (a bundle's members inside of
//! an audit of many bundles) takes the cores that are free, and not the square of them.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder};

/// Whoever works on bytes has buffers, and their sum must stay small on any host.
const MOST_THREADS: usize = 64;

/// Work that pays for starting a thread, in bytes to be hashed: half a millisecond with SHA instructions, three without,
/// where a thread costs some thirty microseconds.
const WORTH_A_THREAD: u64 = 512 << 10;

/// How many threads work at the same time at most.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_THREADS)
}

/// Does `work` on every item, and gives the results in the order of the items. `cost` says how long an item takes, in
/// bytes to be hashed: the longest begin first, so that nobody waits long for the last one, and little work is done by
/// the calling thread alone.
pub fn map<T: Sync, R: Send>(items: &[T], cost: impl Fn(&T) -> u64, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let costs: Vec<u64> = items.iter().map(cost).collect();
    let total = costs.iter().fold(0_u64, |total, cost| total.saturating_add(*cost));
    let worth = usize::try_from(total / WORTH_A_THREAD).unwrap_or(usize::MAX);
    share(items, &costs, Helper::up_to(worth.min(items.len().saturating_sub(1))), work)
}

fn share<T: Sync, R: Send>(items: &[T], costs: &[u64], helpers: Vec<Helper>, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if helpers.is_empty() {
        return items.iter().map(work).collect();
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(costs[*at]));
    let next = AtomicUsize::new(0);
    let one_after_the_other = || {
        let mut done = Vec::new();
        while let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((*at, work(&items[*at])));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let start = |helper: Helper| {
            let help = || {
                let _helper = helper;
                one_after_the_other()
            };
            // A host that gives no more threads gets the same work done by fewer.
            Builder::new().spawn_scoped(scope, help).ok()
        };
        let threads: Vec<_> = helpers.into_iter().filter_map(start).collect();
        let mut done = one_after_the_other();
        for thread in threads {
            done.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Does `work` on what `items` gives, and gives the results to `take` in the same order, on the calling thread. No item
/// is begun before all but the last few results are taken, so memory stays bounded however many there are. Ends with the
/// first error of `take`.
pub fn in_order<T: Send, R: Send, E>(
    items: impl Iterator<Item = T> + Send,
    work: impl Fn(T) -> R + Sync,
    take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let helpers = Helper::up_to(cores() - 1);
    ordered(items, helpers, work, take)
}

/// Results that may wait for an earlier one, for each thread.
const AHEAD: usize = 4;

fn ordered<T: Send, R: Send, E>(
    mut items: impl Iterator<Item = T> + Send,
    helpers: Vec<Helper>,
    work: impl Fn(T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    if helpers.is_empty() {
        return items.try_for_each(|item| take(work(item)));
    }
    let window = AHEAD * (helpers.len() + 1);
    let line = Line { state: Mutex::new(State { items, begun: 0, taken: 0, over: false }), moved: Condvar::new() };
    let (sender, results) = mpsc::channel();
    thread::scope(|scope| {
        // Whichever way this is left, by a panic too, nobody waits in the line any more.
        let _over = Over(&line);
        let work_on = |helper: Option<Helper>, sender: mpsc::Sender<(usize, R)>| {
            let (line, work) = (&line, &work);
            let one_after_the_other = move || {
                let (_helper, _over) = (helper, OverIfPanicking(line));
                while let Some((at, item)) = line.next(window) {
                    if sender.send((at, work(item))).is_err() {
                        break;
                    }
                }
            };
            Builder::new().spawn_scoped(scope, one_after_the_other)
        };
        // The calling thread only takes; another one works in its place.
        let all = helpers.into_iter().map(Some).chain([None]);
        let started = all.filter_map(|helper| work_on(helper, sender.clone()).ok()).count();
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut wanted = 0;
        for (at, result) in &results {
            waiting.insert(at, result);
            while let Some(result) = waiting.remove(&wanted) {
                take(result)?;
                wanted += 1;
                line.taken(wanted);
            }
        }
        if started > 0 {
            return Ok(());
        }
        while let Some((_, item)) = line.next(usize::MAX) {
            take(work(item))?;
        }
        Ok(())
    })
}

/// Where threads get their items.
struct Line<I> {
    state: Mutex<State<I>>,
    moved: Condvar,
}

struct State<I> {
    items: I,
    begun: usize,
    taken: usize,
    over: bool,
}

impl<I: Iterator> Line<I> {
    fn next(&self, window: usize) -> Option<(usize, I::Item)> {
        let full = |state: &mut State<I>| !state.over && state.begun - state.taken >= window;
        let mut state = self.moved.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if state.over {
            return None;
        }
        let item = state.items.next();
        let at = state.begun;
        match item {
            Some(item) => {
                state.begun += 1;
                Some((at, item))
            }
            None => {
                state.over = true;
                None
            }
        }
    }
}

impl<I> Line<I> {
    fn lock(&self) -> MutexGuard<'_, State<I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken(&self, count: usize) {
        self.lock().taken = count;
        self.moved.notify_all();
    }

    fn end(&self) {
        self.lock().over = true;
        self.moved.notify_all();
    }
}

struct Over<'l, I>(&'l Line<I>);

impl<I> Drop for Over<'_, I> {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct OverIfPanicking<'l, I>(&'l Line<I>);

impl<I> Drop for OverIfPanicking<'_, I> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end();
        }
    }
}

/// Threads that help somebody now.
static HELPING: AtomicUsize = AtomicUsize::new(0);

/// The right to one thread more than those that asked for help.
struct Helper;

impl Helper {
    /// As many as are wanted and free.
    fn up_to(wanted: usize) -> Vec<Self> {
        let most = cores() - 1;
        let claim = |helping: usize| Some(helping + wanted.min(most.saturating_sub(helping)));
        let before = HELPING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim).unwrap_or(most);
        (0..wanted.min(most.saturating_sub(before))).map(|_| Self).collect()
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
        let results = share(&items, &items, helpers(3), |item| {
            // Four threads have the four longest; none goes on before the others have come.
            if *item >= 96 {
                assert_eq!(others.load(Ordering::SeqCst), 0);
                all.wait();
            } else {
                others.fetch_add(1, Ordering::SeqCst);
            }
            item * 2
        });
        assert_eq!(results, (0..100).map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(map(&items, |_| 1 << 40, |item| item + 1), (1..=100).collect::<Vec<_>>());
        assert!(map(&[0_u8; 0], |_| 1, |item| *item).is_empty());
    }

    #[test]
    fn threads_work_at_the_same_time_and_little_work_starts_none() {
        let all = Barrier::new(4);
        // Nobody passes the barrier before four threads are there.
        share(&[(); 4], &[1; 4], helpers(3), |()| all.wait());
        let main = thread::current().id();
        let seen = map(&[(); 8], |()| WORTH_A_THREAD / 9, |()| thread::current().id());
        assert_eq!(seen.into_iter().collect::<HashSet<_>>(), HashSet::from([main]));
    }

    #[test]
    fn a_panic_is_passed_on() {
        let work = |item: &u32| assert_ne!(*item, 7);
        let items: Vec<u32> = (0..20).collect();
        let panics = catch_unwind(AssertUnwindSafe(|| share(&items, &[1; 20], helpers(2), work)));
        assert!(panics.is_err());
        let stream = || ordered(0..1000, helpers(2), |item| assert_ne!(item, 7), |()| Ok::<_, ()>(()));
        assert!(catch_unwind(AssertUnwindSafe(stream)).is_err());
        let taker = || ordered(0..1000, helpers(2), |item| item, |item| -> Result<(), ()> { panic!("{item}") });
        assert!(catch_unwind(AssertUnwindSafe(taker)).is_err());
    }

    #[test]
    fn a_stream_is_in_order_and_never_far_ahead() {
        let (begun, mut taken) = (AtomicUsize::new(0), 0);
        let mut results = Vec::new();
        let work = |item: usize| {
            begun.fetch_add(1, Ordering::SeqCst);
            // The first of each hundred is late.
            (0..if item.is_multiple_of(100) { 2000 } else { 1 }).for_each(|_| thread::yield_now());
            item * 3
        };
        let all = ordered(0..1000, helpers(3), work, |result| {
            assert!(begun.load(Ordering::SeqCst) <= taken + AHEAD * 4, "{} at {taken}", begun.load(Ordering::SeqCst));
            results.push(result);
            taken += 1;
            Ok::<_, ()>(())
        });
        assert_eq!(all, Ok(()));
        assert_eq!(results, (0..1000).map(|item| item * 3).collect::<Vec<_>>());
    }

    #[test]
    fn a_stream_ends_with_the_first_error() {
        let stop_at = |limit: usize| move |item: usize| if item == limit { Err(item) } else { Ok(()) };
        assert_eq!(ordered(0.., helpers(2), |item| item, stop_at(50)), Err(50));
        assert_eq!(ordered(0.., Vec::new(), |item| item, stop_at(50)), Err(50));
        assert_eq!(in_order(0..10, |item| item, stop_at(50)), Ok(()));
    }

    #[test]
    fn helpers_are_given_back() {
        let mine = helpers(cores() + 5);
        assert!(Helper::up_to(1000).is_empty(), "all are taken");
        drop(mine);
    }
}
