//! The rows of a table as a number and a digest, computed by the server.
//!
//! A row's text is that of `ROW(columns in the order of their names)`: it distinguishes NULL from
//! the empty text, and quotes separate columns. The digest is the SHA-256 of the rows' SHA-256
//! values in ascending order. So it does not depend on the order of rows, and counts equal rows
//! with their multiplicity. Two different tables have the same digest only with a collision of
//! SHA-256 (2^128 tries). A sum of hashes would need no sort, but an attacker who chooses some rows
//! can produce any sum (Wagner, "A Generalized Birthday Problem", 2002), all the more with 64 bit
//! hashes made for hash tables (`hashtextextended`).
//!
//! Above [`MOST_AT_ONCE`] rows there are two levels, since the server's values end at 1 GB: one
//! such digest for each first byte of the rows' hashes, and the SHA-256 of these in order. The
//! number of rows determines which of the two applies.

use super::FingerprintError;
use super::tables::{Kind, RowsOf};
use crate::database::{DatabaseError, Session, Table};
use pgseal_verify::format::fingerprint::TableData;

/// Maximum rows of which the hashes are joined to one value: 512 MB of hashes.
pub const MOST_AT_ONCE: u64 = 1 << 24;

/// Minimum size of a row on disk in bytes: line pointer and header (PostgreSQL manual, "Database
/// Page Layout").
const LEAST_BYTES: u64 = 28;

/// Reads the rows. Above `most_at_once` rows the digest has two levels.
pub(super) fn read(
    session: &mut dyn Session,
    table: &RowsOf,
    most_at_once: u64,
) -> Result<TableData, FingerprintError> {
    let at = |source| FingerprintError::Table {
        table: table.name.clone(),
        source,
    };
    match table.kind {
        Kind::Unpopulated => Ok(TableData {
            rows: 0,
            digest: "not populated".to_owned(),
        }),
        Kind::Sequence => value(session, &table.name).map_err(at),
        Kind::Table => digest(session, table, most_at_once).map_err(at),
    }
}

fn value(session: &mut dyn Session, name: &str) -> Result<TableData, DatabaseError> {
    let found = session.rows(
        &format!(
            "select last_value, case when is_called then 'called' else 'not called' end from {name}"
        ),
        1,
    )?;
    let [last, called] = two(found, name)?;
    Ok(TableData {
        rows: 1,
        digest: format!("value {last}, {called}"),
    })
}

fn digest(
    session: &mut dyn Session,
    table: &RowsOf,
    most_at_once: u64,
) -> Result<TableData, DatabaseError> {
    let RowsOf { name, columns, .. } = table;
    let hashes = format!("select sha256(textsend(row({columns})::text)) as h from only {name}");
    let could_be_many = table.size / LEAST_BYTES > most_at_once;
    let many = could_be_many && {
        let count = session.rows(&format!("select count(*) from only {name}"), 1)?;
        number(count.single().unwrap_or_default(), name)? > most_at_once
    };
    let sql = if many {
        format!(
            "select sum(n), encode(sha256(string_agg(d, '' order by b)), 'hex') from (select get_byte(h, 0) as b, \
             count(*) as n, sha256(string_agg(h, '' order by h)) as d from ({hashes}) r group by 1) r"
        )
    } else {
        // A subquery sorts, not the aggregate, so that the server may hash and sort in parallel
        // (PostgreSQL manual, "Aggregate Functions", on input from a sorted subquery). Another
        // order could only produce another digest.
        format!(
            "select count(*), encode(sha256(coalesce(string_agg(h, ''), '')), 'hex') from ({hashes} order by 1) r"
        )
    };
    let [rows, digest] = two(session.rows(&sql, 1)?, name)?;
    Ok(TableData {
        rows: number(&rows, name)?,
        digest,
    })
}

fn two(table: Table, name: &str) -> Result<[String; 2], DatabaseError> {
    let row = table.rows.into_iter().next().unwrap_or_default();
    let values: Option<Vec<String>> = row.into_iter().collect();
    let unsound = |_| DatabaseError::unsound(format!("the server does not say what is in {name}"));
    values.unwrap_or_default().try_into().map_err(unsound)
}

fn number(text: &str, name: &str) -> Result<u64, DatabaseError> {
    let text = text.parse();
    text.map_err(|_| {
        DatabaseError::unsound(format!(
            "the server does not say how many rows are in {name}"
        ))
    })
}
