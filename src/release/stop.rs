//! How a run is stopped from outside: the first request cancels the statement and rolls back, the second ends the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::failure::Failure;
use crate::database::{Cancel, DatabaseError, ServerError};

/// The server's code for a statement that was cancelled, by whomever.
pub const CANCELLED: &str = "57014";

const INTERRUPTED: &str = "it was interrupted";

/// Known to the run and to whoever may stop it; clones are the same.
#[derive(Clone, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    requested: Condvar,
}

#[derive(Default)]
struct Inner {
    phase: Phase,
    requests: u32,
    /// Something was committed before what is going on now.
    committed: bool,
    /// The run knows, and sends nothing more that would have to be cancelled.
    noticed: bool,
    /// What was left by what was cancelled is looked for, and cleared away.
    clearing: bool,
    cancellers: BTreeMap<u64, Arc<dyn Cancel>>,
    next: u64,
}

/// How far the run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing would remain of what is going on now, and nothing is committed.
    #[default]
    BeforeCommit,
    /// Nothing would remain of what is going on now, but something before it is committed.
    Partial,
    /// COMMIT may have been sent.
    Committing,
    /// It is over.
    Ended,
}

/// What a request to stop led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopping {
    /// [`Stop::cancel`] has to be called now, and again; the run will roll back by itself.
    Cancel,
    /// COMMIT is on its way: its answer is awaited.
    Committing,
    /// It is over, and how it ended is being written down.
    Ended,
    /// The second request: the process may end now.
    Quit(Phase),
}

impl Stop {
    /// Somebody wants the run to stop. Waits for nobody.
    pub fn request(&self) -> Stopping {
        let mut inner = self.lock();
        inner.requests += 1;
        let (phase, requests) = (inner.phase, inner.requests);
        drop(inner);
        self.0.requested.notify_all();
        match phase {
            Phase::Ended => Stopping::Ended,
            phase if requests > 1 => Stopping::Quit(phase),
            Phase::Committing => Stopping::Committing,
            Phase::BeforeCommit | Phase::Partial => Stopping::Cancel,
        }
    }

    /// Cancels what runs now, once a stop was requested. Takes as long as the server takes to hear of it, so whoever hears
    /// signals must not call it. To be repeated while it says true: a statement may have been on its way to the server when
    /// the cancelling overtook it.
    pub fn cancel(&self) -> bool {
        let inner = self.lock();
        let open = matches!(inner.phase, Phase::BeforeCommit | Phase::Partial);
        if inner.requests == 0 || inner.noticed || !open {
            return false;
        }
        let cancellers: Vec<_> = inner.cancellers.values().map(Arc::clone).collect();
        // The run needs the lock to go on while the server is asked.
        drop(inner);
        for canceller in cancellers {
            // If the server can't be reached, the run sees it too.
            let _ = canceller.cancel();
        }
        true
    }

    /// Whether somebody wanted it to stop.
    pub fn is_requested(&self) -> bool {
        self.lock().requests > 0
    }

    /// Fails when somebody wants the run to stop: asked between statements.
    pub fn check(&self) -> Result<(), Failure> {
        let mut inner = self.lock();
        if inner.requests == 0 {
            return Ok(());
        }
        inner.noticed = true;
        Err(Failure::plain(INTERRUPTED))
    }

    /// As [`Self::check`], before something is sent. From COMMIT on what has to be asked is asked.
    pub(super) fn refuse(&self) -> Result<(), DatabaseError> {
        let inner = self.lock();
        if inner.clearing || matches!(inner.phase, Phase::Committing | Phase::Ended) {
            return Ok(());
        }
        drop(inner);
        self.check().map_err(|_| interrupted())
    }

    /// An error of the server with its true reason: it does not say who had the statement cancelled.
    pub(super) fn explain(&self, error: ServerError) -> ServerError {
        if error.code != CANCELLED || self.check().is_ok() {
            return error;
        }
        let ServerError { code, position, .. } = error;
        ServerError { code, message: INTERRUPTED.to_owned(), position, ..ServerError::default() }
    }

    /// Sleeps, unless somebody wants the run to stop meanwhile.
    pub fn pause(&self, time: Duration) -> Result<(), Failure> {
        let inner = self.lock();
        let slept = self.0.requested.wait_timeout_while(inner, time, |inner| inner.requests == 0);
        drop(slept.unwrap_or_else(PoisonError::into_inner));
        self.check()
    }

    /// A session whose statements can be cancelled, until the guard is dropped.
    #[must_use]
    pub fn watch(&self, canceller: Box<dyn Cancel>) -> Cancellable {
        let mut inner = self.lock();
        inner.next += 1;
        let number = inner.next;
        inner.cancellers.insert(number, Arc::from(canceller));
        Cancellable { stop: self.clone(), number }
    }

    /// What stands outside of a transaction is not rolled back: the run asks what is left of it, and clears that away,
    /// although it is to stop. A second request still ends the process.
    pub(super) fn clear_away(&self) {
        let mut inner = self.lock();
        (inner.noticed, inner.clearing) = (true, true);
    }

    /// Whether [`Self::clear_away`] was called.
    pub(super) fn is_clearing(&self) -> bool {
        self.lock().clearing
    }

    /// COMMIT is about to be sent; fails when the run was to stop before it.
    pub fn committing(&self) -> Result<(), Failure> {
        let mut inner = self.lock();
        if inner.requests > 0 {
            inner.noticed = true;
            return Err(Failure::plain(INTERRUPTED));
        }
        inner.phase = Phase::Committing;
        Ok(())
    }

    /// What was committing is committed; what follows may be stopped again, and would leave the run half done.
    pub fn between(&self) {
        let mut inner = self.lock();
        (inner.phase, inner.committed) = (Phase::Partial, true);
    }

    /// COMMIT was refused: nothing remains of what was to be committed.
    pub fn refused(&self) {
        let mut inner = self.lock();
        inner.phase = if inner.committed { Phase::Partial } else { Phase::BeforeCommit };
    }

    /// What was stopped or ended is over, and something else begins that may be stopped. A request stays.
    pub(super) fn anew(&self) {
        let mut inner = self.lock();
        (inner.phase, inner.committed, inner.clearing) = (Phase::BeforeCommit, false, false);
    }

    /// Nothing is left to stop.
    pub fn ended(&self) {
        self.lock().phase = Phase::Ended;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that can be cancelled as long as this lives.
pub struct Cancellable {
    stop: Stop,
    number: u64,
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        self.stop.lock().cancellers.remove(&self.number);
    }
}

/// As the server would say it, so that it is told like every other refusal.
fn interrupted() -> DatabaseError {
    let (code, message) = (CANCELLED.to_owned(), INTERRUPTED.to_owned());
    DatabaseError::Server(Box::new(ServerError { code, message, ..ServerError::default() }))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use super::*;

    struct Counted(Arc<AtomicU32>);

    impl Cancel for Counted {
        fn cancel(&self) -> Result<(), DatabaseError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    #[test]
    fn before_commit() {
        let (stop, count) = (Stop::default(), Arc::new(AtomicU32::new(0)));
        let session = stop.watch(Box::new(Counted(Arc::clone(&count))));
        assert!(!stop.cancel(), "nobody asked for it");
        assert_eq!(stop.request(), Stopping::Cancel);
        assert!(stop.cancel());
        // The run has not noticed yet: the statement may have come after the cancelling.
        assert!(stop.cancel());
        assert_eq!(count.load(Ordering::SeqCst), 2);
        assert!(stop.committing().is_err(), "nothing is committed any more");
        assert!(!stop.cancel());
        drop(session);
        assert_eq!(stop.request(), Stopping::Quit(Phase::BeforeCommit));
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn from_commit_on() {
        let stop = Stop::default();
        stop.committing().unwrap();
        assert_eq!(stop.request(), Stopping::Committing);
        assert!(stop.refuse().is_ok(), "what came of it has to be asked");
        assert!(!stop.cancel());
        assert_eq!(stop.request(), Stopping::Quit(Phase::Committing));
        stop.between();
        assert!(stop.refuse().is_err());
        assert_eq!(stop.request(), Stopping::Quit(Phase::Partial));
        stop.ended();
        assert_eq!(stop.request(), Stopping::Ended);
    }

    #[test]
    fn a_refused_commit_is_nothing() {
        let stop = Stop::default();
        stop.committing().unwrap();
        stop.refused();
        assert_eq!(stop.lock().phase, Phase::BeforeCommit);
        stop.committing().unwrap();
        stop.between();
        stop.committing().unwrap();
        stop.refused();
        assert_eq!(stop.lock().phase, Phase::Partial);
    }

    #[test]
    fn pauses_end_at_once() {
        let stop = Stop::default();
        assert!(stop.pause(Duration::from_millis(1)).is_ok());
        let other = stop.clone();
        let begun = Instant::now();
        let thread = std::thread::spawn(move || other.pause(Duration::from_secs(600)));
        stop.request();
        assert!(thread.join().unwrap().is_err());
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn only_a_requested_end_is_an_interruption() {
        let stop = Stop::default();
        let cancelled =
            ServerError { code: CANCELLED.to_owned(), message: "timeout".to_owned(), ..ServerError::default() };
        assert_eq!(stop.explain(cancelled.clone()).message, "timeout");
        stop.request();
        assert_eq!(stop.explain(cancelled).message, INTERRUPTED);
        let other = ServerError { code: "42601".to_owned(), message: "syntax".to_owned(), ..ServerError::default() };
        assert_eq!(stop.explain(other).message, "syntax");
    }
}
