//! Signal handling. The first Ctrl-C cancels the run and lets it report its outcome; the second
//! ends the process at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use super::progress::Notifier;
use super::{CliError, Exit, Kind, Output, display_path};
use crate::release::cancellation::{CancellationToken, CommitPhase, Stopping};

/// Interval between attempts to cancel, until the run notices.
const AGAIN: Duration = Duration::from_millis(200);

/// The running command, for the last message of a process that ends at once.
#[derive(Clone)]
pub struct Command {
    /// Name of the command: `run`, `rollback`, ...
    pub name: &'static str,
    /// Exit code of an interruption before anything is committed.
    pub exit: Exit,
    /// Directory in which `status` finds the journal, if the command writes one.
    pub receipts: Option<PathBuf>,
    /// Leftovers of a process that ends at once, and their cleanup.
    pub leaves: Option<&'static str>,
}

impl Command {
    /// A command that only reads.
    pub fn reads(name: &'static str) -> Self {
        Self {
            name,
            exit: Exit::Failed,
            receipts: None,
            leaves: None,
        }
    }

    /// A command that writes, with a journal.
    pub fn writes(name: &'static str, receipts: &Path) -> Self {
        Self {
            receipts: Some(receipts.to_owned()),
            ..Self::reads(name)
        }
    }

    /// Reports an interruption before the transaction instead of the error it caused.
    pub fn or_interrupted(&self, stop: &CancellationToken, error: CliError) -> CliError {
        if stop.is_requested() {
            self.interrupted()
        } else {
            error
        }
    }

    /// An interruption that left the database unchanged.
    pub fn interrupted(&self) -> CliError {
        let text = format!(
            "the {} was interrupted, and the database is as before",
            self.name
        );
        CliError::new(Kind::Interrupted, text).exit(self.exit)
    }

    fn quit(&self, phase: CommitPhase) -> CliError {
        let name = self.name;
        if let Some(leaves) = self.leaves {
            return CliError::new(Kind::Interrupted, format!("the {name} was stopped"))
                .hint(leaves)
                .exit(self.exit);
        }
        let dir = self.receipts.as_deref();
        let dir = dir.map_or(String::new(), |dir| {
            format!(" --receipts {}", display_path(dir))
        });
        match phase {
            CommitPhase::BeforeCommit => self
                .interrupted()
                .hint("the server rolls back what was begun; `pgseal status` shows it"),
            CommitPhase::Partial => {
                CliError::new(Kind::Partial, format!("the {name} was stopped half way")).hint(
                    format!("`pgseal status{dir}` shows how far it came, and what to do"),
                )
            }
            CommitPhase::Committing | CommitPhase::Ended => {
                let text = format!(
                    "the {name} was stopped before COMMIT was answered: it may be committed"
                );
                CliError::new(Kind::Unknown, text).hint(format!(
                    "don't run it again: `pgseal status{dir}` asks the server what came of it"
                ))
            }
        }
    }
}

/// From now on SIGINT, SIGTERM and SIGHUP request cancellation through `stop`.
pub fn watch(
    command: &Command,
    stop: &CancellationToken,
    out: Output,
    notifier: Notifier,
) -> Result<(), CliError> {
    let (command, stop) = (command.clone(), stop.clone());
    on_signals(move || match stop.request() {
        Stopping::Cancel => {
            notifier.line("interrupted: cancelling; once more ends pgseal at once".to_owned());
            cancel_until_noticed(stop.clone());
        }
        Stopping::Committing => {
            let text = "interrupted while COMMIT is on its way: waiting for its answer; once more ends pgseal at once";
            notifier.line(text.to_owned());
        }
        Stopping::Ended => {
            notifier.line("interrupted at the end: how it ended is being written down".to_owned())
        }
        Stopping::Quit(phase) => {
            let error = command.quit(phase);
            notifier.finish();
            out.error(&error);
            out.conclude(error.exit, Some(&error));
            std::process::exit(i32::from(error.exit.code()));
        }
    })
}

/// Cancels on its own thread, because a second signal must be handled while the server does not
/// answer.
fn cancel_until_noticed(stop: CancellationToken) {
    let cancelling = thread::Builder::new()
        .name("pgseal-cancel".to_owned())
        .spawn(move || {
            while stop.cancel() {
                thread::sleep(AGAIN);
            }
        });
    // If no thread starts, the run stops after the current statement, and a second signal ends the
    // process.
    drop(cancelling);
}

/// Calls `handle` for each SIGINT, SIGTERM and SIGHUP, one at a time, on a thread of its own. A
/// SIGHUP that the parent process switched off (`nohup`) stays ignored.
pub fn on_signals(mut handle: impl FnMut() + Send + 'static) -> Result<(), CliError> {
    let failed =
        |error: std::io::Error| CliError::internal(format!("can't watch for signals: {error}"));
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let mut signals = Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup)).map_err(failed)?;
    let heard = thread::Builder::new().name("pgseal-signals".to_owned());
    heard
        .spawn(move || signals.forever().for_each(|_| handle()))
        .map_err(failed)?;
    Ok(())
}

/// Turns SIGXFSZ into an error of `write`. A file that exceeds `ulimit -f` is then handled like a
/// full disk; otherwise the process could die between COMMIT and the receipt.
pub fn file_size_is_an_error() {
    // If registration fails, the previous action stays in force.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Reads the mask of ignored signals from Linux; elsewhere no signal counts as ignored.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
