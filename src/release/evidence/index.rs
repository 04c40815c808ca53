//! Indexes as recorded in the catalog.

use super::names::oid;
use crate::database::{DatabaseError, Session, Table};

/// A relation that may be an index.
#[derive(Debug)]
pub(super) struct Relation {
    pub oid: u32,
    /// Its schema and name, quoted where SQL needs it.
    pub name: String,
    /// `None` if the relation is not an index.
    pub index: Option<Index>,
}

/// The index properties of a relation.
#[derive(Debug)]
pub(super) struct Index {
    pub table: u32,
    /// Valid, ready and live: queries use it and writers keep it.
    pub valid: bool,
    /// The statement that would create it.
    pub definition: String,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select c.oid::text, pg_catalog.format('%I.%I', n.nspname, c.relname), i.indrelid::text,
                    (i.indisvalid and i.indisready and i.indislive)::text, pg_catalog.pg_get_indexdef(c.oid)
             from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                  left join pg_catalog.pg_index i on i.indexrelid = c.oid
             where ",
            $condition
        )
    };
}

/// The relation with this oid.
pub(super) fn by_oid(
    session: &mut dyn Session,
    oid: u32,
) -> Result<Option<Relation>, DatabaseError> {
    read(session.query(select!("c.oid = $1::oid"), &[&oid.to_string()])?)
}

/// The relation with this oid, if it is an index.
pub(super) fn index_of(
    session: &mut dyn Session,
    oid: Option<u32>,
) -> Result<Option<Index>, DatabaseError> {
    let relation = oid.map(|oid| by_oid(session, oid)).transpose()?.flatten();
    Ok(relation.and_then(|relation| relation.index))
}

/// The relation of this name in a table's schema; an index is in its table's schema. The server
/// truncates a long name in its own encoding.
pub(super) fn beside(
    session: &mut dyn Session,
    table: u32,
    name: &str,
) -> Result<Option<Relation>, DatabaseError> {
    read(session.query(
        select!(
            "n.oid = (select t.relnamespace from pg_catalog.pg_class t where t.oid = $1::oid)
             and c.relname = $2::pg_catalog.name"
        ),
        &[&table.to_string(), name],
    )?)
}

fn read(table: Table) -> Result<Option<Relation>, DatabaseError> {
    let Some(row) = table.rows.into_iter().next() else {
        return Ok(None);
    };
    let [Some(own), Some(name), of, valid, definition] = row.as_slice() else {
        return Err(DatabaseError::unsound(
            "the catalog has an index without a name".to_owned(),
        ));
    };
    let index = of.as_ref().map(|table| {
        let definition = definition.clone().unwrap_or_default();
        Ok(Index {
            table: oid(table)?,
            valid: valid.as_deref() == Some("true"),
            definition,
        })
    });
    Ok(Some(Relation {
        oid: oid(own)?,
        name: name.clone(),
        index: index.transpose()?,
    }))
}
