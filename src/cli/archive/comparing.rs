//! Progress line of the comparison between an archive and its log.

use std::path::{Path, PathBuf};

use super::super::output::{Output, display_path, waits_for};
use super::super::progress::Notifier;
use crate::tlog::Progress;

/// Shows the progress of `tlog::compare`; removes the line when dropped.
pub struct Comparing {
    dir: PathBuf,
    beside: Notifier,
}

impl Comparing {
    /// Draws only if stderr is a terminal.
    pub fn new(dir: &Path, out: Output) -> Self {
        Self {
            dir: dir.to_owned(),
            beside: Notifier::drawing(out),
        }
    }

    /// Updates the line; callable from any thread.
    pub fn seen(&self, progress: Progress) {
        match progress {
            Progress::Waiting => self.beside.line(waits_for(&self.dir)),
            Progress::Read { done, of } => {
                self.beside.moving(|| {
                    format!("{}: {done} of {of} files compared", display_path(&self.dir))
                });
            }
        }
    }
}

impl Drop for Comparing {
    fn drop(&mut self) {
        self.beside.finish();
    }
}
