//! How a run is stopped from outside: the first request cancels the statement and rolls back, the second ends the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::failure::Failure;
use crate::database::Cancel;

/// Known to the run and to whoever may stop it; clones are the same.
#[derive(Clone, Default)]
pub struct Stop(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    phase: Phase,
    requests: u32,
    canceller: Option<Box<dyn Cancel>>,
}

/// How far the run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing would remain of what is going on now.
    #[default]
    BeforeCommit,
    /// COMMIT may have been sent.
    Committing,
    /// It is over.
    Ended,
}

/// What a request to stop led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopping {
    /// The statement is cancelled; the run will roll back by itself.
    Cancelled,
    /// COMMIT is on its way: its answer is awaited.
    Committing,
    /// The second request: the process may end now.
    Quit(Phase),
}

impl Stop {
    /// Somebody wants the run to stop.
    pub fn request(&self) -> Stopping {
        let mut inner = self.lock();
        inner.requests += 1;
        if inner.requests > 1 {
            return Stopping::Quit(inner.phase);
        }
        if inner.phase == Phase::Committing {
            return Stopping::Committing;
        }
        if let Some(canceller) = &inner.canceller {
            // If the server can't be reached, the run sees it too.
            let _ = canceller.cancel();
        }
        Stopping::Cancelled
    }

    /// Fails when somebody wants the run to stop: asked between statements.
    pub fn check(&self) -> Result<(), Failure> {
        if self.lock().requests == 0 { Ok(()) } else { Err(Failure::plain("it was interrupted")) }
    }

    /// The run's session, whose statements can be cancelled from now on.
    pub fn watch(&self, canceller: Box<dyn Cancel>) {
        self.lock().canceller = Some(canceller);
    }

    /// COMMIT is about to be sent; fails when the run was to stop before it.
    pub fn committing(&self) -> Result<(), Failure> {
        self.check()?;
        self.lock().phase = Phase::Committing;
        Ok(())
    }

    /// What was committing is committed, or gone; what follows may be stopped again.
    pub fn between(&self) {
        self.lock().phase = Phase::BeforeCommit;
    }

    /// Nothing is left to stop.
    pub fn ended(&self) {
        let mut inner = self.lock();
        (inner.phase, inner.canceller) = (Phase::Ended, None);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
