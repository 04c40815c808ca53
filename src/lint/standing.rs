//! What there is after the tiers and was not before, and what of it the rollback scripts leave.
//!
//! Statements are taken one behind the other, on every way through a script: what a rollback script drops on one way counts as
//! dropped, since somebody asked first.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::{Effects, Kind, Object};
use super::rollback::{goes_with, holds, is_same, moved, renamed};
use super::scripts::{Act, Reading};
use super::temporary::Temporary;
use super::tokens::ObjectName;
use psql_script::Position;

/// Statements that are followed, on all ways of a script together.
const MOST: usize = 200_000;

/// What a tier made.
#[derive(Clone)]
pub struct Made {
    pub object: Object,
    pub at: Position,
    pub fate: Fate,
    /// The names in its statement: what it may hang on.
    mentioned: Vec<ObjectName>,
    /// The statement that made it.
    by: (usize, usize, usize),
    /// It was made on some ways only.
    is_conditional: bool,
}

/// What has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Stands,
    /// A rollback script gave it another name.
    Renamed(String),
    Gone,
    /// A rollback script dropped it and made it again.
    Again,
}

/// What is known between two statements.
#[derive(Clone, Default)]
pub struct Standing {
    pub made: Vec<Made>,
    temporary: Temporary,
    /// What was there before: the tiers drop it, or call it otherwise.
    before: Vec<Object>,
    /// Whether more can have been there before than the words of the tiers tell.
    is_unsure: bool,
}

impl Standing {
    /// After a tier, the one of this number.
    pub fn tier(self, reading: &Reading, number: usize) -> Self {
        let ends: Vec<Self> = ways(reading).map(|way| self.after(reading, number, way)).collect();
        let Some(first) = ends.first() else { return self };
        let mut after = Self {
            temporary: first.temporary.clone(),
            is_unsure: reading.hides || ends.iter().any(|end| end.is_unsure),
            before: ends.iter().flat_map(|end| &end.before).fold(Vec::new(), with),
            made: Vec::new(),
        };
        let creating = count(ways(reading).map(|way| way.iter().copied().collect()));
        let left = count(ends.iter().map(Self::statements));
        let mut known = BTreeSet::new();
        for end in &ends {
            let own = end.statements();
            for made in end.made.iter().filter(|made| known.insert(made.by)) {
                // One that has no name, and the same one on another way.
                let is_again = |known: &Made| is_like(known, made) && !own.contains(&known.by);
                if made.object.is_unnamed() && after.made.iter().any(is_again) {
                    continue;
                }
                let of_this = made.by.0 == number;
                let creating = if of_this { creating.get(&made.by.1).copied().unwrap_or(0) } else { ends.len() };
                let is_conditional = made.is_conditional || creating < ends.len();
                // Made under a condition and dropped under one: it can be the same.
                if !is_conditional || left.get(&made.by).is_some_and(|left| *left >= creating) {
                    after.made.push(Made { is_conditional, ..made.clone() });
                }
            }
        }
        after
    }

    /// The statements that made what stands.
    fn statements(&self) -> BTreeSet<(usize, usize, usize)> {
        self.made.iter().map(|made| made.by).collect()
    }

    /// After a rollback script: what one way takes back is taken back.
    pub fn back(self, reading: &Reading) -> Self {
        let mut ends = ways(reading).map(|way| {
            let mut end = self.clone();
            way.iter().filter_map(|act| reading.acts.get(*act)).for_each(|act| end.undo(act));
            end
        });
        let Some(mut after) = ends.next() else { return self };
        for end in ends {
            for (made, other) in after.made.iter_mut().zip(end.made) {
                if made.fate != Fate::Gone && other.fate != Fate::Stands {
                    *made = other;
                }
            }
        }
        after
    }

    /// The same on a new connection.
    pub fn reconnected(self) -> Self {
        Self { temporary: Temporary::default(), ..self }
    }

    /// What a text names is gone, and what goes with it.
    pub fn drop_named(&mut self, text: &str) {
        let is_named = |made: &Made| text.contains(&made.object.name.name.to_ascii_lowercase());
        let named: Vec<usize> = (0..self.made.len()).filter(|i| is_named(&self.made[*i])).collect();
        self.take(named, false);
    }

    /// After one way through a tier.
    fn after(&self, reading: &Reading, number: usize, way: &[usize]) -> Self {
        let mut end = self.clone();
        let mut done = BTreeSet::new();
        for i in way {
            let Some(act) = reading.acts.get(*i) else { continue };
            let is_again = !done.insert(*i);
            let effects = end.temporary.told_apart(&act.effects);
            end.remember(&effects);
            if !effects.dropped.is_empty() {
                end.drop_all(&effects);
                end.made.retain(|made| made.fate != Fate::Gone);
            }
            end.change(&effects);
            for (n, object) in effects.created.iter().enumerate() {
                let by = (number, *i, n);
                // A name that another statement of TEMP took away stands where it was written.
                let at = act.effects.created.iter().position(|written| written.name.at == object.name.at);
                let at = at.and_then(|at| act.places.get(at)).cloned();
                if let Some(at) = at.filter(|_| !is_again || !end.made.iter().any(|made| made.by == by)) {
                    end.made.push(Made {
                        object: object.clone(),
                        at,
                        fate: Fate::Stands,
                        mentioned: effects.mentioned.clone(),
                        by,
                        is_conditional: false,
                    });
                }
            }
        }
        end
    }

    /// What a tier drops or calls otherwise, and did not make.
    fn remember(&mut self, effects: &Effects) {
        self.is_unsure |= effects.cascade;
        let renamed = effects.renamed.iter().map(|(from, _)| from);
        for object in effects.dropped.iter().chain(renamed).chain(effects.moved.iter().map(|(from, _)| from)) {
            if !self.made.iter().any(|made| is_same(&made.object, object)) {
                self.before.push(object.clone());
            }
        }
    }

    /// One statement of a rollback script.
    fn undo(&mut self, act: &Act) {
        let effects = self.temporary.told_apart(&act.effects);
        self.drop_all(&effects);
        self.change(&effects);
        for (from, to) in &effects.renamed {
            // By the name that it has now.
            let now = Object { name: ObjectName { name: to.clone(), ..from.name.clone() }, ..from.clone() };
            for made in self.made.iter_mut().filter(|made| made.fate == Fate::Stands && holds(&now, &made.object)) {
                made.fate = Fate::Renamed(to.clone());
            }
        }
        for created in &effects.created {
            self.make_again(created);
        }
    }

    fn make_again(&mut self, created: &Object) {
        let (before, is_unsure) = (&self.before, self.is_unsure);
        for made in self.made.iter_mut().filter(|made| is_same(&made.object, created)) {
            let was_there = is_unsure || made.object.conditional || before.iter().any(|old| is_same(&made.object, old));
            match made.fate {
                // The version before, which the tiers took away.
                _ if was_there && (created.replaces || !created.conditional) => made.fate = Fate::Gone,
                Fate::Gone if !was_there => made.fate = Fate::Again,
                _ => {}
            }
        }
    }

    fn drop_all(&mut self, effects: &Effects) {
        let mut gone = Vec::new();
        for dropped in &effects.dropped {
            let here = |made: &Made| {
                made.fate != Fate::Gone && (is_same(&made.object, dropped) || goes_with(&made.object, dropped))
            };
            gone.extend((0..self.made.len()).filter(|i| here(&self.made[*i])));
            gone.extend(self.unnamed(dropped, &gone));
            if effects.cascade {
                let hangs = |made: &Made| made.hangs_on(dropped);
                gone.extend((0..self.made.len()).filter(|i| hangs(&self.made[*i])));
            }
        }
        if !gone.is_empty() {
            self.take(gone, effects.cascade);
        }
    }

    /// The one index of those that the server found a name for that has this one.
    fn unnamed(&self, dropped: &Object, gone: &[usize]) -> Option<usize> {
        let could_be = |i: &usize| {
            let made = &self.made[*i];
            let is_one = made.fate != Fate::Gone && made.object.is_unnamed() && dropped.kind == Kind::Index;
            let (own, other) = (made.object.schema(), dropped.schema());
            is_one
                && dropped.name.name.starts_with(&made.object.name.name)
                && own.zip(other).is_none_or(|(a, b)| a == b)
        };
        let alike = |i: &usize| {
            let Object { name, columns, .. } = &self.made[*i].object;
            let names = (1..=columns.len()).rev().map(|n| (n, format!("{}{}_", name.name, columns[..n].join("_"))));
            names.filter(|(_, start)| dropped.name.name.starts_with(start)).map(|(n, _)| n).next().unwrap_or(0)
        };
        let all = (0..self.made.len()).filter(|i| could_be(i) && !gone.contains(i));
        all.rev().max_by_key(alike)
    }

    /// These are gone, and what goes with them.
    fn take(&mut self, mut gone: Vec<usize>, cascade: bool) {
        while let Some(i) = gone.pop() {
            if std::mem::replace(&mut self.made[i].fate, Fate::Gone) == Fate::Gone {
                continue;
            }
            let object = self.made[i].object.clone();
            let goes = |made: &Made| goes_with(&made.object, &object) || cascade && made.hangs_on(&object);
            gone.extend((0..self.made.len()).filter(|i| self.made[*i].fate != Fate::Gone && goes(&self.made[*i])));
        }
    }

    /// New names, new schemas, new owners.
    fn change(&mut self, effects: &Effects) {
        for (from, to) in &effects.renamed {
            for made in &mut self.made {
                if let Some(now) = renamed(&made.object, from, to) {
                    made.object = now;
                }
                let names = made.mentioned.iter_mut().filter(|name| name.name == from.name.name);
                names.for_each(|name| name.name.clone_from(to));
            }
        }
        if let Some((from, to)) = &effects.moved {
            self.made.iter_mut().for_each(|made| moved(&mut made.object, from, to));
        }
        if let Some((object, owner)) = &effects.hung {
            for made in self.made.iter_mut().filter(|made| is_same(&made.object, object)) {
                made.object.of = owner.as_ref().map(|owner| owner.table.clone());
                made.object.columns = owner.iter().filter_map(|owner| owner.column.clone()).collect();
            }
        }
    }
}

impl Made {
    /// Whether CASCADE may take it along: it can't be known better than by the names in its statement.
    fn hangs_on(&self, dropped: &Object) -> bool {
        let wanted = &dropped.name;
        let is_in = |name: Option<&ObjectName>| name.and_then(|name| name.schema.as_ref()) == Some(&wanted.name);
        if dropped.kind == Kind::Schema {
            return is_in(Some(&self.object.name)) || is_in(self.object.of.as_ref());
        }
        let names = |name: &ObjectName| name.name == wanted.name || name.schema.as_ref() == Some(&wanted.name);
        !is_same(&self.object, dropped) && self.mentioned.iter().any(names)
    }
}

/// The ways that are followed: all of most scripts.
fn ways(reading: &Reading) -> impl Iterator<Item = &[usize]> {
    let longest = reading.ways.iter().map(Vec::len).max().unwrap_or(0).max(1);
    reading.ways.iter().take((MOST / longest).max(1)).map(Vec::as_slice)
}

/// How many of these sets have each.
fn count<T: Ord>(sets: impl Iterator<Item = BTreeSet<T>>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    sets.flatten().for_each(|item| *counts.entry(item).or_default() += 1);
    counts
}

fn with(mut known: Vec<Object>, object: &Object) -> Vec<Object> {
    if !known.contains(object) {
        known.push(object.clone());
    }
    known
}

/// Whether two indexes are made alike.
fn is_like(a: &Made, b: &Made) -> bool {
    a.object.is_unnamed() && a.object.of == b.object.of && a.object.columns == b.object.columns
}
