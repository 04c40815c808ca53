//! How values and definitions are spelled must not depend on whoever asks.

use crate::database::{DatabaseError, Session};

/// Holds until the end of the transaction, or of the savepoint. Names outside of `pg_catalog` are spelled with their
/// schema; `row_security = off` makes a policy that would hide rows an error. The last line is for speed: rows are hashed and
/// sorted in memory, and of large tables (`min_parallel_table_scan_size`) by several processes.
const PINNED: &str = "
    SET LOCAL transaction_read_only = on; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL row_security = off;
    SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres'; SET LOCAL TimeZone = 'UTC';
    SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C';
    SET LOCAL xmlbinary = 'base64'; SET LOCAL quote_all_identifiers = off; SET LOCAL standard_conforming_strings = on;
    SET LOCAL jit = off; SET LOCAL work_mem = '32MB'; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0";

/// Pins them.
pub(super) fn pin(session: &mut dyn Session) -> Result<(), DatabaseError> {
    session.batch(PINNED)
}

/// For sessions of our own: a long scan is no fault, a lock that nobody gives is.
const PATIENT: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL lock_timeout = '60s'";

/// Begins a transaction in which nothing changes and nothing is changed, and pins.
pub(super) fn begin(session: &mut dyn Session) -> Result<(), DatabaseError> {
    session.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
}

/// What follows BEGIN, once the snapshot is there.
pub(super) fn settle(session: &mut dyn Session) -> Result<(), DatabaseError> {
    session.batch(PATIENT)?;
    if session.server_version_num() >= 140_000 {
        // So that a killed client leaves no scan behind.
        session.batch("SET LOCAL client_connection_check_interval = 500")?;
    }
    if session.server_version_num() >= 170_000 {
        session.batch("SET LOCAL transaction_timeout = 0")?;
    }
    pin(session)
}
