//! A draft of the way back, for changes whose tool has none: drops what the tier is seen to create.

use std::collections::BTreeMap;

use super::probes::{identifier, sql_name};
use crate::lint::effects::Effects;
use crate::lint::objects::{Kind, Object};
use psql_script::{ObjectName, Tokens};

/// The newest definitions of what the changes create.
#[derive(Default)]
pub struct Definitions(BTreeMap<String, String>);

impl Definitions {
    /// Adds a statement, if it creates something that one later can replace.
    pub fn add(&mut self, effects: &Effects, sql: &str) {
        let tokens = Tokens::first(sql, 2);
        for object in &effects.created {
            let replaced = match tokens.is(1, "or") {
                true => sql.trim().to_owned(),
                false => {
                    let (create, rest) = sql.split_at(tokens.start(1));
                    format!("{}or replace {}", create.trim_start(), rest.trim_end())
                }
            };
            self.0.insert(key(object), replaced);
        }
    }

    fn before(&self, object: &Object) -> Option<String> {
        self.0.get(&key(object)).map(|sql| format!("{sql}\n"))
    }
}

fn key(object: &Object) -> String {
    let of = object.of.as_ref().map(sql_name);
    format!("{} {} {of:?}", object.kind.as_str(), sql_name(&object.name))
}

/// Statements in reverse order; empty if nothing is seen. What the tier replaces gets its definition from before;
/// `is_first`: without one, it is new.
pub fn draft(effects: &[Effects], before: &Definitions, is_first: bool) -> String {
    let created = left(effects);
    let is_new = |table: &ObjectName| {
        let mut tables = created.iter().filter(|object| object.kind == Kind::Table);
        tables.any(|object| object.name == *table)
    };
    let mut statements = Vec::new();
    for object in created.iter().rev() {
        let goes_along = object.of.as_ref().is_some_and(is_new) && object.kind != Kind::Table;
        let replaced = before.before(object).filter(|_| object.replaces);
        if let Some(sql) = replaced {
            statements.push(sql);
        } else if (!object.replaces || is_first) && !goes_along {
            statements.extend(drop(object));
        }
    }
    statements.concat()
}

/// The objects that the statements create and leave, by their last names.
fn left(effects: &[Effects]) -> Vec<Object> {
    let mut left = Vec::new();
    for (i, those) in effects.iter().enumerate() {
        'created: for object in &those.created {
            let mut object = object.clone();
            for later in &effects[i + 1..] {
                if later.dropped.iter().any(|dropped| dropped.can_be(&object)) {
                    continue 'created;
                }
                let mut renamed = later.renamed.iter();
                if let Some((_, name)) = renamed.find(|(old, _)| old.can_be(&object)) {
                    object.name.name.clone_from(name);
                }
            }
            left.push(object);
        }
    }
    left
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::effects::effects;

    /// A draft knows what became of an object in its own tier.
    #[test]
    fn drafts_drop_what_is_left() {
        for (sql, expected) in [
            (
                &[
                    "alter table t add column a int",
                    "alter table t rename column a to b",
                ][..],
                "alter table t drop column b;\n",
            ),
            (&["create table a (b int)", "drop table a"], ""),
            (
                &["create table a (b int)", "alter table a rename to c"],
                "drop table c;\n",
            ),
            (
                &["drop view v", "create view v as select 1"],
                "drop view v;\n",
            ),
        ] {
            let effects: Vec<Effects> = sql.iter().map(|sql| effects(&Tokens::new(sql))).collect();
            assert_eq!(
                draft(&effects, &Definitions::default(), true),
                expected,
                "{sql:?}"
            );
        }
    }
}
