//! Work on a list in its order, a few items at a time.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Calls `work` for each item, `parallel` at a time, each after `may_begin` said yes; after the first
/// no, no further item begins. Returns when all that began have ended.
pub fn each<T: Sync>(
    items: &[T],
    parallel: NonZeroUsize,
    may_begin: &(dyn Fn() -> bool + Sync),
    work: &(dyn Fn(&T) + Sync),
) {
    let next = AtomicUsize::new(0);
    let take_turns = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::SeqCst))
            && may_begin()
        {
            work(item);
        }
    };
    thread::scope(|scope| {
        for _ in 1..parallel.get().min(items.len()) {
            scope.spawn(take_turns);
        }
        take_turns();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn no_item_begins_after_a_no_and_no_more_than_allowed_at_a_time() {
        let items: Vec<usize> = (0..100).collect();
        let (done, now, most) = (
            Mutex::new(Vec::new()),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        let may_begin = || done.lock().expect("no panic").len() < 50;
        let parallel = NonZeroUsize::new(4).expect("not zero");
        each(&items, parallel, &may_begin, &|item| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
            done.lock().expect("no panic").push(*item);
        });
        let mut done = done.into_inner().expect("no panic");
        done.sort_unstable();
        assert!((50..54).contains(&done.len()), "{done:?}");
        assert_eq!(done, items[..done.len()]);
        assert!(most.into_inner() <= 4);
    }
}
