//! Cancellation of a run: the first request cancels the statement and rolls back, the second ends
//! the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::failure::Failure;
use crate::database::{Cancel, DatabaseError, ServerError};

/// SQLSTATE of a cancelled statement, whatever cancelled it.
pub const CANCELLED: &str = "57014";

const INTERRUPTED: &str = "it was interrupted";

/// Cancellation token, shared by the run and its callers; clones share state.
#[derive(Clone, Default)]
pub struct CancellationToken(Arc<Shared>);

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    requested: Condvar,
}

#[derive(Default)]
struct Inner {
    phase: CommitPhase,
    requests: u32,
    /// Part of the run was committed before the current work.
    committed: bool,
    /// The run has noticed the request, and sends nothing more that needs cancelling.
    noticed: bool,
    /// The run clears up leftovers of a cancelled statement.
    clearing: bool,
    cancellers: BTreeMap<u64, Arc<dyn Cancel>>,
    next: u64,
}

/// The run's position relative to COMMIT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommitPhase {
    /// The current work can be rolled back, and nothing is committed.
    #[default]
    BeforeCommit,
    /// The current work can be rolled back, but earlier work is committed.
    Partial,
    /// COMMIT may have been sent.
    Committing,
    /// The run is over.
    Ended,
}

/// The response to a request to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopping {
    /// The caller must call [`CancellationToken::cancel`] now, and repeat it; the run rolls back by itself.
    Cancel,
    /// COMMIT was sent: its answer is awaited.
    Committing,
    /// The run is over, and its outcome is being recorded.
    Ended,
    /// The second request: the process may end now.
    Quit(CommitPhase),
}

impl Inner {
    /// Fails if a stop was requested, and notes that the run knows.
    fn check(&mut self) -> Result<(), Failure> {
        if self.requests == 0 {
            return Ok(());
        }
        self.noticed = true;
        Err(Failure::plain(INTERRUPTED))
    }
}

impl CancellationToken {
    /// Requests the run to stop. Returns without waiting.
    pub fn request(&self) -> Stopping {
        let mut inner = self.lock();
        inner.requests += 1;
        let (phase, requests) = (inner.phase, inner.requests);
        drop(inner);
        self.0.requested.notify_all();
        match phase {
            CommitPhase::Ended => Stopping::Ended,
            phase if requests > 1 => Stopping::Quit(phase),
            CommitPhase::Committing => Stopping::Committing,
            CommitPhase::BeforeCommit | CommitPhase::Partial => Stopping::Cancel,
        }
    }

    /// Cancels the current statement, if a stop was requested.
    ///
    /// It blocks until the server has received the cancellation, so a signal handler must not call
    /// it. Repeat it while it returns true: the cancellation may have overtaken a statement on its
    /// way to the server.
    pub fn cancel(&self) -> bool {
        let inner = self.lock();
        let open = matches!(
            inner.phase,
            CommitPhase::BeforeCommit | CommitPhase::Partial
        );
        if inner.requests == 0 || inner.noticed || !open {
            return false;
        }
        let cancellers: Vec<_> = inner.cancellers.values().map(Arc::clone).collect();
        // The run needs the lock to continue while the server is contacted.
        drop(inner);
        for canceller in cancellers {
            // If the server cannot be reached, the run notices it too.
            let _ = canceller.cancel();
        }
        true
    }

    /// Whether a stop was requested.
    pub fn is_requested(&self) -> bool {
        self.lock().requests > 0
    }

    /// Fails if a stop was requested: called between statements.
    pub fn check(&self) -> Result<(), Failure> {
        self.lock().check()
    }

    /// Like [`Self::check`], before something is sent. From COMMIT on, queries about its outcome
    /// are allowed.
    pub(super) fn refuse(&self) -> Result<(), DatabaseError> {
        let inner = self.lock();
        if inner.clearing || matches!(inner.phase, CommitPhase::Committing | CommitPhase::Ended) {
            return Ok(());
        }
        drop(inner);
        self.check().map_err(|_| interrupted())
    }

    /// Replaces the server's error for a cancelled statement by the interruption, if a stop was
    /// requested. The server does not report who cancelled it.
    pub(super) fn explain(&self, error: ServerError) -> ServerError {
        if error.code != CANCELLED || self.check().is_ok() {
            return error;
        }
        let ServerError { code, position, .. } = error;
        ServerError {
            code,
            message: INTERRUPTED.to_owned(),
            position,
            ..ServerError::default()
        }
    }

    /// Sleeps; fails early if a stop is requested.
    pub fn pause(&self, time: Duration) -> Result<(), Failure> {
        let inner = self.lock();
        let slept = self
            .0
            .requested
            .wait_timeout_while(inner, time, |inner| inner.requests == 0);
        drop(slept.unwrap_or_else(PoisonError::into_inner));
        self.check()
    }

    /// Registers a session for cancellation of its statements, until the guard is dropped.
    #[must_use]
    pub fn watch(&self, canceller: Box<dyn Cancel>) -> Cancellable {
        let mut inner = self.lock();
        inner.next += 1;
        let number = inner.next;
        inner.cancellers.insert(number, Arc::from(canceller));
        Cancellable {
            stop: self.clone(),
            number,
        }
    }

    /// Allows a stopped run to query and clear up leftovers of a statement outside of a
    /// transaction, which is not rolled back. A second request still ends the process.
    pub(super) fn clear_away(&self) {
        let mut inner = self.lock();
        (inner.noticed, inner.clearing) = (true, true);
    }

    /// Whether [`Self::clear_away`] was called.
    pub(super) fn is_clearing(&self) -> bool {
        self.lock().clearing
    }

    /// Announces COMMIT; fails if a stop was requested before.
    pub fn committing(&self) -> Result<(), Failure> {
        let mut inner = self.lock();
        inner.check()?;
        inner.phase = CommitPhase::Committing;
        Ok(())
    }

    /// Records a successful COMMIT before the run's last. Later work can be stopped again, which
    /// leaves the run partial.
    pub fn between(&self) {
        let mut inner = self.lock();
        (inner.phase, inner.committed) = (CommitPhase::Partial, true);
    }

    /// Records a refused COMMIT: nothing of that transaction remains.
    pub fn refused(&self) {
        let mut inner = self.lock();
        inner.phase = if inner.committed {
            CommitPhase::Partial
        } else {
            CommitPhase::BeforeCommit
        };
    }

    /// Begins new work that may be stopped, after earlier work was stopped or ended. A request
    /// stays.
    pub fn anew(&self) {
        let mut inner = self.lock();
        (inner.phase, inner.committed, inner.clearing) = (CommitPhase::BeforeCommit, false, false);
    }

    /// Records the end: nothing is left to stop.
    pub fn ended(&self) {
        self.lock().phase = CommitPhase::Ended;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A guard that keeps a session cancellable until it is dropped.
pub struct Cancellable {
    stop: CancellationToken,
    number: u64,
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        self.stop.lock().cancellers.remove(&self.number);
    }
}

/// Formatted like the server's error, so that it is reported like every other refusal.
fn interrupted() -> DatabaseError {
    let (code, message) = (CANCELLED.to_owned(), INTERRUPTED.to_owned());
    DatabaseError::Server(Box::new(ServerError {
        code,
        message,
        ..ServerError::default()
    }))
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
        let (stop, count) = (CancellationToken::default(), Arc::new(AtomicU32::new(0)));
        let session = stop.watch(Box::new(Counted(Arc::clone(&count))));
        assert!(!stop.cancel(), "nobody asked for it");
        assert_eq!(stop.request(), Stopping::Cancel);
        assert!(stop.cancel());
        // The run has not noticed yet: the statement may have arrived after the cancellation.
        assert!(stop.cancel());
        assert_eq!(count.load(Ordering::SeqCst), 2);
        assert!(stop.committing().is_err(), "nothing is committed any more");
        assert!(!stop.cancel());
        drop(session);
        assert_eq!(stop.request(), Stopping::Quit(CommitPhase::BeforeCommit));
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn from_commit_on() {
        let stop = CancellationToken::default();
        stop.committing().unwrap();
        assert_eq!(stop.request(), Stopping::Committing);
        assert!(stop.refuse().is_ok(), "what came of it has to be asked");
        assert!(!stop.cancel());
        assert_eq!(stop.request(), Stopping::Quit(CommitPhase::Committing));
        stop.between();
        assert!(stop.refuse().is_err());
        assert_eq!(stop.request(), Stopping::Quit(CommitPhase::Partial));
        stop.ended();
        assert_eq!(stop.request(), Stopping::Ended);
    }

    #[test]
    fn a_refused_commit_is_nothing() {
        let stop = CancellationToken::default();
        stop.committing().unwrap();
        stop.refused();
        assert_eq!(stop.lock().phase, CommitPhase::BeforeCommit);
        stop.committing().unwrap();
        stop.between();
        stop.committing().unwrap();
        stop.refused();
        assert_eq!(stop.lock().phase, CommitPhase::Partial);
    }

    #[test]
    fn pauses_end_at_once() {
        let stop = CancellationToken::default();
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
        let stop = CancellationToken::default();
        let cancelled = ServerError {
            code: CANCELLED.to_owned(),
            message: "timeout".to_owned(),
            ..ServerError::default()
        };
        assert_eq!(stop.explain(cancelled.clone()).message, "timeout");
        stop.request();
        assert_eq!(stop.explain(cancelled).message, INTERRUPTED);
        let other = ServerError {
            code: "42601".to_owned(),
            message: "syntax".to_owned(),
            ..ServerError::default()
        };
        assert_eq!(stop.explain(other).message, "syntax");
    }
}
