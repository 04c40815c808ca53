//! Signals during a rollout. The first one begins no further database; the next ones go to the
//! running commands, which cancel and report as they do by themselves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

use crate::cli::CliError;
use crate::cli::interrupt;
use crate::cli::progress::Notifier;

/// Whether the rollout is to stop, and its running commands.
#[derive(Clone, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_requested: AtomicBool,
    running: Mutex<BTreeMap<i32, Pid>>,
}

impl Stop {
    /// Handles SIGINT, SIGTERM and SIGHUP from now on.
    pub fn watch(notifier: Notifier) -> Result<Self, CliError> {
        let stop = Self::default();
        let this = stop.clone();
        interrupt::on_signals(move || this.signalled(&notifier))?;
        Ok(stop)
    }

    pub fn is_requested(&self) -> bool {
        self.0.is_requested.load(Ordering::SeqCst)
    }

    fn signalled(&self, notifier: &Notifier) {
        if !self.0.is_requested.swap(true, Ordering::SeqCst) {
            let text = "interrupted: no further database begins, those that run go on to their end; once more interrupts them";
            notifier.line(text.to_owned());
            return;
        }
        notifier.line("interrupting the running databases".to_owned());
        for pid in self.running().values() {
            // It may have ended by itself.
            let _ = kill_process(*pid, Signal::INT);
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<i32, Pid>> {
        self.0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Knows a command until [`Self::ended`], which must precede the wait for its end: until then no
    /// other process can have its id.
    pub fn begun(&self, id: u32) {
        if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            self.running().insert(pid.as_raw_nonzero().get(), pid);
        }
    }

    pub fn ended(&self, id: u32) {
        if let Ok(id) = i32::try_from(id) {
            self.running().remove(&id);
        }
    }
}
