//! `missing-rollback`, which compares names. An object created by a tier needs a later statement
//! that drops its name or that of its container. `rehearse` proves the rest by fingerprints.

use std::collections::{HashMap, HashSet};

use super::effects::Effects;
use super::objects::{Kind, Object, can_be};
use super::scripts::{Purpose, Reading};
use crate::bundle::problem::Problem;
use psql_script::STAND_IN;

/// Reports one problem for each created object whose name no later statement removes.
pub fn problems(readings: &[Reading]) -> Vec<Problem> {
    let acts = readings
        .iter()
        .flat_map(|reading| reading.acts.iter().map(move |act| (reading.purpose, act)));
    let mut removals = Removals::of(acts.clone().map(|(purpose, act)| {
        let in_rollback = purpose == Purpose::Rollback;
        (&act.effects, act.body.as_deref(), in_rollback)
    }));
    let mut problems = Vec::new();
    for (number, (purpose, act)) in acts.enumerate() {
        if purpose == Purpose::Rollback {
            break;
        }
        for (object, at) in act.effects.created.iter().zip(&act.places) {
            if let Some((by, cascade)) = removals.find(object, Some(number)) {
                // Its parts go with it.
                removals.add(by, object, Extent::Parts { cascade });
            } else if is_known(object) && !removals.is_temporary(object) {
                problems.push(Problem::at(at, message(object)).rule("missing-rollback"));
            }
        }
    }
    problems
}

fn message(object: &Object) -> String {
    let of = object.of.as_ref().map(|of| format!(" of {of}"));
    let name = if object.is_unnamed() {
        "without a name".to_owned()
    } else {
        object.name.to_string()
    };
    format!(
        "no rollback script drops the {} {name}{}",
        object.kind.as_str(),
        of.unwrap_or_default()
    )
}

/// Whether the names contain no variable: values known only at run time can't be compared.
fn is_known(object: &Object) -> bool {
    let mut names = std::iter::once(&object.name).chain(&object.of);
    !names.any(|name| name.to_string().contains(STAND_IN))
}

/// Names that statements drop, and those that rollback scripts rename, replace or name in a DO
/// block. Names that a RENAME connects are one name.
#[derive(Default)]
pub struct Removals {
    aliases: HashMap<String, String>,
    temporary: HashSet<String>,
    /// Partitions and sequences of the tables to which a statement attaches them, by name.
    joined: HashMap<String, Vec<Object>>,
    by_name: HashMap<String, Vec<Removal>>,
    /// Numbers of the DO blocks of rollback scripts, by lower-case word.
    by_word: HashMap<String, Vec<usize>>,
}

#[derive(Clone)]
struct Removal {
    /// The number of its statement.
    number: usize,
    object: Object,
    extent: Extent,
}

#[derive(Clone, Copy)]
enum Extent {
    /// The name alone: a renamed table keeps its parts.
    Name,
    /// The object with its parts, and with CASCADE the objects that mention it.
    Parts { cascade: bool },
}

impl Removals {
    /// Collects the names of statements: their effects, the lower-case body of a DO block, and
    /// whether a rollback script contains them.
    pub fn of<'a>(
        statements: impl Iterator<Item = (&'a Effects, Option<&'a str>, bool)> + Clone,
    ) -> Self {
        let mut removals = Self::default();
        for (from, to) in statements
            .clone()
            .flat_map(|(effects, ..)| &effects.renamed)
        {
            let (from, to) = (removals.resolved(&from.name.name), removals.resolved(to));
            if from != to {
                removals.aliases.insert(to, from);
            }
        }
        for (number, (effects, body, in_rollback)) in statements.enumerate() {
            removals.push(number, effects, in_rollback);
            if in_rollback {
                removals.push_of_rollback(number, effects, body);
            }
        }
        removals
    }

    fn push(&mut self, number: usize, effects: &Effects, in_rollback: bool) {
        let cascade = effects.cascade;
        for object in &effects.dropped {
            self.add(number, object, Extent::Parts { cascade });
        }
        // A tier that moves a table leaves its parts to the rollback of the new name.
        let extent = match in_rollback {
            true => Extent::Name,
            false => Extent::Parts { cascade: false },
        };
        if let Some(object) = &effects.moved {
            self.add(number, object, extent);
        }
        if let Some(object) = effects.joined.as_ref().map(|object| self.renamed(object)) {
            let joined = self.joined.entry(object.name.name.clone()).or_default();
            joined.push(object);
        }
        let temporary = effects.temporary.as_ref().map(|name| self.resolved(name));
        self.temporary.extend(temporary);
    }

    fn push_of_rollback(&mut self, number: usize, effects: &Effects, body: Option<&str>) {
        let keeps_rows = |kind| matches!(kind, Kind::Table | Kind::Schema | Kind::Sequence);
        let renamed = effects.renamed.iter().map(|(from, _)| from);
        let created = effects.created.iter();
        for object in renamed
            .filter(|object| keeps_rows(object.kind))
            .chain(created.filter(|object| object.replaces || !object.conditional))
        {
            self.add(number, object, Extent::Name);
        }
        let drops = |body: &&str| words(body).any(|word| word == "drop");
        for word in body.filter(drops).into_iter().flat_map(words) {
            let word = self.resolved(word);
            self.by_word.entry(word).or_default().push(number);
        }
    }

    fn add(&mut self, number: usize, object: &Object, extent: Extent) {
        let object = self.renamed(object);
        let name = object.name.name.clone();
        // The server derives the name of an unnamed index from its table's name. A name has at
        // most 63 bytes.
        let prefixes = name
            .match_indices('_')
            .map(|(at, _)| &name[..=at])
            .filter(|prefix| object.kind == Kind::Index && prefix.len() < 63);
        for key in prefixes.chain([name.as_str()]) {
            let removal = Removal {
                number,
                object: object.clone(),
                extent,
            };
            let removals = self.by_name.entry(key.to_owned()).or_default();
            removals.push(removal);
        }
    }

    /// The first of the names that renames connect with a name.
    fn resolved(&self, name: &str) -> String {
        let names = std::iter::successors(Some(name), |name| {
            self.aliases.get(*name).map(String::as_str)
        });
        names.last().unwrap_or(name).to_owned()
    }

    fn renamed(&self, object: &Object) -> Object {
        let mut object = object.clone();
        for name in [Some(&mut object.name), object.of.as_mut()]
            .into_iter()
            .flatten()
        {
            name.name = self.resolved(&name.name);
            name.schema = name.schema.as_ref().map(|schema| self.resolved(schema));
        }
        for name in &mut object.mentions {
            *name = self.resolved(name);
        }
        object
    }

    /// The number of the first statement after `after` that removes the object's name, and whether
    /// it cascades.
    pub fn find(&self, object: &Object, after: Option<usize>) -> Option<(usize, bool)> {
        let object = self.renamed(object);
        let joined = self.joined.get(&object.name.name).into_iter().flatten();
        let by_name = joined
            .filter(|joined| joined.can_be(&object))
            .chain([&object])
            .flat_map(|object| {
                let removals = self.naming(object);
                removals.filter(|removal| removal.removes(object))
            })
            .map(|removal| match removal.extent {
                Extent::Parts { cascade } => (removal.number, cascade),
                Extent::Name => (removal.number, false),
            });
        // A DO block that names the table need not drop its parts.
        let lower = object.name.name.to_ascii_lowercase();
        let by_word = words(&lower).next().and_then(|word| self.by_word.get(word));
        by_name
            .chain(by_word.into_iter().flatten().map(|number| (*number, false)))
            .filter(|(number, _)| Some(*number) > after)
            .min()
    }

    /// The removals of the object's name, its containers and its dependencies.
    fn naming(&self, object: &Object) -> impl Iterator<Item = &Removal> {
        let names = [Some(&object.name), object.of.as_ref()];
        let names = names.into_iter().flatten();
        let names = names.flat_map(|name| name.schema.iter().chain([&name.name]));
        names
            .chain(&object.mentions)
            .filter_map(|name| self.by_name.get(name))
            .flatten()
    }

    /// Whether it belongs to a temporary table, or is a view of one.
    fn is_temporary(&self, object: &Object) -> bool {
        let object = self.renamed(object);
        let of = object.of.iter().filter(|of| of.schema.is_none());
        let views = object.mentions.iter();
        of.map(|of| &of.name)
            .chain(views.filter(|_| object.kind == Kind::View))
            .any(|name| self.temporary.contains(name))
    }
}

impl Removal {
    fn removes(&self, object: &Object) -> bool {
        let removed = &self.object;
        let Extent::Parts { cascade } = self.extent else {
            return object.can_be(removed);
        };
        let mentions = object.mentions.contains(&removed.name.name);
        let is_part = match removed.kind {
            Kind::Table | Kind::View => object
                .of
                .as_ref()
                .is_some_and(|of| can_be(of, &removed.name)),
            Kind::Column => {
                mentions
                    && matches!(object.kind, Kind::Index | Kind::Sequence | Kind::Constraint)
                    && object
                        .of
                        .as_ref()
                        .zip(removed.of.as_ref())
                        .is_some_and(|(of, table)| can_be(of, table))
            }
            Kind::Schema => [Some(&object.name), object.of.as_ref()]
                .into_iter()
                .flatten()
                .any(|name| name.schema.as_ref() == Some(&removed.name.name)),
            Kind::Index => {
                object.is_unnamed()
                    && removed.name.name.starts_with(&object.name.name)
                    && object
                        .schema()
                        .zip(removed.schema())
                        .is_none_or(|(a, b)| a == b)
            }
            _ => false,
        };
        object.can_be(removed) || is_part || cascade && mentions && removed.kind != Kind::Column
    }
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
        let of = |sql: &str| effects(&Tokens::new(sql));
        for others in [0, 1000] {
            let drops = (0..others).map(|n| of(&format!("drop table s.t{n}")));
            let drops: Vec<Effects> = drops.chain([of("drop table s.t")]).collect();
            let removals = Removals::of(drops.iter().map(|effects| (effects, None, true)));
            let index = &of("create index i on s.t (a)").created[0];
            // Once by its table, once by a name in its statement.
            assert_eq!(removals.naming(index).count(), 2);
            assert_eq!(removals.find(index, None), Some((others, false)));
            assert_eq!(removals.find(index, Some(others)), None);
        }
    }
}
