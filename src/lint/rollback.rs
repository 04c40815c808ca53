//! `missing-rollback`: what a tier creates and no rollback script drops. Names are compared as far as they are written;
//! what can't be told counts as dropped.

use super::objects::{Effects, Kind, Object};
use super::scripts::{Purpose, Reading};
use crate::bundle::problem::Problem;
use crate::sql::{Position, STAND_IN};

/// One problem an object.
pub fn problems(readings: &[Reading]) -> Vec<Problem> {
    let created = created(readings);
    let undoing: Vec<&Reading> = readings.iter().filter(|reading| reading.purpose == Purpose::Rollback).collect();
    let undone = |made: &Object| {
        let nothing = Effects::default();
        undoing.iter().any(|reading| {
            reading.definitions.iter().any(|definition| undoes(&definition.effects, None, made))
                || reading.dynamic.iter().any(|text| undoes(&nothing, Some(text), made))
        })
    };
    // a name that only the run knows can't be compared
    let is_known = |object: &Object| {
        let names = std::iter::once(&object.name).chain(&object.of);
        !names.map(ToString::to_string).any(|name| name.contains(STAND_IN))
    };
    let left = created.iter().filter(|(object, _)| is_known(object) && !undone(object));
    let problem = |(object, at): &(Object, Position)| {
        let of = object.of.as_ref().map(|of| format!(" of {of}")).unwrap_or_default();
        let name = if object.name.name.ends_with('_') && object.kind == Kind::Index {
            "without a name".to_owned()
        } else {
            object.name.to_string()
        };
        let text = format!("no rollback script drops the {} {name}{of}", object.kind.as_str());
        Problem::at(at, text).rule("missing-rollback")
    };
    left.map(problem).collect()
}

/// What is there after the tiers and was not before, and where it was made.
fn created(readings: &[Reading]) -> Vec<(Object, Position)> {
    let mut created: Vec<(Object, Position)> = Vec::new();
    for reading in readings.iter().filter(|reading| reading.purpose == Purpose::Tier) {
        for definition in &reading.definitions {
            let effects = &definition.effects;
            created.retain(|(made, _)| !effects.dropped.iter().any(|dropped| is_same(made, dropped)));
            for (from, to) in &effects.renamed {
                for (made, _) in created.iter_mut().filter(|(made, _)| is_same(made, from)) {
                    made.name.name.clone_from(to);
                }
            }
            let made = effects.created.iter().map(|object| (object.clone(), definition.place(object.name.at)));
            created.extend(made);
        }
    }
    created
}

/// Whether a statement of a rollback script, or the body of its DO block, takes back what a tier made.
pub fn undoes(effects: &Effects, dynamic: Option<&str>, made: &Object) -> bool {
    let owner = made.of.as_ref().map(|of| Object { kind: Kind::Table, name: of.clone(), of: None, conditional: false });
    let owner = owner.as_ref();
    let drops = |dropped: &Object| {
        let unnamed = dropped.kind == Kind::Index
            && made.kind == Kind::Index
            && made.name.name.ends_with('_')
            && dropped.name.name.starts_with(&made.name.name);
        is_same(made, dropped) || unnamed || owner.is_some_and(|owner| is_same(owner, dropped))
    };
    let drops_schema = |dropped: &Object| {
        dropped.kind == Kind::Schema
            && [made, owner.unwrap_or(made)]
                .iter()
                .any(|object| object.name.schema.as_ref().is_some_and(|schema| *schema == dropped.name.name))
    };
    effects.dropped.iter().chain(effects.renamed.iter().map(|(from, _)| from)).any(drops)
        // made again as it was: `CREATE OR REPLACE` of the version before
        || effects.created.iter().any(|restored| is_same(made, restored))
        || effects.cascade && effects.dropped.iter().any(drops_schema)
        || dynamic.is_some_and(|text| text.contains(&made.name.name.to_ascii_lowercase()))
}

/// Whether two names can mean the same object.
pub fn is_same(a: &Object, b: &Object) -> bool {
    let schemas = match (&a.name.schema, &b.name.schema) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    let of = match (&a.of, &b.of) {
        (Some(a), Some(b)) if matches!((a.schema.as_ref(), b.schema.as_ref()), (Some(x), Some(y)) if x != y) => false,
        (Some(a), Some(b)) => a.name == b.name,
        _ => true,
    };
    a.kind == b.kind && a.name.name == b.name.name && schemas && of
}
