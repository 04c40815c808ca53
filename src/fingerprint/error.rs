//! Errors of the fingerprint.

use crate::database::DatabaseError;

/// Reason why a fingerprint cannot be taken. A partial one is never returned.
#[derive(Debug, thiserror::Error)]
pub enum FingerprintError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the rows of {table} can't be read: {source}")]
    Table {
        /// Name, as `schema.table`.
        table: String,
        /// Error of the server.
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
