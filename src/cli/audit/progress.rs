//! Progress line on a terminal: files, faults and the rate.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::audit::Finding;
use crate::cli::output::Output;
use crate::cli::progress::Notifier;
use pgseal_verify::plural;

/// Counters of an audit, shared by its threads.
pub struct Progress {
    beside: Notifier,
    started: Instant,
    files: AtomicUsize,
    faults: AtomicUsize,
}

/// Files between two updates of the line.
const EVERY: usize = 64;

impl Progress {
    /// Draws only if stderr is a terminal.
    pub fn new(out: Output) -> Self {
        let (files, faults) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self {
            beside: Notifier::drawing(out),
            started: Instant::now(),
            files,
            faults,
        }
    }

    /// Counts a file; callable from any thread.
    pub fn seen(&self, finding: &Finding) {
        let faults = self
            .faults
            .fetch_add(finding.faults.len(), Ordering::Relaxed)
            + finding.faults.len();
        let files = self.files.fetch_add(1, Ordering::Relaxed) + 1;
        if files.is_multiple_of(EVERY) {
            self.beside.moving(|| {
                let rate = files as f64 / self.started.elapsed().as_secs_f64().max(0.001);
                format!(
                    "{}, {}, {rate:.0} a second",
                    plural::count(files, "file"),
                    plural::count(faults, "fault")
                )
            });
        }
    }

    /// Removes the line.
    pub fn finish(&self) {
        self.beside.finish();
    }
}
