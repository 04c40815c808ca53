//! `missing-rollback`, which compares names. An object created by a tier needs a later statement
//! that drops its name or that of its container. `rehearse` proves the rest by fingerprints.

use std::collections::HashSet;

use super::objects::{Effects, Kind, Object, can_be};
use super::scripts::{Purpose, Reading};
use crate::bundle::problem::Problem;
use psql_script::{ObjectName, Position, STAND_IN};

/// Reports one problem for each created object without a statement that undoes it.
pub fn problems(readings: &[Reading]) -> Vec<Problem> {
    let mut effects: Vec<(Purpose, Effects)> = Vec::new();
    let (mut created, mut temporary) = (Vec::new(), HashSet::new());
    for reading in readings {
        for act in &reading.acts {
            effects.push((reading.purpose, act.effects.clone()));
            if reading.purpose == Purpose::Rollback {
                continue;
            }
            follow_temporary(&act.effects, &mut temporary);
            let lasting = act.effects.created.iter().zip(&act.places);
            created.extend(
                lasting
                    .filter(|(object, _)| !is_temporary(object, &temporary))
                    .map(|(object, at)| (object, at, effects.len())),
            );
        }
    }
    let mut problems = Vec::new();
    for (object, at, behind) in created {
        let later = effects[behind..].iter();
        let later = later.map(|(purpose, effects)| (*purpose, effects));
        match undone_by(object, later) {
            // Its parts are dropped with it.
            Some(n) => effects[behind + n].1.dropped.push(object.clone()),
            None if is_known(object) => problems.push(missing(object, at)),
            None => {}
        }
    }
    problems
}

fn missing(object: &Object, at: &Position) -> Problem {
    let kind = object.kind.as_str();
    let mut text = format!("no rollback script drops the {kind} {}", object.name);
    if object.is_unnamed() {
        text = format!("no rollback script drops the {kind} without a name");
    }
    if let Some(of) = &object.of {
        text.push_str(&format!(" of {of}"));
    }
    Problem::at(at, text).rule("missing-rollback")
}

/// Keeps the names of temporary objects.
fn follow_temporary(effects: &Effects, temporary: &mut HashSet<String>) {
    for object in &effects.dropped {
        temporary.remove(&object.name.name);
    }
    temporary.extend(effects.temporary.clone());
    if let Some((from, to)) = &effects.renamed
        && temporary.remove(&from.name.name)
    {
        temporary.insert(to.clone());
    }
}

/// Whether it is part of a temporary object, or a view of one.
fn is_temporary(object: &Object, temporary: &HashSet<String>) -> bool {
    let table = object.of.iter().filter(|of| of.schema.is_none());
    let of_view = object.mentions.iter().filter(|_| object.kind == Kind::View);
    let mut names = table.map(|of| &of.name).chain(of_view);
    names.any(|name| temporary.contains(name))
}

/// Whether the names contain no variable: values known only at run time can't be compared.
fn is_known(object: &Object) -> bool {
    let mut names = std::iter::once(&object.name).chain(&object.of);
    !names.any(|name| name.to_string().contains(STAND_IN))
}

/// The index of the first statement that undoes the creation of an object, under any name it has
/// had meanwhile.
pub fn undone_by<'e>(
    object: &Object,
    later: impl IntoIterator<Item = (Purpose, &'e Effects)>,
) -> Option<usize> {
    let mut names = vec![object.clone()];
    for (n, (purpose, effects)) in later.into_iter().enumerate() {
        if names.iter().any(|object| undoes(purpose, effects, object)) {
            return Some(n);
        }
        let changed = names.iter().filter_map(|object| changed(effects, object));
        names.extend(changed.collect::<Vec<_>>());
    }
    None
}

/// Whether a statement undoes the creation of an object. Only rollback scripts do so by renaming,
/// replacing, or in a DO block.
fn undoes(purpose: Purpose, effects: &Effects, object: &Object) -> bool {
    let is_replaced = |new: &Object| (new.replaces || !new.conditional) && object.can_be(new);
    // A renamed table keeps its rows under another name.
    let frees_name = matches!(object.kind, Kind::Table | Kind::Schema | Kind::Sequence);
    let mut renamed = effects.renamed.iter().filter(|_| frees_name);
    let mut dropped = effects.dropped.iter();
    dropped.any(|dropped| goes_with(object, dropped, effects.cascade))
        || purpose == Purpose::Rollback
            && (renamed.any(|(from, _)| object.can_be(from))
                || effects.created.iter().any(is_replaced)
                || effects.body_names("drop") && effects.body_names(&object.name.name))
}

/// The object after a statement that changes its name, schema, table or owner.
fn changed(effects: &Effects, object: &Object) -> Option<Object> {
    if effects.renamed.is_none() && effects.moved.is_none() && effects.joined.is_none() {
        return None;
    }
    let mut now = object.clone();
    if let Some((from, to)) = &effects.renamed {
        if from.kind == Kind::Schema {
            let schemas = std::iter::once(&mut now.name).chain(&mut now.of);
            let schemas = schemas.filter_map(|name| name.schema.as_mut());
            schemas
                .filter(|schema| **schema == from.name.name)
                .for_each(|schema| schema.clone_from(to));
        }
        if holds(from, object) {
            now.name.name.clone_from(to);
        }
        if let Some(of) = container(&mut now, from) {
            of.name.clone_from(to);
        }
        let mentions = now.mentions.iter_mut();
        mentions
            .filter(|name| **name == from.name.name)
            .for_each(|name| name.clone_from(to));
    }
    if let Some(from) = &effects.moved {
        if holds(from, object) {
            now.name.schema = None;
        }
        if let Some(of) = container(&mut now, from) {
            (of.schema, now.name.schema) = (None, None);
        }
    }
    if let Some((part, owner)) = &effects.joined
        && object.can_be(part)
    {
        now.of = owner.as_ref().map(|owner| owner.table.clone());
        now.mentions
            .extend(owner.as_ref().and_then(|owner| owner.column.clone()));
    }
    (now != *object).then_some(now)
}

/// The object's table, if a statement changes that.
fn container<'o>(object: &'o mut Object, changed: &Object) -> Option<&'o mut ObjectName> {
    let contains = matches!(changed.kind, Kind::Table | Kind::View);
    let of = object.of.as_mut();
    of.filter(|of| contains && can_be(of, &changed.name))
}

/// Whether dropping `dropped` also drops the object.
fn goes_with(object: &Object, dropped: &Object, cascade: bool) -> bool {
    let schemas = || object.schema().zip(dropped.schema());
    // The server derives the name of an unnamed index from its table's name.
    let is_unnamed = || {
        object.is_unnamed()
            && dropped.kind == Kind::Index
            && dropped.name.name.starts_with(&object.name.name)
            && schemas().is_none_or(|(a, b)| a == b)
    };
    let is_mentioned = || object.mentions.contains(&dropped.name.name);
    let is_part = |of: &ObjectName| match dropped.kind {
        Kind::Table | Kind::View => can_be(of, &dropped.name),
        Kind::Column if matches!(object.kind, Kind::Index | Kind::Sequence | Kind::Constraint) => {
            dropped.of.as_ref().is_some_and(|table| can_be(of, table)) && is_mentioned()
        }
        _ => false,
    };
    let depends = || match dropped.kind {
        Kind::Column => false,
        Kind::Schema if is_in(object, &dropped.name.name) => true,
        _ => is_mentioned(),
    };
    object.can_be(dropped)
        || is_unnamed()
        || object.of.as_ref().is_some_and(is_part)
        || cascade && depends()
}

fn is_in(object: &Object, schema: &str) -> bool {
    let mut names = std::iter::once(&object.name).chain(&object.of);
    names.any(|name| name.schema.as_deref() == Some(schema))
}

/// Whether ALTER of `named` means the object: ALTER TABLE also alters views, indexes and sequences.
fn holds(named: &Object, object: &Object) -> bool {
    let is_relation = matches!(
        object.kind,
        Kind::Table | Kind::View | Kind::Index | Kind::Sequence
    );
    object.can_be(named)
        || named.kind == Kind::Table && is_relation && can_be(&object.name, &named.name)
}
