//! The fingerprint of a database: every definition by its name, and of every table how many rows it has and a digest of
//! them. Two databases with the same fingerprint are alike; where they are not, [`differences`] says which objects
//! differ and how.
//!
//! What counts is what a dump would carry: object identifiers, column numbers, the order of columns in tables and of rows
//! on disk, statistics and the database's own name do not. Left out are the server's schemas, temporary ones, members of
//! extensions (the extension itself is in, with its version), and the schema `pgseal`, where the ledger is. Roles and
//! tablespaces are the server's, not the database's.

mod catalog;
mod difference;
mod document;
mod error;
mod objects;
mod rows;
mod settings;
mod spelling;
mod tables;
mod workers;

use std::num::NonZeroUsize;

pub use difference::{Change, Difference, differences};
pub use document::{DocumentError, digest, parse};
pub use error::FingerprintError;

use crate::database::{Connect, Session};
use crate::format::fingerprint::{Fingerprint, Scope};
use crate::format::timestamp::Timestamp;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// The rows of this table are read now.
    Begun {
        /// `schema.table`.
        table: &'a str,
    },
    /// The rows of this table are read.
    Done {
        /// `schema.table`.
        table: &'a str,
        /// How many it has.
        rows: u64,
        /// How many tables are read.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// All definitions are read.
    Objects(
        /// How many there are.
        usize,
    ),
}

/// Takes the fingerprint of a database on sessions of its own: read-only, all in the state of one moment, whatever
/// others commit meanwhile. `workers` read tables at the same time, each by a session; `taken` is the host's clock.
///
/// The role has to be able to read every table in `tables`, without row-level security in between; one that it can't
/// read is an error, never left out.
pub fn take(
    connect: &dyn Connect,
    tables: &Scope,
    workers: NonZeroUsize,
    taken: Timestamp,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Fingerprint, FingerprintError> {
    workers::take(connect, tables, workers, taken, progress)
}

/// Takes the fingerprint on a session, inside the transaction that it has, with what that has changed. Ends as it began:
/// settings, locks and snapshot are undone by a savepoint. The session must be inside a transaction block.
pub fn take_on(session: &mut dyn Session, scope: &Scope, taken: Timestamp) -> Result<Fingerprint, FingerprintError> {
    session.batch("SAVEPOINT pgseal_fingerprint")?;
    let fingerprint = within(session, scope, taken);
    // After an error too: the transaction is the caller's.
    let undone = session.batch("ROLLBACK TO SAVEPOINT pgseal_fingerprint; RELEASE SAVEPOINT pgseal_fingerprint");
    let fingerprint = fingerprint?;
    undone?;
    Ok(fingerprint)
}

fn within(session: &mut dyn Session, scope: &Scope, taken: Timestamp) -> Result<Fingerprint, FingerprintError> {
    settings::pin(session)?;
    let tables = tables::of(session, scope)?;
    let objects = objects::read(session)?;
    let mut data = std::collections::BTreeMap::new();
    for table in &tables {
        data.insert(table.name.clone(), rows::read(session, table)?);
    }
    document::make(session, tables::resolved(scope, &tables), objects, data, taken)
}
