//! `missing-rollback`, which compares names. An object created by a tier needs a later statement
//! that drops its name or that of its container. `rehearse` proves the rest by fingerprints.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::effects::Effects;
use super::objects::{Kind, Object, can_be};
use super::scripts::{Purpose, Reading};
use crate::bundle::problem::Problem;
use psql_script::STAND_IN;

/// Reports one problem for each created object without a statement that undoes it.
pub fn problems(readings: &[Reading]) -> Vec<Problem> {
    let (mut statements, mut created, mut temporary) =
        (Statements::default(), Vec::new(), HashSet::new());
    for (reading, act) in readings
        .iter()
        .flat_map(|reading| reading.acts.iter().map(move |act| (reading, act)))
    {
        let Effects {
            created: objects,
            dropped,
            renamed,
            ..
        } = &act.effects;
        if reading.purpose == Purpose::Tier {
            for object in dropped {
                temporary.remove(&object.name.name);
            }
            temporary.extend(act.effects.temporary.clone());
            for (from, to) in renamed {
                if temporary.remove(&from.name.name) {
                    temporary.insert(to.clone());
                }
            }
            for (object, at) in objects.iter().zip(&act.places) {
                let on = object
                    .of
                    .iter()
                    .filter(|of| of.schema.is_none())
                    .map(|of| &of.name);
                let views = object.mentions.iter().filter(|_| object.kind == Kind::View);
                if !on.chain(views).any(|name| temporary.contains(name)) {
                    created.push((object, at, statements.list.len()));
                }
            }
        }
        statements.push(
            act.effects.clone(),
            act.body.clone(),
            reading.purpose == Purpose::Rollback,
        );
    }
    let mut problems = Vec::new();
    for (object, at, number) in created {
        if let Some(by) = statements.taking_back(object, Some(number)) {
            statements.gone(object, by);
        } else if is_known(object) {
            let of = object
                .of
                .as_ref()
                .map(|of| format!(" of {of}"))
                .unwrap_or_default();
            let name = if object.is_unnamed() {
                "without a name".to_owned()
            } else {
                object.name.to_string()
            };
            let text = format!(
                "no rollback script drops the {} {name}{of}",
                object.kind.as_str()
            );
            problems.push(Problem::at(at, text).rule("missing-rollback"));
        }
    }
    problems
}

/// Whether the names contain no variable: values known only at run time can't be compared.
fn is_known(object: &Object) -> bool {
    let names = std::iter::once(&object.name).chain(&object.of);
    !names
        .map(ToString::to_string)
        .any(|name| name.contains(STAND_IN))
}

/// Statements, indexed by the names of objects that they drop, rename and, in a rollback script,
/// create.
#[derive(Default)]
pub struct Statements {
    list: Vec<Effect>,
    by_name: BTreeMap<String, Vec<usize>>,
}

struct Effect {
    effects: Effects,
    /// The lower-case body of a DO block in a rollback script.
    body: Option<String>,
    in_rollback: bool,
    /// The number of its statement.
    number: usize,
}

impl Statements {
    /// Appends a statement.
    pub fn push(&mut self, effects: Effects, body: Option<String>, in_rollback: bool) {
        self.add(Effect {
            effects,
            body: body.filter(|_| in_rollback),
            in_rollback,
            number: self.list.len(),
        });
    }

    /// Records that dropping an object also drops its parts.
    fn gone(&mut self, object: &Object, by: usize) {
        let cascade = self.list[by].effects.cascade;
        let effects = Effects {
            dropped: vec![object.clone()],
            cascade,
            ..Effects::default()
        };
        self.add(Effect {
            effects,
            body: None,
            in_rollback: false,
            number: by,
        });
    }

    fn add(&mut self, effect: Effect) {
        let Effects {
            created,
            dropped,
            renamed,
            moved,
            joined,
            ..
        } = &effect.effects;
        let created = created.iter().filter(|_| effect.in_rollback);
        let objects = created
            .chain(dropped)
            .chain(renamed.iter().map(|(from, _)| from))
            .chain(moved);
        let names = objects
            .chain(joined.iter().map(|(object, _)| object))
            .map(|object| object.name.name.as_str());
        let words: BTreeSet<&str> = names
            .chain(effect.body.iter().flat_map(|body| words(body)))
            .collect();
        for name in words {
            self.by_name
                .entry(name.to_owned())
                .or_default()
                .push(self.list.len());
        }
        self.list.push(effect);
    }

    /// The number of the first statement after `behind` that undoes the creation of an object,
    /// under any name it has had meanwhile.
    pub fn taking_back(&self, object: &Object, behind: Option<usize>) -> Option<usize> {
        let mut names = vec![object.clone()];
        let mut left = self.naming(object, behind);
        while let Some((number, i)) = left.pop_first() {
            let effect = &self.list[i];
            if names.iter().any(|object| effect.takes_back(object)) {
                return Some(number);
            }
            for object in names
                .iter()
                .filter_map(|object| effect.changed(object))
                .collect::<Vec<_>>()
            {
                if !names.contains(&object) {
                    left.extend(self.naming(&object, Some(number)));
                    names.push(object);
                }
            }
        }
        None
    }

    /// The statements after `behind` that name the object, its containers or its dependencies.
    fn naming(&self, object: &Object, behind: Option<usize>) -> BTreeSet<(usize, usize)> {
        let (name, of) = (&object.name, object.of.as_ref());
        let containers = of
            .map(|of| &of.name)
            .into_iter()
            .chain(&name.schema)
            .chain(of.and_then(|of| of.schema.as_ref()));
        let lower = name.name.to_ascii_lowercase();
        let keys = containers.chain(&object.mentions).map(String::as_str);
        let keys: BTreeSet<&str> = keys
            .chain([name.name.as_str()])
            .chain(words(&lower).next())
            .collect();
        // The server derives the name of an unnamed index from its table's name.
        let prefix = if object.is_unnamed() {
            name.name.as_str()
        } else {
            "\u{10ffff}"
        };
        let longer = self
            .by_name
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix));
        let found = keys
            .into_iter()
            .filter_map(|key| self.by_name.get(key))
            .chain(longer.map(|(_, found)| found));
        let found = found.flatten().map(|i| (self.list[*i].number, *i));
        found.filter(|(number, _)| Some(*number) > behind).collect()
    }
}

impl Effect {
    fn takes_back(&self, object: &Object) -> bool {
        let Effects {
            created,
            dropped,
            renamed,
            cascade,
            ..
        } = &self.effects;
        let is_replaced = |new: &Object| (new.replaces || !new.conditional) && object.can_be(new);
        dropped
            .iter()
            .any(|dropped| goes_with(object, dropped, *cascade))
            || self.in_rollback
                // A renamed table keeps its rows under another name.
                && (matches!(object.kind, Kind::Table | Kind::Schema | Kind::Sequence)
                    && renamed.iter().any(|(from, _)| object.can_be(from))
                    || created.iter().any(is_replaced))
            || self
                .body
                .as_ref()
                .is_some_and(|body| body.contains(&object.name.name.to_ascii_lowercase()))
    }

    /// The object with its new name, schema or owner.
    fn changed(&self, object: &Object) -> Option<Object> {
        let Effects {
            renamed,
            moved,
            joined,
            ..
        } = &self.effects;
        let mut now = object.clone();
        for (from, to) in renamed {
            let is_in = |schema: &Option<String>| {
                from.kind == Kind::Schema && schema.as_ref() == Some(&from.name.name)
            };
            for name in std::iter::once(&mut now.name)
                .chain(&mut now.of)
                .filter(|name| is_in(&name.schema))
            {
                name.schema = Some(to.clone());
            }
            if holds(from, object) {
                now.name.name.clone_from(to);
            }
            if let Some(of) = now
                .of
                .as_mut()
                .filter(|of| contains(from.kind) && can_be(of, &from.name))
            {
                of.name.clone_from(to);
            }
            now.mentions
                .iter_mut()
                .filter(|name| **name == from.name.name)
                .for_each(|name| name.clone_from(to));
        }
        if let Some(from) = moved {
            if holds(from, object) {
                now.name.schema = None;
            }
            if let Some(of) = now
                .of
                .as_mut()
                .filter(|of| contains(from.kind) && can_be(of, &from.name))
            {
                (of.schema, now.name.schema) = (None, None);
            }
        }
        if let Some((_, owner)) = joined.as_ref().filter(|(part, _)| object.can_be(part)) {
            now.of = owner.as_ref().map(|owner| owner.table.clone());
            now.mentions
                .extend(owner.as_ref().and_then(|owner| owner.column.clone()));
        }
        (now != *object).then_some(now)
    }
}

/// Whether dropping `dropped` also drops the object.
fn goes_with(object: &Object, dropped: &Object, cascade: bool) -> bool {
    let is_unnamed = object.is_unnamed()
        && dropped.kind == Kind::Index
        && dropped.name.name.starts_with(&object.name.name)
        && object
            .schema()
            .zip(dropped.schema())
            .is_none_or(|(a, b)| a == b);
    let is_part = object.of.as_ref().is_some_and(|of| match dropped.kind {
        Kind::Table | Kind::View => can_be(of, &dropped.name),
        Kind::Column if matches!(object.kind, Kind::Index | Kind::Sequence | Kind::Constraint) => {
            dropped.of.as_ref().is_some_and(|table| can_be(of, table))
                && object.mentions.contains(&dropped.name.name)
        }
        _ => false,
    });
    let schemas = [Some(&object.name), object.of.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|name| name.schema.as_ref());
    let is_in = dropped.kind == Kind::Schema
        && schemas
            .into_iter()
            .any(|schema| *schema == dropped.name.name);
    let depends =
        || is_in || dropped.kind != Kind::Column && object.mentions.contains(&dropped.name.name);
    object.can_be(dropped) || is_unnamed || is_part || cascade && depends()
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

fn contains(kind: Kind) -> bool {
    matches!(kind, Kind::Table | Kind::View)
}

/// The words of the body of a DO block.
pub fn words(body: &str) -> impl Iterator<Item = &str> {
    body.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::effects::effects;
    use super::*;
    use psql_script::Tokens;

    /// Each object is compared only with statements that name it, so time is linear in the number
    /// of tiers.
    #[test]
    fn statements_about_other_objects_are_not_looked_at() {
        for others in [0, 1000] {
            let mut statements = Statements::default();
            for n in 0..others {
                statements.push(
                    effects(&Tokens::new(&format!("drop table s.t{n}"))),
                    None,
                    true,
                );
            }
            statements.push(effects(&Tokens::new("drop table s.t")), None, true);
            let index = effects(&Tokens::new("create index i on s.t (a)"))
                .created
                .remove(0);
            assert_eq!(statements.naming(&index, None).len(), 1);
            assert_eq!(statements.taking_back(&index, None), Some(others));
            assert_eq!(statements.taking_back(&index, Some(others)), None);
        }
    }
}
