//! Session settings that make the spelling of values and definitions independent of the caller.

use crate::database::{DatabaseError, Session};

/// Settings until the end of the transaction or the savepoint. Names outside of `pg_catalog` are
/// spelled with their schema; `row_security = off` turns a policy that would hide rows into an
/// error. The last line is for speed: rows are hashed and sorted in memory, and several processes
/// read large tables (`min_parallel_table_scan_size`).
const PINNED: &str = "
    SET LOCAL transaction_read_only = on; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL row_security = off;
    SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres'; SET LOCAL TimeZone = 'UTC';
    SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C';
    SET LOCAL xmlbinary = 'base64'; SET LOCAL quote_all_identifiers = off; SET LOCAL standard_conforming_strings = on;
    SET LOCAL jit = off; SET LOCAL work_mem = '32MB'; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0";

pub(super) fn pin(session: &mut dyn Session) -> Result<(), DatabaseError> {
    session.batch(PINNED)
}

/// Time limits for separate sessions: a long scan is no error, a lock that stays unavailable is.
const PATIENT: &str =
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL lock_timeout = '60s'";

/// Applies the settings after BEGIN, once the snapshot exists.
pub(super) fn settle(session: &mut dyn Session) -> Result<(), DatabaseError> {
    session.batch(PATIENT)?;
    if session.server_version_num() >= 140_000 {
        // Ends the scan of a killed client.
        session.batch("SET LOCAL client_connection_check_interval = 500")?;
    }
    if session.server_version_num() >= 170_000 {
        session.batch("SET LOCAL transaction_timeout = 0")?;
    }
    pin(session)
}
