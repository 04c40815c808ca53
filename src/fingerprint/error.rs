//! Why there is no fingerprint.

use crate::database::DatabaseError;

/// Why there is no fingerprint. A part of one is none.
#[derive(Debug, thiserror::Error)]
pub enum FingerprintError {
    /// The server refused, or is gone.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Reading this table failed.
    #[error("the rows of {table} can't be read: {source}")]
    Table {
        /// `schema.table`.
        table: String,
        /// Why.
        source: DatabaseError,
    },
    /// Asked for, and not there.
    #[error("there is no table {}", .0.join(", "))]
    NoTable(Vec<String>),
    /// The role has no right to read these.
    #[error("the role may not read {}", .0.join(", "))]
    NotReadable(Vec<String>),
    /// The role would see only some rows of these.
    #[error("row-level security hides rows of {} from the role", .0.join(", "))]
    RowSecurity(Vec<String>),
    /// What the server said is not what was asked for.
    #[error("{0}")]
    Unsound(String),
}
