//! The fingerprint of a database: every definition by its name, and the number of rows and their
//! digest for every table. Two databases with the same fingerprint are equal; otherwise
//! [`differences`] lists the objects that differ, with their changes.
//!
//! It covers the content of a dump. Object identifiers, column numbers, the order of
//! rows on disk, statistics and the database's own name do not count. Temporary
//! schemas, the server's own objects (except grants and comments on them) and the ledger are
//! excluded. Roles and tablespaces belong to the server, not to the database.
//!
//! The coverage is part of the document's format: two programs that write the same format cover the
//! same.

mod catalog;
mod changed_rows;
mod difference;
mod document;
mod fold;
mod ledger;
mod objects;
mod rows;
mod settings;
mod spelling;
mod tables;
mod workers;

use std::collections::BTreeMap;

pub use changed_rows::{Side, changed_rows};
pub use difference::{Change, Difference, differences};
pub use document::{DocumentError, digest, parse};
pub use fold::{Folded, folded};
pub use rows::MOST_AT_ONCE;
pub use workers::take;

use crate::database::{DatabaseError, Session};
use pgseal_verify::format::fingerprint::{Fingerprint, Scope, TableData};
use pgseal_verify::format::timestamp::Timestamp;

/// Reason why a fingerprint cannot be taken. A partial one is never returned.
#[derive(Debug, thiserror::Error)]
pub enum FingerprintError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the rows of {table} can't be read: {source}")]
    Table {
        table: String,
        source: DatabaseError,
    },
    #[error("there is no table {}", .0.join(", "))]
    NoTable(Vec<String>),
    #[error("the role may not read {}", .0.join(", "))]
    NotReadable(Vec<String>),
    /// Tables of which the role would see only some rows.
    #[error("row-level security hides rows of {} from the role", .0.join(", "))]
    RowSecurity(Vec<String>),
    #[error("{0}")]
    Unsound(String),
}

/// Progress of a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// The reading of this table's rows began.
    Begun { table: &'a str },
    /// The reading of this table's rows ended.
    Done {
        table: &'a str,
        rows: u64,
        done: usize,
        of: usize,
    },
    /// All definitions are read.
    Objects(usize),
}

/// Takes the fingerprint on a session, inside its current transaction, including uncommitted
/// changes. A savepoint restores settings, locks and snapshot afterwards. The session must be
/// inside a transaction block.
pub fn take_on(
    session: &mut dyn Session,
    scope: &Scope,
    taken: Timestamp,
) -> Result<Fingerprint, FingerprintError> {
    in_savepoint(session, |session| {
        let tables = tables::of(session, scope)?;
        let objects = objects::read(session)?;
        let data = read_all(session, &tables, MOST_AT_ONCE)?;
        document::make(
            session,
            tables::resolved(scope, &tables),
            objects,
            data,
            taken,
        )
    })
}

/// The rows of these tables alone, `schema.table`, and the values of the sequences that belong to
/// them, as [`take_on`] returns them in `data`. For callers that read the same tables twice and do
/// not need definitions.
///
/// Above `most_at_once` rows a digest has two levels; fingerprints have [`MOST_AT_ONCE`].
pub fn rows_on(
    session: &mut dyn Session,
    tables: &[String],
    most_at_once: u64,
) -> Result<BTreeMap<String, TableData>, FingerprintError> {
    in_savepoint(session, |session| {
        let tables = tables::of(session, &Scope::Tables(tables.to_vec()))?;
        read_all(session, &tables, most_at_once)
    })
}

fn in_savepoint<T>(
    session: &mut dyn Session,
    read: impl FnOnce(&mut dyn Session) -> Result<T, FingerprintError>,
) -> Result<T, FingerprintError> {
    session.batch("SAVEPOINT pgseal_fingerprint")?;
    let found = settings::pin(session)
        .map_err(FingerprintError::from)
        .and_then(|()| read(session));
    // After an error too: the transaction is the caller's.
    let undone = session
        .batch("ROLLBACK TO SAVEPOINT pgseal_fingerprint; RELEASE SAVEPOINT pgseal_fingerprint");
    let found = found?;
    undone?;
    Ok(found)
}

fn read_all(
    session: &mut dyn Session,
    tables: &[tables::RowsOf],
    most_at_once: u64,
) -> Result<BTreeMap<String, TableData>, FingerprintError> {
    let mut data = BTreeMap::new();
    for table in tables {
        data.insert(
            table.name.clone(),
            rows::read(session, table, most_at_once)?,
        );
    }
    Ok(data)
}
