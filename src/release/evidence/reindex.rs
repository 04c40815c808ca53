//! REINDEX. With CONCURRENTLY each index is built as `NAME_ccnew`, swapped with the old one, which
//! is then dropped as `NAME_ccold`; a failure in between leaves one of the two, INVALID. Rebuilding
//! an index is harmless but slow, so complete ones are not repeated.

use super::answer::{Before, Built, Effect, Refused};
use super::index::{by_oid, index_of};
use super::look::Look;
use super::names::{first_column, list, oid};
use super::working;
use crate::database::{DatabaseError, Session, Table};
use psql_script::Reindexed;

/// Refuses where an earlier REINDEX left something on the same table.
pub(super) fn before(
    session: &mut dyn Session,
    of: &Reindexed,
    named: Option<u32>,
) -> Result<Before, Refused> {
    let (tables, indexes) = match (of, named) {
        // Leftovers of other sessions may be anywhere in it: they are recorded, and kept.
        (Reindexed::Many, _) => (None, Vec::new()),
        (_, None) => (Some(Vec::new()), Vec::new()),
        (Reindexed::Index(_), Some(index)) => {
            (Some(tables_of(session, index)?), built_of(session, index)?)
        }
        (Reindexed::Table(_), Some(table)) => {
            let tables = tables_of(session, table)?;
            let built = built_on(session, &tables)?;
            (Some(tables), built)
        }
    };
    let left = leftovers(session, tables.as_deref())?;
    if let (Some(tables), Some(first)) = (&tables, left.first()) {
        return Err(match working::holder(session, tables)? {
            Some(who) => Refused::found(
                format!(
                    "index {} is INVALID, and {who}: it may be building it",
                    first.name
                ),
                "wait for it, then run again".to_owned(),
            ),
            None => Refused::found(
                format!("an earlier REINDEX CONCURRENTLY left {}", names(&left)),
                format!(
                    "if it is not needed, clear it away with {}, then run again",
                    cleanup(&left).join("; ")
                ),
            ),
        });
    }
    let invalid = left.into_iter().map(|left| left.index).collect();
    Ok(Before::Reindex {
        tables,
        indexes,
        invalid,
    })
}

/// REINDEX with the state before it.
pub(super) struct Reindex<'a> {
    pub of: &'a Reindexed,
    /// What its name means now.
    pub now: Option<u32>,
    /// The table, its partitions, and their TOAST tables; `None` is the whole database.
    pub tables: Option<&'a [u32]>,
    pub indexes: &'a [Built],
    /// INVALID indexes left by others.
    pub invalid: &'a [u32],
}

impl Look for Reindex<'_> {
    fn relations(&self) -> Vec<u32> {
        self.tables.unwrap_or_default().to_vec()
    }

    /// Confirms that there are no leftovers, and that the index is valid. The remark names indexes
    /// that the server skipped with a warning: INVALID ones, those of exclusion constraints, and on
    /// PostgreSQL 13 all of a partitioned table.
    fn confirm(&self, session: &mut dyn Session) -> Result<Option<String>, Refused> {
        let left = self.new_leftovers(session)?;
        if !left.is_empty() {
            return Err(Refused::found(
                format!("the server said that it is done, but left {}", names(&left)),
                format!(
                    "clear it away with {}, then go on",
                    cleanup(&left).join("; ")
                ),
            ));
        }
        let mut skipped = Vec::new();
        for old in still_as_built(session, self.indexes)? {
            skipped.extend(by_oid(session, old)?.map(|old| old.name));
        }
        match (self.of, self.now) {
            (Reindexed::Index(_), Some(index)) => match by_oid(session, index)? {
                Some(there) if there.index.as_ref().is_some_and(|index| !index.valid) => {
                    Err(Refused::not_so(&format!("index {} is INVALID", there.name)))
                }
                _ if !skipped.is_empty() => Err(Refused::not_so(&format!(
                    "not built anew: {}",
                    skipped.join(", ")
                ))),
                _ => Ok(None),
            },
            (Reindexed::Table(_), Some(_)) => {
                skipped.extend(invalid_on(session, self.tables.unwrap_or_default())?);
                let remark = format!("REINDEX passed over {}", skipped.join(", "));
                Ok((!skipped.is_empty()).then_some(remark))
            }
            _ => Ok(None),
        }
    }

    /// Finds leftovers, or whether all indexes were rebuilt.
    fn find(&self, session: &mut dyn Session, _: &str) -> Result<Effect, DatabaseError> {
        let left = self.new_leftovers(session)?;
        if left.is_empty() {
            let is_complete =
                !self.indexes.is_empty() && still_as_built(session, self.indexes)?.is_empty();
            return Ok(if is_complete {
                Effect::Took(
                    "every index is another one than before, or in another file".to_owned(),
                )
            } else {
                Effect::NotThere(
                    "it left nothing behind, and building indexes again does no harm".to_owned(),
                )
            });
        }
        let on: Vec<u32> = left.iter().map(|left| left.table).collect();
        Ok(match working::holder(session, &on)? {
            Some(who) => Effect::StillRunning(format!("INVALID so far: {}; {who}", names(&left))),
            // As a rule only a superuser may do anything with TOAST tables.
            None if left.iter().any(|left| !left.droppable) => Effect::Undecidable(format!(
                "it left INVALID indexes that this role may not drop: have a superuser run {}, then go on",
                cleanup(&left).join("; ")
            )),
            None => Effect::Leftover {
                what: format!("INVALID, and not there before: {}", names(&left)),
                cleanup: cleanup(&left),
            },
        })
    }

    fn changed_name(&self, session: &mut dyn Session) -> Result<Option<String>, DatabaseError> {
        let (Some(tables), Reindexed::Index(name) | Reindexed::Table(name)) =
            (self.tables, self.of)
        else {
            return Ok(None);
        };
        // A rebuilt index is another one of the same name.
        let table = match self.of {
            Reindexed::Index(_) => index_of(session, self.now)?.map(|index| index.table),
            _ => self.now,
        };
        let is_same = table.map_or(tables.is_empty(), |table| tables.contains(&table));
        Ok((!is_same).then(|| name.to_string()))
    }
}

impl Reindex<'_> {
    /// Leftovers that did not exist before. An old index keeps its oid and gets such a name.
    fn new_leftovers(&self, session: &mut dyn Session) -> Result<Vec<Leftover>, DatabaseError> {
        let mut left = leftovers(session, self.tables)?;
        left.retain(|left| !self.invalid.contains(&left.index));
        Ok(left)
    }
}

/// An INVALID index with a name that REINDEX CONCURRENTLY gives.
struct Leftover {
    index: u32,
    table: u32,
    /// Its schema and name, quoted where SQL needs it.
    name: String,
    /// Whether this role may drop it.
    droppable: bool,
}

fn names(left: &[Leftover]) -> String {
    left.iter()
        .map(|left| left.name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

fn cleanup(left: &[Leftover]) -> Vec<String> {
    left.iter()
        .map(|left| format!("DROP INDEX CONCURRENTLY {}", left.name))
        .collect()
}

fn leftovers(
    session: &mut dyn Session,
    tables: Option<&[u32]>,
) -> Result<Vec<Leftover>, DatabaseError> {
    let tables = tables.map_or("all".to_owned(), list);
    let found = session.query(
        "select c.oid::text, i.indrelid::text, pg_catalog.format('%I.%I', n.nspname, c.relname),
                (pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                 and (pg_catalog.pg_has_role(c.relowner, 'USAGE') or pg_catalog.pg_has_role(n.nspowner, 'USAGE')))::text
         from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
              join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where not i.indisvalid and c.relkind = 'i' and c.relpersistence <> 't' and c.relname ~ '_cc(new|old)[0-9]*$'
           and ($1 = 'all' or i.indrelid::text = any (pg_catalog.string_to_array($1, ',')))
         order by n.nspname, c.relname",
        &[tables.as_str()],
    )?;
    let read = |row: Vec<Option<String>>| {
        let mut values = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || values.next().unwrap_or_default();
        Ok(Leftover {
            index: oid(&next())?,
            table: oid(&next())?,
            name: next(),
            droppable: next() == "true",
        })
    };
    found.rows.into_iter().map(read).collect()
}

/// The table itself or an index's, its partitions, and the TOAST tables of them all.
fn tables_of(session: &mut dyn Session, relation: u32) -> Result<Vec<u32>, DatabaseError> {
    let found = session.query(
        "with named as (
             select coalesce(i.indrelid, c.oid) as oid
             from pg_catalog.pg_class c left join pg_catalog.pg_index i on i.indexrelid = c.oid where c.oid = $1::oid),
         tree as (
             select oid from named
             union select p.relid::oid from named, pg_catalog.pg_partition_tree(named.oid::regclass) p)
         select oid::text from tree
         union select c.reltoastrelid::text from tree join pg_catalog.pg_class c on c.oid = tree.oid
         where c.reltoastrelid <> 0",
        &[relation.to_string().as_str()],
    )?;
    first_column(found).map(|text| oid(&text)).collect()
}

/// An index, or the indexes of the partitions of a partitioned one.
fn built_of(session: &mut dyn Session, index: u32) -> Result<Vec<Built>, DatabaseError> {
    built(session.query(
        "select c.oid::text, pg_catalog.pg_relation_filenode(c.oid::regclass)::text from pg_catalog.pg_class c
         where c.relkind = 'i' and c.oid in (
             select $1::oid union select p.relid::oid from pg_catalog.pg_partition_tree($1::oid::regclass) p)",
        &[index.to_string().as_str()],
    )?)
}

/// The valid indexes of tables.
fn built_on(session: &mut dyn Session, tables: &[u32]) -> Result<Vec<Built>, DatabaseError> {
    built(session.query(
        "select c.oid::text, pg_catalog.pg_relation_filenode(c.oid::regclass)::text
         from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
         where c.relkind = 'i' and i.indisvalid and i.indrelid::text = any (pg_catalog.string_to_array($1, ','))",
        &[list(tables).as_str()],
    )?)
}

fn built(table: Table) -> Result<Vec<Built>, DatabaseError> {
    let read = |row: Vec<Option<String>>| match row.as_slice() {
        [Some(index), Some(file)] => Some(oid(index).and_then(|index| {
            Ok(Built {
                index,
                file: oid(file)?,
            })
        })),
        // Gone while it was asked for.
        _ => None,
    };
    table.rows.into_iter().filter_map(read).collect()
}

/// Those that are as they were built then.
fn still_as_built(session: &mut dyn Session, indexes: &[Built]) -> Result<Vec<u32>, DatabaseError> {
    let all: Vec<u32> = indexes.iter().map(|built| built.index).collect();
    let now = built(session.query(
        "select c.oid::text, pg_catalog.pg_relation_filenode(c.oid::regclass)::text from pg_catalog.pg_class c
         where c.relkind = 'i' and c.oid::text = any (pg_catalog.string_to_array($1, ','))",
        &[list(&all).as_str()],
    )?)?;
    Ok(now
        .into_iter()
        .filter(|now| indexes.contains(now))
        .map(|now| now.index)
        .collect())
}

fn invalid_on(session: &mut dyn Session, tables: &[u32]) -> Result<Vec<String>, DatabaseError> {
    let found = session.query(
        "select pg_catalog.format('%I.%I', n.nspname, c.relname)
         from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
              join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'i' and not i.indisvalid and i.indrelid::text = any (pg_catalog.string_to_array($1, ','))
         order by 1",
        &[list(tables).as_str()],
    )?;
    Ok(first_column(found).collect())
}
