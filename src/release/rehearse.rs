//! Rehearses a release on a clone: run, run again (refused), check, roll back, compare, run once more.
//!
//! ```text
//! source --clone--> ClonedDatabase --gate, run, rollback as everywhere--> Rehearsed
//! ```
//!
//! Three things differ from an actual run: the database has the clone's name, no approvals are needed, and a script that the
//! operator names may open gates that wait for people, only on the clone. All other code is that of `run`, `rollback` and
//! `check`.

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
pub mod standing;
mod steps;
pub mod trial;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

pub use clone::{CloneError, ClonedDatabase};
pub use error::RehearsalError;
pub use server::Server;

use server::Admin;
use standing::Signer;
use trial::TrialDatabase;

use super::cancellation::CancellationToken;
use super::event::{BackgroundObserver, Observer};
use super::run_context::ContextToRun;
use crate::database::{Connect, DatabaseError};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::fingerprint::Scope;
use pgseal_verify::format::rehearsal::{Rehearsal, RehearsalStep};

/// Parameters of a rehearsal.
pub struct Job<'b> {
    /// The release, and the context of its runs; connects to the maintenance database, where the clone is made.
    pub order: ContextToRun<'b>,
    /// The server of that database.
    pub server: &'b dyn Server,
    pub from: ClonedFrom<'b>,
    /// The database of `from`, if the release is tried and not rehearsed.
    pub trial: Option<&'b TrialDatabase>,
    /// The script that opens the gates on the clone.
    pub approval: Option<Approval<'b>>,
    /// Observes lock waits of statements.
    pub aside: Arc<dyn BackgroundObserver>,
    /// Tables with compared rows.
    pub scope: &'b Scope,
    /// Number of connections that read them.
    pub workers: NonZeroUsize,
    /// Whether the clone stays.
    pub keep: bool,
    /// The key that makes a kept clone a standing one.
    pub signer: Option<Signer<'b>>,
    /// A temporary directory for the journals of its runs.
    pub scratch: &'b Path,
    /// Id of the rehearsal, and part of the clone's name: 32 hexadecimal digits.
    pub rehearsal_id: &'b str,
}

/// Source of the clone.
#[derive(Clone, Copy)]
pub enum ClonedFrom<'b> {
    /// A database of the server.
    Database {
        name: &'b str,
        /// Whether to dump and restore even without connections to it: a copy by template keeps new connections
        /// waiting.
        by_dump: bool,
    },
    Dump {
        /// The file or directory.
        path: &'b Path,
        sha256: Digest,
        /// Size; of a directory that of all files.
        bytes: u64,
        /// Whether it is SQL, not one of `pg_dump`'s own formats.
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

/// Name of the step that makes a kept clone a standing one.
pub const MARKED: &str = "mark the kept clone";

/// Observes a rehearsal.
pub trait Steps: Observer {
    /// A step begins.
    fn begins(&mut self, name: &str);

    fn ended(&mut self, step: &RehearsalStep);
}

/// Result of a rehearsal.
pub struct Rehearsed {
    /// Content of the receipt. After a failed step, [`Rehearsed::because`] adds the error.
    pub receipt: Rehearsal,
    /// Error that ended it early.
    pub trouble: Option<RehearsalError>,
    /// Error in dropping the clone.
    pub left: Option<CloneError>,
    /// Remarks without effect on the outcome, such as changes of the source meanwhile.
    pub remarks: Vec<String>,
}

impl Rehearsed {
    /// Records the error in the receipt; its first line also in the failed step.
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

/// Clones that killed rehearsals left on the server of a maintenance database.
pub fn leftovers(
    maintenance: &dyn Connect,
    stop: &CancellationToken,
) -> Result<Vec<String>, DatabaseError> {
    Admin::open(maintenance, stop)?.leftovers()
}

/// Rehearses. Fails only if the clone could not be made; later errors are part of the result.
pub fn rehearse(job: &Job<'_>, steps: &mut dyn Steps) -> Result<Rehearsed, RehearsalError> {
    steps::rehearse(job, steps)
}
