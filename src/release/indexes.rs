//! Maps indexes to their tables: waiting for a table includes waiting for its indexes.

use std::collections::BTreeMap;

use super::gate;
use super::run_context::RunContext;
use crate::database::Purpose;

const TABLES: &str =
    "select pg_catalog.concat(n.nspname, '.', c.relname), pg_catalog.concat(tn.nspname, '.', t.relname)
    from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) i.indexrelid
    join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
    join pg_catalog.pg_class t on t.oid operator(pg_catalog.=) i.indrelid
    join pg_catalog.pg_namespace tn on tn.oid operator(pg_catalog.=) t.relnamespace
    where pg_catalog.concat(n.nspname, '.', c.relname) operator(pg_catalog.=) any (
        select value from pg_catalog.json_array_elements_text($1::pg_catalog.text::pg_catalog.json))";

/// The tables of those relations, each `schema.name`, that are indexes in the database now. Returns
/// an empty map if the query fails, because only the display of locks depends on it.
pub fn tables<'n>(
    order: &RunContext<'_>,
    relations: impl IntoIterator<Item = &'n str>,
) -> BTreeMap<String, String> {
    let relations = serde_json::json!(relations.into_iter().collect::<Vec<_>>()).to_string();
    let Ok((mut session, _)) = gate::open(order, order.root().policy(), Purpose::Read) else {
        return BTreeMap::new();
    };
    let Ok(found) = session.query(TABLES, &[&relations]) else {
        return BTreeMap::new();
    };
    let pair = |row: Vec<Option<String>>| match &row[..] {
        [Some(index), Some(table)] => Some((index.clone(), table.clone())),
        _ => None,
    };
    found.rows.into_iter().filter_map(pair).collect()
}
