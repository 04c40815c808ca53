//! The fingerprint of a database: every definition by its name, and of every table how many rows it has and a digest of
//! them. Two databases with the same fingerprint are alike; where they are not, [`differences`] says which objects
//! differ and how.
//!
//! What counts is what a dump would carry: object identifiers, column numbers, the order of columns in tables and of rows
//! on disk, statistics and the database's own name do not. Left out are temporary schemas, what the server itself brings
//! (but for grants and comments on it) and the ledger. Roles and tablespaces are the server's, not the database's.
//!
//! What counts is part of the document's format: two programs that write the same format read the same.

mod catalog;
mod difference;
mod document;
mod error;
mod fold;
mod ledger;
mod objects;
mod rows;
mod settings;
mod spelling;
mod tables;
mod workers;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

pub use difference::{Change, Difference, differences};
pub use document::{DocumentError, digest, parse};
pub use error::FingerprintError;
pub use fold::{Folded, folded};
pub use rows::MOST_AT_ONCE;

use crate::database::{Connect, Session};
use pgseal_verify::format::fingerprint::{Fingerprint, Scope, TableData};
use pgseal_verify::format::timestamp::Timestamp;

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
    aside(session, |session| {
        let tables = tables::of(session, scope)?;
        let objects = objects::read(session)?;
        let data = read_all(session, &tables, MOST_AT_ONCE)?;
        document::make(session, tables::resolved(scope, &tables), objects, data, taken)
    })
}

/// The rows of these tables alone, `schema.table`, and the values of sequences that belong to them, as
/// [`take_on`] has them in `data`: for who knows that definitions don't matter, and reads the same tables twice.
///
/// Above `most_at_once` rows a digest has two levels; fingerprints have [`MOST_AT_ONCE`].
pub fn rows_on(
    session: &mut dyn Session,
    tables: &[String],
    most_at_once: u64,
) -> Result<BTreeMap<String, TableData>, FingerprintError> {
    aside(session, |session| {
        let tables = tables::of(session, &Scope::Tables(tables.to_vec()))?;
        read_all(session, &tables, most_at_once)
    })
}

fn aside<T>(
    session: &mut dyn Session,
    read: impl FnOnce(&mut dyn Session) -> Result<T, FingerprintError>,
) -> Result<T, FingerprintError> {
    session.batch("SAVEPOINT pgseal_fingerprint")?;
    let found = settings::pin(session).map_err(FingerprintError::from).and_then(|()| read(session));
    // After an error too: the transaction is the caller's.
    let undone = session.batch("ROLLBACK TO SAVEPOINT pgseal_fingerprint; RELEASE SAVEPOINT pgseal_fingerprint");
    let found = found?;
    undone?;
    Ok(found)
}

fn read_all(
    session: &mut dyn Session,
    tables: &[tables::RowsOf],
    most_at_once: u64,
) -> Result<BTreeMap<String, TableData>, FingerprintError> {
    tables.iter().map(|table| Ok((table.name.clone(), rows::read(session, table, most_at_once)?))).collect()
}
