//! Evidence that a change ran, for rollback scripts behind a tier without a transaction: a run may have stopped before it.

use super::probes::{literal, sql_name};
use crate::lint::effects::Effects;
use crate::lint::objects::{Kind, Object};
use psql_script::ObjectName;

/// A condition over the first object that the statements are seen to create.
pub fn evidence(effects: &[Effects]) -> Option<String> {
    let created = effects.iter().flat_map(|effects| &effects.created);
    // Others may have been there before.
    let mut new = created.filter(|object| !object.conditional);
    new.find_map(exists)
}

/// The script, run only where the condition holds.
pub fn guarded(condition: &str, sql: &str) -> String {
    format!(
        "-- A run that stopped half way may not have come here.\n\
         select {condition} as was_imported \\gset\n\\if :was_imported\n{}\n\\endif\n",
        sql.trim_end()
    )
}

/// A condition that holds where the object exists.
pub fn exists(object: &Object) -> Option<String> {
    let name = literal(&object.name.name);
    let of = object.of.as_ref().map(|of| literal(&sql_name(of)));
    Some(match (object.kind, of) {
        (Kind::Table | Kind::View | Kind::Sequence, _) => relation(&object.name),
        (Kind::Index, Some(_)) => relation(&ObjectName {
            schema: object.of.as_ref().and_then(|of| of.schema.clone()),
            ..object.name.clone()
        }),
        (Kind::Column, Some(of)) => format!(
            "exists (select from pg_catalog.pg_attribute where attrelid = to_regclass({of}) and attname = {name} and not attisdropped)"
        ),
        (Kind::Constraint, Some(of)) => format!(
            "exists (select from pg_catalog.pg_constraint where conrelid = to_regclass({of}) and conname = {name})"
        ),
        (Kind::Trigger, Some(of)) => format!(
            "exists (select from pg_catalog.pg_trigger where tgrelid = to_regclass({of}) and tgname = {name})"
        ),
        (Kind::Type, _) => {
            format!(
                "to_regtype({}) is not null",
                literal(&sql_name(&object.name))
            )
        }
        (Kind::Schema, _) => format!(
            "to_regnamespace({}) is not null",
            literal(&sql_name(&object.name))
        ),
        (Kind::Function, _) => {
            let schema = match &object.name.schema {
                Some(schema) => literal(schema),
                None => "current_schema()".to_owned(),
            };
            format!(
                "exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where n.nspname = {schema} and p.proname = {name})"
            )
        }
        (Kind::Extension, _) => {
            format!("exists (select from pg_catalog.pg_extension where extname = {name})")
        }
        _ => return None,
    })
}

fn relation(name: &ObjectName) -> String {
    format!("to_regclass({}) is not null", literal(&sql_name(name)))
}
