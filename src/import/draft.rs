//! A draft of the way back, for changes whose tool has none: drops what the tier is seen to create.

use super::probes::{identifier, sql_name};
use crate::lint::effects::Effects;
use crate::lint::objects::{Kind, Object};
use psql_script::ObjectName;

/// Statements in reverse order; empty if nothing is seen.
pub fn draft(effects: &[Effects]) -> String {
    let created: Vec<&Object> = effects
        .iter()
        .flat_map(|effects| &effects.created)
        .collect();
    let is_new = |table: &ObjectName| {
        let mut tables = created.iter().filter(|object| object.kind == Kind::Table);
        tables.any(|object| object.name == *table)
    };
    let mut statements = Vec::new();
    for object in created.iter().rev() {
        let goes_along = object.of.as_ref().is_some_and(is_new) && object.kind != Kind::Table;
        if !object.replaces && !goes_along {
            statements.extend(drop(object));
        }
    }
    statements.concat()
}

fn drop(object: &Object) -> Option<String> {
    let name = sql_name(&object.name);
    let of = object.of.as_ref().map(sql_name);
    let kind = object.kind.as_str();
    Some(match (object.kind, of) {
        (Kind::Column, Some(of)) => {
            format!(
                "alter table {of} drop column {};\n",
                identifier(&object.name.name)
            )
        }
        (Kind::Constraint, Some(of)) => {
            format!(
                "alter table {of} drop constraint {};\n",
                identifier(&object.name.name)
            )
        }
        (Kind::Trigger | Kind::Policy | Kind::Rule, Some(of)) => {
            format!("drop {kind} {} on {of};\n", identifier(&object.name.name))
        }
        // An index is in the schema of its table, and missing where a run stopped.
        (Kind::Index, _) => {
            let schema = object.of.as_ref().and_then(|of| of.schema.clone());
            let index = ObjectName {
                schema,
                ..object.name.clone()
            };
            format!("drop index if exists {};\n", sql_name(&index))
        }
        (
            Kind::Table
            | Kind::View
            | Kind::Function
            | Kind::Type
            | Kind::Schema
            | Kind::Sequence
            | Kind::Extension
            | Kind::Publication
            | Kind::Statistics
            | Kind::Collation,
            _,
        ) => format!("drop {kind} {name};\n"),
        _ => return None,
    })
}
