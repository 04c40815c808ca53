//! Ctrl-C and SIGTERM while a run goes on: before COMMIT the connection is dropped, and the server rolls back; from COMMIT
//! on the answer is waited for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::CliError;
use super::exit::Exit;
use super::output::Output;

/// How far the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing would remain.
    BeforeCommit,
    /// COMMIT may have been sent.
    Committing,
}

/// Knows how far the run is. The lock is held while the process ends, so that no COMMIT is sent meanwhile.
#[derive(Clone)]
pub struct Interrupt(Arc<Mutex<Phase>>);

impl Interrupt {
    /// Watches for signals from now on.
    pub fn watch(out: Output, action: &'static str) -> Result<Self, CliError> {
        let phase = Arc::new(Mutex::new(Phase::BeforeCommit));
        let seen = Arc::clone(&phase);
        let handler = move || {
            let phase = lock(&seen);
            if *phase == Phase::Committing {
                out.note("interrupted while COMMIT is on its way: waiting for its answer");
                return;
            }
            let message = format!("the {action} was interrupted, and the database is as before");
            let hint = "the server rolls back what was begun; `pgseal status` shows it";
            out.error(&CliError::new(Exit::Failed, message).hint(hint));
            std::process::exit(i32::from(Exit::Failed.code()));
        };
        ctrlc::set_handler(handler).map_err(|error| CliError::new(Exit::Internal, error))?;
        Ok(Self(phase))
    }

    /// COMMIT is about to be sent. Does not return when the process is ending.
    pub fn committing(&self) {
        *lock(&self.0) = Phase::Committing;
    }
}

fn lock(phase: &Mutex<Phase>) -> MutexGuard<'_, Phase> {
    phase.lock().unwrap_or_else(PoisonError::into_inner)
}
