//! `missing-rollback`: what a tier creates and no rollback script drops. Names are compared as far as they are written;
//! what can't be told counts as dropped.

use super::objects::{Effects, Kind, Object};
use super::scripts::{Purpose, Reading};
use super::temporary::Temporary;
use super::undoing::can_be;
use crate::bundle::problem::Problem;
use crate::sql::{Position, STAND_IN};

/// One problem an object.
pub fn problems(readings: &[Reading]) -> Vec<Problem> {
    let created = created(readings);
    let undoing: Vec<&Reading> = readings.iter().filter(|reading| reading.purpose == Purpose::Rollback).collect();
    let mut temporary = Temporary::default();
    let back: Vec<Effects> = undoing
        .iter()
        .flat_map(|reading| &reading.definitions)
        .map(|definition| temporary.told_apart(&definition.effects))
        .collect();
    let undone = |made: &Object| {
        let nothing = Effects::default();
        taken_back(back.iter().map(|effects| (effects, None)), made).is_some()
            || undoing.iter().flat_map(|reading| &reading.dynamic).any(|text| undoes(&nothing, Some(text), made))
    };
    // a name that only the run knows can't be compared
    let is_known = |object: &Object| {
        let names = std::iter::once(&object.name).chain(&object.of);
        !names.map(ToString::to_string).any(|name| name.contains(STAND_IN))
    };
    let (undone, mut left): (Vec<_>, Vec<_>) = created.iter().partition(|(object, _)| undone(object));
    let mut gone: Vec<&Object> = undone.into_iter().map(|(object, _)| object).collect();
    // What goes with a partition goes with the table that the partition goes with.
    loop {
        let (with, still) = left.into_iter().partition(|(object, _)| gone.iter().any(|gone| goes_with(object, gone)));
        left = still;
        if Vec::is_empty(&with) {
            break;
        }
        gone.extend(with.into_iter().map(|(object, _)| object));
    }
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
    left.into_iter().filter(|(object, _)| is_known(object)).map(problem).collect()
}

/// What is there after the tiers and was not before, and where it was made.
fn created(readings: &[Reading]) -> Vec<(Object, Position)> {
    let mut created: Vec<(Object, Position)> = Vec::new();
    let mut temporary = Temporary::default();
    for reading in readings.iter().filter(|reading| reading.purpose == Purpose::Tier) {
        for definition in &reading.definitions {
            let effects = temporary.told_apart(&definition.effects);
            let goes = |made: &Object, dropped: &Object| is_same(made, dropped) || goes_with(made, dropped);
            created.retain(|(made, _)| !effects.dropped.iter().any(|dropped| goes(made, dropped)));
            effects.renamed.iter().for_each(|(from, to)| rename(&mut created, from, to));
            let made = effects.created.iter().map(|object| (object.clone(), definition.place(object.name.at)));
            created.extend(made);
        }
    }
    created
}

/// Which of these statements, one behind the other, takes back what a tier made; each may be a DO block, whose body stands
/// beside what it does. Who renames it may drop it by either name: the script may have asked before.
pub fn taken_back<'e>(back: impl IntoIterator<Item = (&'e Effects, Option<&'e str>)>, made: &Object) -> Option<usize> {
    let mut names = vec![made.clone()];
    for (i, (effects, dynamic)) in back.into_iter().enumerate() {
        if names.iter().any(|made| undoes(effects, dynamic, made)) {
            return Some(i);
        }
        for (from, to) in &effects.renamed {
            let renamed: Vec<Object> = names.iter().filter_map(|made| renamed(made, from, to)).collect();
            names.extend(renamed.into_iter().filter(|made| !names.contains(made)).collect::<Vec<_>>());
        }
    }
    None
}

/// The object, and what names it as its table.
fn rename(created: &mut [(Object, Position)], from: &Object, to: &str) {
    for (made, _) in created {
        if let Some(renamed) = renamed(made, from, to) {
            *made = renamed;
        }
    }
}

/// What an object is called then, or its table.
fn renamed(made: &Object, from: &Object, to: &str) -> Option<Object> {
    let mut now = made.clone();
    if is_same(made, from) {
        to.clone_into(&mut now.name.name);
    }
    if let Some(of) = now.of.as_mut().filter(|of| from.kind == Kind::Table && can_be(of, &from.name)) {
        to.clone_into(&mut of.name);
    }
    (now != *made).then_some(now)
}

/// Whether it is gone when this is dropped: with its table; an index also with a column of its own.
fn goes_with(made: &Object, dropped: &Object) -> bool {
    let Some(of) = &made.of else { return false };
    match dropped.kind {
        Kind::Table => can_be(of, &dropped.name),
        Kind::Column => {
            let its_table = dropped.of.as_ref().is_some_and(|table| can_be(of, table));
            made.kind == Kind::Index && its_table && made.columns.contains(&dropped.name.name)
        }
        _ => false,
    }
}

/// Whether a statement of a rollback script, or the body of its DO block, takes back what a tier made.
fn undoes(effects: &Effects, dynamic: Option<&str>, made: &Object) -> bool {
    let drops = |dropped: &Object| {
        let unnamed = dropped.kind == Kind::Index
            && made.kind == Kind::Index
            && made.name.name.ends_with('_')
            && dropped.name.name.starts_with(&made.name.name);
        is_same(made, dropped) || unnamed || goes_with(made, dropped)
    };
    let drops_schema = |dropped: &Object| {
        dropped.kind == Kind::Schema
            && [Some(&made.name), made.of.as_ref()]
                .into_iter()
                .flatten()
                .any(|name| name.schema.as_ref() == Some(&dropped.name.name))
    };
    effects.dropped.iter().any(drops)
        // Who renames what holds rows keeps them, out of the way. By its own name: what is on a table stays on it, whatever
        // the table is called, and an index that is called otherwise is still there.
        || holds_rows(made) && effects.renamed.iter().any(|(from, _)| is_same(made, from))
        // made again as it was: `CREATE OR REPLACE` of the version before
        || effects.created.iter().any(|restored| is_same(made, restored))
        || effects.cascade && effects.dropped.iter().any(drops_schema)
        || dynamic.is_some_and(|text| text.contains(&made.name.name.to_ascii_lowercase()))
}

fn holds_rows(made: &Object) -> bool {
    matches!(made.kind, Kind::Table | Kind::Schema | Kind::Sequence)
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
