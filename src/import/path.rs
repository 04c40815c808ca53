//! The schema of names without one. A probe looks them up by name, where the search path of a script does not count.

use crate::lint::effects::Effects;
use crate::lint::objects::{Kind, Object};
use psql_script::{ObjectName, Tokens};

/// The schema of a release without `search_path`.
pub const DEFAULT: &str = "public";

/// The first schema that `SET search_path` names.
pub fn set_by(sql: &str) -> Option<String> {
    let tokens = Tokens::first(sql, 6);
    let at = match tokens.is_any(1, &["session", "local"]) {
        true => 2,
        false => 1,
    };
    if !tokens.is(0, "set") || !tokens.is(at, "search_path") {
        return None;
    }
    tokens.identifier(at + 2).or_else(|| tokens.literal(at + 2))
}

/// The effects with a schema for each name that can have one.
pub fn qualified(mut effects: Effects, schema: &str) -> Effects {
    let objects = effects.created.iter_mut().chain(&mut effects.dropped);
    let renamed = effects.renamed.iter_mut().map(|(object, _)| object);
    for object in objects.chain(renamed).chain(&mut effects.moved) {
        qualify(object, schema);
    }
    effects
}

fn qualify(object: &mut Object, schema: &str) {
    let set = |name: &mut ObjectName| {
        name.schema.get_or_insert_with(|| schema.to_owned());
    };
    object.of.iter_mut().for_each(set);
    use Kind::{Collation, Function, Sequence, Statistics, Table, Type, View};
    if matches!(
        object.kind,
        Table | View | Sequence | Function | Type | Statistics | Collation
    ) {
        set(&mut object.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::effects::effects;

    #[test]
    fn names_get_the_schema_of_the_path() {
        for (sql, schema) in [
            ("set search_path = shop, public;", Some("shop")),
            ("SET LOCAL search_path TO \"Shop\"", Some("Shop")),
            ("set search_path to 'shop'", Some("shop")),
            ("set work_mem = '1MB'", None),
        ] {
            assert_eq!(set_by(sql).as_deref(), schema, "{sql}");
        }
        for (sql, name, of) in [
            ("create table t (a int)", "shop.t", None),
            ("create table other.t (a int)", "other.t", None),
            ("alter table t add column a int", "a", Some("shop.t")),
            ("create index i on t (a)", "i", Some("shop.t")),
            ("create schema s", "s", None),
        ] {
            let effects = qualified(effects(&Tokens::new(sql)), "shop");
            let object = &effects.created[0];
            assert_eq!(object.name.to_string(), name, "{sql}");
            assert_eq!(
                object.of.as_ref().map(ToString::to_string).as_deref(),
                of,
                "{sql}"
            );
        }
    }
}
