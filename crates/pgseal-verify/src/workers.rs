//! Work that a caller may distribute to threads; this crate starts none.

use std::sync::Mutex;

/// Threads lent by the caller.
pub trait Workers: Send + Sync {
    /// Calls `work` once with every index of `costs`, in any order, on any threads, and returns
    /// when all calls have returned. A cost is the number of bytes to be hashed for the index.
    fn each(&self, costs: &[u64], work: &(dyn Fn(usize) + Sync));
}

/// The calling thread alone.
pub struct Alone;

impl Workers for Alone {
    fn each(&self, costs: &[u64], work: &(dyn Fn(usize) + Sync)) {
        (0..costs.len()).for_each(work);
    }
}

/// Maps a list by `work`; the results have the order of the items.
pub fn map<T: Sync, R: Send>(
    workers: &dyn Workers,
    items: &[T],
    cost: impl Fn(&T) -> u64,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let costs: Vec<u64> = items.iter().map(cost).collect();
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    workers.each(&costs, &|at| {
        let result = work(&items[at]);
        *results[at]
            .lock()
            .expect("no call panics while it holds the lock") = Some(result);
    });
    let taken = results.into_iter().map(|slot| {
        slot.into_inner()
            .expect("no call panicked")
            .expect("every index")
    });
    taken.collect()
}
