//! The rows of a table that two databases have differently: how many, which columns, and the first
//! keys. A fingerprint has digests only, so this reads the table in both.

use std::collections::{BTreeSet, HashMap};

use super::tables::{self, RowsOf};
use super::{FingerprintError, MOST_AT_ONCE, rows, settings, workers};
use crate::database::{Connect, DatabaseError, Session};
use pgseal_verify::format::fingerprint::{Scope, TableData};
use pgseal_verify::plural::count;

/// Most values of a table that are compared: some 16 MB of hashes a side.
const VALUES: u64 = 2_000_000;

/// Most keys that are named.
const KEYS: usize = 3;

/// Characters of a value's hash. Two of 2^32 different values look equal, which only an explanation
/// may risk.
const HASH: usize = 8;

/// A database, and its rows as a fingerprint has them.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub connect: &'a dyn Connect,
    pub data: &'a TableData,
}

/// `2 of 3 rows: name, price; id 1, 2`. `None` if a side no longer has the rows of its
/// fingerprint, if the columns differ, or if the table is too large.
pub fn changed_rows(
    table: &str,
    before: Side<'_>,
    after: Side<'_>,
) -> Result<Option<String>, FingerprintError> {
    let Some(before_rows) = read(table, before)? else {
        return Ok(None);
    };
    let Some(after_rows) = read(table, after)? else {
        return Ok(None);
    };
    let is_alike = before_rows.columns == after_rows.columns && before_rows.key == after_rows.key;
    Ok(is_alike.then(|| sentence(&before_rows, &after_rows)))
}

/// The rows of a table, as hashes.
struct Rows {
    columns: Vec<String>,
    key: Key,
    /// Key, and one hash after the other; in the order of the key.
    rows: Vec<(String, String)>,
}

/// The primary key.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    /// Its columns; none if there is no key.
    columns: Vec<String>,
    /// Whether its values are shown: only whole numbers are, because texts may be secrets, and the
    /// sentence goes into receipts.
    is_shown: bool,
}

impl Default for Key {
    fn default() -> Self {
        Self {
            columns: Vec::new(),
            is_shown: true,
        }
    }
}

fn read(table: &str, side: Side<'_>) -> Result<Option<Rows>, FingerprintError> {
    let mut session = workers::begin(side.connect)?;
    let session = session.as_mut();
    settings::settle(session)?;
    let found = tables::of(session, &Scope::Tables(vec![table.to_owned()]));
    let Some(of) = found?.into_iter().find(|of| of.name == table) else {
        return Ok(None);
    };
    let at = |source| FingerprintError::Table {
        table: table.to_owned(),
        source,
    };
    let (columns, key) = columns(session, &of).map_err(at)?;
    let is_small = side.data.rows.saturating_mul(columns.len() as u64) <= VALUES;
    if !is_small || columns.is_empty() || rows::read(session, &of, MOST_AT_ONCE)? != *side.data {
        return Ok(None);
    }
    let rows = hashes(session, &of, &columns, &key.columns, side.data.rows).map_err(at)?;
    Ok(Some(Rows { columns, key, rows }))
}

/// The columns by name, and those of the primary key, as SQL writes them.
fn columns(session: &mut dyn Session, table: &RowsOf) -> Result<(Vec<String>, Key), DatabaseError> {
    let name = table.name.replace('\'', "''");
    let sql = format!(
        "select quote_ident(a.attname), coalesce(a.attnum = any (i.indkey::int2[]), false), \
         a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) from pg_attribute a \
         left join pg_index i on i.indrelid = a.attrelid and i.indisprimary \
         where a.attrelid = '{name}'::regclass and a.attnum > 0 and not a.attisdropped \
         order by a.attname::text collate \"C\""
    );
    let found = session.rows(&sql, usize::MAX)?;
    let (mut columns, mut key) = (Vec::new(), Key::default());
    for row in found.rows {
        let [Some(column), Some(is_key), Some(is_number)] = row.as_slice() else {
            continue;
        };
        columns.push(column.clone());
        if is_key.starts_with('t') {
            key.columns.push(column.clone());
            key.is_shown &= is_number.starts_with('t');
        }
    }
    Ok((columns, key))
}

fn hashes(
    session: &mut dyn Session,
    table: &RowsOf,
    columns: &[String],
    key: &[String],
    rows: u64,
) -> Result<Vec<(String, String)>, DatabaseError> {
    // A row's text is made of output functions, which only superusers create. A cast of the column
    // itself may be a function of anybody, and would run with this session's rights.
    let hash = |column: &String| format!("substr(md5(row({column})::text), 1, {HASH})");
    let hashes: Vec<String> = columns.iter().map(hash).collect();
    let name = &table.name;
    let (text, order) = match key {
        [] => ("''".to_owned(), "2".to_owned()),
        key => (format!("row({})::text", key.join(", ")), key.join(", ")),
    };
    let sql = format!(
        "select {text}, {} from only {name} order by {order}",
        hashes.join(" || ")
    );
    let limit = usize::try_from(rows).unwrap_or(usize::MAX);
    let found = session.rows(&sql, limit)?;
    let pair = |row: Vec<Option<String>>| {
        let [key, hashes]: [Option<String>; 2] = row.try_into().ok()?;
        Some((key?, hashes?))
    };
    Ok(found.rows.into_iter().filter_map(pair).collect())
}

fn sentence(before: &Rows, after: &Rows) -> String {
    let all = count(before.rows.len() as u64, "row");
    if before.key.columns.is_empty() {
        let mut others: HashMap<&str, usize> = HashMap::new();
        for (_, row) in &after.rows {
            *others.entry(row).or_default() += 1;
        }
        let gone = before.rows.iter().filter(|(_, row)| {
            let other = others.get_mut(row.as_str()).filter(|left| **left > 0);
            other.map(|left| *left -= 1).is_none()
        });
        return format!(
            "{} of {all} without an equal; the table has no primary key",
            gone.count()
        );
    }
    let now: HashMap<&String, &String> = after.rows.iter().map(|(key, row)| (key, row)).collect();
    let was: HashMap<&String, &String> = before.rows.iter().map(|(key, row)| (key, row)).collect();
    let mut columns = BTreeSet::new();
    let changed = before.rows.iter().filter(|(key, row)| {
        let Some(other) = now.get(key) else {
            return false;
        };
        let differing = differing(row, other);
        columns.extend(differing.iter().copied());
        !differing.is_empty()
    });
    let changed = keys(changed);
    let missing = keys(before.rows.iter().filter(|(key, _)| !now.contains_key(key)));
    let new = keys(after.rows.iter().filter(|(key, _)| !was.contains_key(key)));
    let names: Vec<&str> = columns
        .iter()
        .map(|at| before.columns[*at].as_str())
        .collect();
    let key = before.key.columns.join(", ");
    let part = |(number, first): &(usize, String), what: String| {
        (*number > 0).then(|| match before.key.is_shown {
            true => format!("{what}; {key} {first}"),
            false => what,
        })
    };
    let parts = [
        part(
            &changed,
            format!("{} of {all}: {}", changed.0, names.join(", ")),
        ),
        part(&missing, format!("{} missing", count(missing.0, "row"))),
        part(&new, format!("{} new", count(new.0, "row"))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The number of rows, and their first keys.
fn keys<'a>(rows: impl Iterator<Item = &'a (String, String)>) -> (usize, String) {
    let (mut number, mut first) = (0, Vec::new());
    for (key, _) in rows {
        number += 1;
        if number <= KEYS {
            first.push(key.trim_matches(['(', ')']));
        }
    }
    let more = if number > KEYS { ", ..." } else { "" };
    (number, format!("{}{more}", first.join(", ")))
}

/// Indexes of the columns whose hashes differ.
fn differing(row: &str, other: &str) -> Vec<usize> {
    let (row, other) = (row.as_bytes().chunks(HASH), other.as_bytes().chunks(HASH));
    let pairs = row.zip(other).enumerate();
    pairs
        .filter(|(_, (a, b))| a != b)
        .map(|(at, _)| at)
        .collect()
}
