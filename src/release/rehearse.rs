//! Rehearsing a release on a clone: run, run again (refused), check, roll back, compare, run once more.
//!
//! ```text
//! source --clone--> ClonedDatabase --gate, run, rollback as everywhere--> Rehearsed
//! ```
//!
//! Three things differ from a run that is meant: the database has the clone's name, people's approvals are not needed, and
//! where the gates wait for people, a script that the operator names stands in for them, on the clone only. Everything
//! else is the code of `run`, `rollback` and `check`.

mod blank;
mod carry;
mod clone;
mod compare;
mod error;
mod fill;
mod lifecycle;
mod load;
pub mod locks;
mod log;
mod reach;
mod running;
mod server;
mod steps;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

pub use clone::{CloneError, ClonedDatabase};
pub use error::RehearsalError;
pub use server::Server;

use server::Admin;

use super::cancellation::CancellationToken;
use super::event::{BackgroundObserver, Observer};
use super::run_context::ContextToRun;
use crate::database::{Connect, DatabaseError};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::fingerprint::Scope;
use pgseal_verify::format::rehearsal::{Rehearsal, RehearsalStep};

/// What the operator ordered.
pub struct Job<'b> {
    /// The release, and how it is to run; leads to the maintenance database, where the clone is made.
    pub order: ContextToRun<'b>,
    /// The server of that database.
    pub server: &'b dyn Server,
    pub from: ClonedFrom<'b>,
    /// The script that opens the gates on the clone.
    pub approval: Option<Approval<'b>>,
    /// Hears what statements wait for.
    pub aside: Arc<dyn BackgroundObserver>,
    /// Which tables' rows are compared.
    pub scope: &'b Scope,
    /// How many connections read them.
    pub workers: NonZeroUsize,
    /// Whether the clone stays.
    pub keep: bool,
    /// A directory for the journals of its runs, which nobody needs afterwards.
    pub scratch: &'b Path,
    /// Names it and its clone: 32 hexadecimal digits.
    pub rehearsal_id: &'b str,
}

/// What is cloned.
#[derive(Clone, Copy)]
pub enum ClonedFrom<'b> {
    /// A database of the server.
    Database {
        name: &'b str,
        /// Whether it is dumped and restored also where nobody is connected: a copy by template keeps new connections
        /// waiting.
        by_dump: bool,
    },
    Dump {
        /// The file or directory.
        path: &'b Path,
        /// What its bytes are.
        sha256: Digest,
        /// How many they are; of a directory those of all files.
        bytes: u64,
        /// Whether it is SQL, and not one of `pg_dump`'s own formats.
        is_sql: bool,
    },
}

/// The script that opens the gates on the clone.
#[derive(Clone, Copy)]
pub struct Approval<'b> {
    pub file: &'b str,
    /// Its bytes, read once.
    pub bytes: &'b [u8],
}

/// Sees a rehearsal.
pub trait Steps: Observer {
    /// A step begins.
    fn begins(&mut self, name: &str);

    fn ended(&mut self, step: &RehearsalStep);
}

/// What a rehearsal saw.
pub struct Rehearsed {
    /// Everything that the receipt says. Where a step failed, its detail and the receipt's error are still to be written.
    pub receipt: Rehearsal,
    /// Why it ended before its end.
    pub trouble: Option<RehearsalError>,
    /// Why the clone is still there, though it should not be.
    pub left: Option<CloneError>,
    /// What is to be looked at, though it proves nothing: what moved in the source meanwhile, and the like.
    pub remarks: Vec<String>,
}

impl Rehearsed {
    /// Writes down why it ended before its end, line by line; the step says the first.
    pub fn because(&mut self, why: &str) {
        self.receipt.error = Some(why.to_owned());
        if let Some(step) = self
            .receipt
            .steps
            .iter_mut()
            .find(|step| !step.ok && step.detail.is_empty())
        {
            why.lines()
                .next()
                .unwrap_or_default()
                .clone_into(&mut step.detail);
        }
    }
}

/// Clones on the server of a maintenance database that rehearsals left which are over, and were not to keep them: what was
/// killed could not clean up.
pub fn leftovers(
    maintenance: &dyn Connect,
    stop: &CancellationToken,
) -> Result<Vec<String>, DatabaseError> {
    Admin::open(maintenance, stop)?.leftovers()
}

/// Rehearses. An error is that there was no clone; from the clone on there is something to tell, whatever happens.
pub fn rehearse(job: &Job<'_>, steps: &mut dyn Steps) -> Result<Rehearsed, RehearsalError> {
    steps::rehearse(job, steps)
}
