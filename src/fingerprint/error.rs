//! Errors of the fingerprint.

use crate::database::DatabaseError;

/// Reason why a fingerprint cannot be taken. A partial one is never returned.
#[derive(Debug, thiserror::Error)]
pub enum FingerprintError {
    /// An error of the server or of the connection.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A table that cannot be read.
    #[error("the rows of {table} can't be read: {source}")]
    Table {
        /// Name, as `schema.table`.
        table: String,
        /// Error of the server.
        source: DatabaseError,
    },
    /// Requested tables that do not exist.
    #[error("there is no table {}", .0.join(", "))]
    NoTable(Vec<String>),
    /// Tables that the role has no right to read.
    #[error("the role may not read {}", .0.join(", "))]
    NotReadable(Vec<String>),
    /// Tables of which the role would see only some rows.
    #[error("row-level security hides rows of {} from the role", .0.join(", "))]
    RowSecurity(Vec<String>),
    /// An unexpected result from the server.
    #[error("{0}")]
    Unsound(String),
}
