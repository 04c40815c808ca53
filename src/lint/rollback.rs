//! `missing-rollback`: what a tier creates and no rollback script drops. Names are compared as far as they are written;
//! what can't be told counts as dropped.

use super::objects::{Effects, Kind, Object};
use super::scripts::{Purpose, Reading};
use super::standing::{Fate, Made, Standing};
use super::temporary::is_temporary;
use super::undoing::can_be;
use crate::bundle::problem::Problem;
use psql_script::STAND_IN;

/// One problem an object.
pub fn problems(readings: &[Reading]) -> Vec<Problem> {
    let of = |purpose| readings.iter().filter(move |reading| reading.purpose == purpose);
    let tiers = of(Purpose::Tier).enumerate();
    let made = tiers.fold(Standing::default(), |standing, (number, reading)| standing.tier(reading, number));
    let names: Vec<Object> = made.made.iter().map(|made| made.object.clone()).collect();
    // The rollback scripts have a connection of their own.
    let mut left = of(Purpose::Rollback).fold(made.reconnected(), Standing::back);
    of(Purpose::Rollback).flat_map(|reading| &reading.dynamic).for_each(|text| left.drop_named(text));
    let left = left.made.iter().zip(&names).filter(|(made, name)| made.fate != Fate::Gone && is_known(name));
    left.map(|(made, name)| problem(made, name)).collect()
}

/// A name that only the run knows can't be compared.
fn is_known(object: &Object) -> bool {
    let names = std::iter::once(&object.name).chain(&object.of);
    !names.map(ToString::to_string).any(|name| name.contains(STAND_IN))
}

/// `object` is what was made, as it is called after the tiers.
fn problem(made: &Made, object: &Object) -> Problem {
    let of = object.of.as_ref().map(|of| format!(" of {of}")).unwrap_or_default();
    let name = if object.is_unnamed() { "without a name".to_owned() } else { object.name.to_string() };
    let what = format!("the {} {name}{of}", object.kind.as_str());
    let text = match &made.fate {
        Fate::Again => format!("a rollback script drops {what} and makes it again"),
        Fate::Renamed(to) => format!("no rollback script drops {what}: one renames it to {to}"),
        Fate::Stands | Fate::Gone => format!("no rollback script drops {what}"),
    };
    Problem::at(&made.at, text).rule("missing-rollback")
}

/// Whether `named` is what ALTER calls it: ALTER TABLE also alters views, indexes and sequences.
pub fn holds(named: &Object, made: &Object) -> bool {
    let is_relation = matches!(made.kind, Kind::Table | Kind::View | Kind::Index | Kind::Sequence);
    if named.kind == Kind::Table && is_relation {
        return is_same(made, &Object { kind: made.kind, ..named.clone() });
    }
    is_same(made, named)
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

/// What an object is called then, or what it is on.
pub fn renamed(made: &Object, from: &Object, to: &str) -> Option<Object> {
    let mut now = made.clone();
    if holds(from, made) {
        to.clone_into(&mut now.name.name);
    }
    let is_in = |schema: &Option<String>| from.kind == Kind::Schema && schema.as_ref() == Some(&from.name.name);
    for name in std::iter::once(&mut now.name).chain(&mut now.of).filter(|name| is_in(&name.schema)) {
        name.schema = Some(to.to_owned());
    }
    if let Some(of) = now.of.as_mut().filter(|of| has_parts(from.kind) && can_be(of, &from.name)) {
        to.clone_into(&mut of.name);
    }
    if from.kind == Kind::Column && made.of.as_ref().zip(from.of.as_ref()).is_some_and(|(of, table)| can_be(of, table))
    {
        now.columns.iter_mut().filter(|column| **column == from.name.name).for_each(|column| to.clone_into(column));
    }
    (now != *made).then_some(now)
}

/// Into another schema, with what is on it.
pub fn moved(made: &mut Object, from: &Object, to: &str) {
    let is_on = made.of.as_ref().is_some_and(|of| has_parts(from.kind) && can_be(of, &from.name));
    if holds(from, made) || is_on && made.name.schema.is_some() && matches!(made.kind, Kind::Index | Kind::Sequence) {
        made.name.schema = Some(to.to_owned());
    }
    if let Some(of) = made.of.as_mut().filter(|_| is_on && made.kind != Kind::Table) {
        of.schema = Some(to.to_owned());
    }
}

fn has_parts(kind: Kind) -> bool {
    matches!(kind, Kind::Table | Kind::View)
}

/// Whether it is gone when this is dropped: with its table or view; an index and a sequence also with a column of its own.
pub fn goes_with(made: &Object, dropped: &Object) -> bool {
    let Some(of) = &made.of else { return false };
    match dropped.kind {
        Kind::Table | Kind::View => can_be(of, &dropped.name),
        Kind::Column => {
            let its_table = dropped.of.as_ref().is_some_and(|table| can_be(of, table));
            matches!(made.kind, Kind::Index | Kind::Sequence) && its_table && made.columns.contains(&dropped.name.name)
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
        // made again as it was: `CREATE OR REPLACE` of the version before; `IF NOT EXISTS` does nothing to what is there
        || effects.created.iter().any(|restored| (restored.replaces || !restored.conditional) && is_same(made, restored))
        || effects.cascade && effects.dropped.iter().any(drops_schema)
        || dynamic.is_some_and(|text| text.contains(&made.name.name.to_ascii_lowercase()))
}

fn holds_rows(made: &Object) -> bool {
    matches!(made.kind, Kind::Table | Kind::Schema | Kind::Sequence)
}

/// Whether two names can mean the same object.
pub fn is_same(a: &Object, b: &Object) -> bool {
    let schemas = match (a.schema(), b.schema()) {
        (Some(a), Some(b)) => a == b,
        _ => is_temporary(&a.name) == is_temporary(&b.name),
    };
    let of = match (&a.of, &b.of) {
        (Some(a), Some(b)) => can_be(a, b),
        _ => true,
    };
    let arguments = a.arguments.as_ref().zip(b.arguments.as_ref()).is_none_or(|(a, b)| a == b);
    a.kind == b.kind && a.name.name == b.name.name && schemas && of && arguments
}
