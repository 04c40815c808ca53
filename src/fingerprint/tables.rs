//! Selection of the tables to read, with a check that they are readable.

use super::error::FingerprintError;
use super::{catalog, ledger};
use crate::database::Session;
use pgseal_verify::format::fingerprint::Scope;

/// A relation with rows of its own.
pub(super) struct RowsOf {
    /// Name as `schema.table`, quoted where SQL needs it.
    pub name: String,
    /// The name without quotes.
    plain: String,
    /// Kind of the relation.
    pub kind: Kind,
    /// The columns ordered by name, for SQL.
    pub columns: String,
    /// Size on disk in bytes.
    pub size: u64,
    /// True if this role may not read it.
    closed: bool,
    /// True if row-level security applies.
    filtered: bool,
    /// The table that a sequence belongs to.
    belongs_to: Option<String>,
}

/// Kind of a relation with rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A table, or a materialized view.
    Table,
    /// A materialized view that was never refreshed.
    Unpopulated,
    Sequence,
}

/// The relations in `scope`, ordered by name; an error if one is unreadable. A table includes its
/// own sequences.
pub(super) fn of(
    session: &mut dyn Session,
    scope: &Scope,
) -> Result<Vec<RowsOf>, FingerprintError> {
    let all = match scope {
        Scope::Schema => return Ok(Vec::new()),
        Scope::All | Scope::Tables(_) => list(session)?,
    };
    let chosen = match scope {
        Scope::Tables(wanted) => choose(all, wanted)?,
        _ => all,
    };
    let names = |wanted: fn(&RowsOf) -> bool| -> Vec<String> {
        chosen
            .iter()
            .filter(|table| wanted(table))
            .map(|table| table.name.clone())
            .collect()
    };
    let (closed, filtered) = (names(|table| table.closed), names(|table| table.filtered));
    if !closed.is_empty() {
        return Err(FingerprintError::NotReadable(closed));
    }
    if !filtered.is_empty() {
        return Err(FingerprintError::RowSecurity(filtered));
    }
    Ok(chosen)
}

/// The scope as recorded in the fingerprint: names as the server spells them, in order.
pub(super) fn resolved(scope: &Scope, tables: &[RowsOf]) -> Scope {
    match scope {
        Scope::Tables(_) => Scope::Tables(tables.iter().map(|table| table.name.clone()).collect()),
        whole => whole.clone(),
    }
}

fn choose(all: Vec<RowsOf>, wanted: &[String]) -> Result<Vec<RowsOf>, FingerprintError> {
    let is_named = |table: &RowsOf| {
        wanted
            .iter()
            .any(|name| *name == table.name || *name == table.plain)
    };
    let missing = wanted.iter().filter(|name| {
        !all.iter()
            .any(|table| table.name == **name || table.plain == **name)
    });
    let missing: Vec<String> = missing.cloned().collect();
    if !missing.is_empty() {
        return Err(FingerprintError::NoTable(missing));
    }
    let named: Vec<String> = all
        .iter()
        .filter(|table| is_named(table))
        .map(|table| table.name.clone())
        .collect();
    let comes_along = |table: &RowsOf| {
        table
            .belongs_to
            .as_ref()
            .is_some_and(|owner| named.contains(owner))
    };
    Ok(all
        .into_iter()
        .filter(|table| named.contains(&table.name) || comes_along(table))
        .collect())
}

fn list(session: &mut dyn Session) -> Result<Vec<RowsOf>, FingerprintError> {
    let sql = catalog::expand(catalog::TABLES, session.server_version_num() / 10_000);
    let table = session.rows(&sql, usize::MAX)?;
    let mut found = table
        .rows
        .into_iter()
        .map(one)
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| {
            FingerprintError::Unsound(
                "the server does not say what tables it has; one may have been dropped now"
                    .to_owned(),
            )
        })?;
    found.retain(|table| !ledger::is_its_relation(&table.name));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn one(row: Vec<Option<String>>) -> Option<RowsOf> {
    let [
        name,
        plain,
        kind,
        columns,
        size,
        readable,
        filtered,
        populated,
        belongs_to,
    ]: [Option<String>; 9] = row.try_into().ok()?;
    let is = |value: Option<String>| Some(value?.starts_with('t'));
    let kind = match (kind?.as_str(), is(populated)?) {
        ("S", _) => Kind::Sequence,
        (_, true) => Kind::Table,
        (_, false) => Kind::Unpopulated,
    };
    Some(RowsOf {
        name: name?,
        plain: plain?,
        kind,
        columns: columns.unwrap_or_default(),
        size: size?.parse().ok()?,
        closed: !is(readable)?,
        filtered: is(filtered)?,
        belongs_to,
    })
}
