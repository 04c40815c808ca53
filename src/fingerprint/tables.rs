//! Selection of the tables to read, with a check that they are readable.

use super::FingerprintError;
use super::{catalog, ledger};
use crate::database::Session;
use pgseal_verify::format::fingerprint::Scope;

pub(super) struct RowsOf {
    /// Name as `schema.table`, quoted where SQL needs it.
    pub name: String,
    plain: String,
    pub kind: Kind,
    /// The columns ordered by name, for SQL.
    pub columns: String,
    pub size: u64,
    /// True if this role may not read it.
    closed: bool,
    /// True if row-level security applies.
    filtered: bool,
    /// The table that a sequence belongs to.
    belongs_to: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A table, or a materialized view.
    Table,
    /// A materialized view that was never refreshed.
    Unpopulated,
    Sequence,
}

/// Tables, materialized views and sequences. The columns are: `schema.table`, the same without
/// quotes, the kind, the columns ordered by name, the size in bytes, whether the role may read all
/// of it, whether row-level security would hide rows, whether it is populated, and the table that a
/// sequence belongs to.
///
/// Of an extension's relations, only tables that it declares as user data
/// (`pg_extension_config_dump`).
pub(super) const TABLES: &str = r#"
    select format('%I.%I', n.nspname, c.relname), n.nspname || '.' || c.relname, c.relkind,
        (select string_agg(quote_ident(a.attname), ', ' order by a.attname::text collate "C") from pg_attribute a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
        pg_relation_size(c.oid),
        has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT'),
        row_security_active(c.oid), c.relispopulated,
        (select format('%I.%I', tn.nspname, t.relname) from pg_depend d join pg_class t on t.oid = d.refobjid
            join pg_namespace tn on tn.oid = t.relnamespace where c.relkind = 'S' and d.classid = 'pg_class'::regclass
            and d.objid = c.oid and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
            and d.refobjsubid > 0)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm', 'S') and {ours n pg_class c.oid}
        and ({free pg_class c.oid} or exists (select from pg_extension e where c.oid = any (e.extconfig)))"#;

/// The relations in `scope`, ordered by name; an error if one is unreadable. A table includes its
/// own sequences.
pub(super) fn of(
    session: &mut dyn Session,
    scope: &Scope,
) -> Result<Vec<RowsOf>, FingerprintError> {
    let tables = match scope {
        Scope::Schema => return Ok(Vec::new()),
        Scope::All => list(session)?,
        Scope::Tables(wanted) => choose(list(session)?, wanted)?,
    };
    let names = |wanted: fn(&RowsOf) -> bool| -> Vec<String> {
        let tables = tables.iter().filter(|table| wanted(table));
        tables.map(|table| table.name.clone()).collect()
    };
    let (closed, filtered) = (names(|table| table.closed), names(|table| table.filtered));
    if !closed.is_empty() {
        return Err(FingerprintError::NotReadable(closed));
    }
    if !filtered.is_empty() {
        return Err(FingerprintError::RowSecurity(filtered));
    }
    Ok(tables)
}

/// The scope as recorded in the fingerprint: names as the server spells them, in order.
pub(super) fn resolved(scope: &Scope, tables: &[RowsOf]) -> Scope {
    match scope {
        Scope::Tables(_) => Scope::Tables(tables.iter().map(|table| table.name.clone()).collect()),
        whole => whole.clone(),
    }
}

fn choose(all: Vec<RowsOf>, wanted: &[String]) -> Result<Vec<RowsOf>, FingerprintError> {
    let is = |table: &RowsOf, name: &String| *name == table.name || *name == table.plain;
    let mut missing = wanted.to_vec();
    missing.retain(|name| !all.iter().any(|table| is(table, name)));
    if !missing.is_empty() {
        return Err(FingerprintError::NoTable(missing));
    }
    let is_named = |table: &&RowsOf| wanted.iter().any(|name| is(table, name));
    let named = all.iter().filter(is_named);
    let named: Vec<String> = named.map(|table| table.name.clone()).collect();
    let is_chosen = |table: &RowsOf| {
        let owner = table.belongs_to.as_ref();
        named.contains(&table.name) || owner.is_some_and(|owner| named.contains(owner))
    };
    Ok(all.into_iter().filter(is_chosen).collect())
}

fn list(session: &mut dyn Session) -> Result<Vec<RowsOf>, FingerprintError> {
    let sql = catalog::expand(TABLES, session.server_version_num() / 10_000);
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
