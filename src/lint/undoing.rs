//! Statements of rollback scripts, indexed by the names of objects they restore or drop.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::effects::{Effects, effects};
use super::objects::{Object, Objects, can_be};
use super::rollback::{Removals, words};
use super::scripts::place;
use super::search_path::target;
use crate::bundle::problem::Problem;
use psql_script::{ObjectName, Position, Statement, Tokens};

/// The effects of one statement.
#[derive(Default)]
pub struct RollbackEffect {
    pub effects: Effects,
    /// The table, view or function that it defines or writes.
    pub subject: Option<ObjectName>,
    /// The lower-case body of a DO block.
    dynamic: Option<String>,
    /// Whether it is no definition: of several changes of the rows of a table, one is enough.
    changes_rows: bool,
}

impl RollbackEffect {
    /// Parses a statement.
    pub fn of(sql: &str) -> Self {
        let head = Tokens::first(sql, 24);
        let defines = head.is_listed(0, "create drop alter");
        let copied = || head.name(1).filter(|_| head.is(0, "copy"));
        let body = || Tokens::new(sql).literals().collect::<String>();
        Self {
            effects: if defines {
                effects(&Tokens::new(sql))
            } else {
                Effects::default()
            },
            subject: target(&head)
                .map(|(name, _)| name)
                .or_else(|| Some(copied()?.0)),
            dynamic: head.is(0, "do").then(|| body().to_ascii_lowercase()),
            changes_rows: !defines,
        }
    }

    /// Whether it creates an object again that a tier dropped.
    pub fn restores(&self, dropped: &Object) -> bool {
        self.effects.created.iter().any(|made| made.can_be(dropped))
    }

    /// Whether it attaches this partition.
    pub fn attaches(&self, partition: &Object) -> bool {
        self.effects
            .attached()
            .is_some_and(|attached| attached.can_be(partition))
    }

    /// Whether it detaches this partition.
    pub fn detaches(&self, partition: &Object) -> bool {
        let detached = self.effects.detached.as_ref();
        detached.is_some_and(|detached| detached.can_be(partition))
    }

    /// Whether it is about this table, or is a DO block that names it.
    pub fn is_about(&self, name: &ObjectName) -> bool {
        self.subject
            .as_ref()
            .is_some_and(|subject| can_be(subject, name))
            || self
                .dynamic
                .as_ref()
                .is_some_and(|body| body.contains(&name.name.to_ascii_lowercase()))
    }

    /// The names that index it.
    fn names(&self) -> BTreeSet<&str> {
        let Effects {
            created,
            joined,
            detached,
            ..
        } = &self.effects;
        let objects = created.iter().chain(joined).chain(detached);
        objects
            .map(|object| &object.name)
            .chain(&self.subject)
            .map(|name| name.name.as_str())
            .chain(self.dynamic.iter().flat_map(|body| words(body)))
            .collect()
    }
}

/// A statement of a rollback script.
pub struct RollbackStatement {
    pub at: Position,
    pub effect: RollbackEffect,
    ways: BTreeSet<usize>,
}

/// The statements of all rollback scripts.
#[derive(Default)]
pub struct Rollback {
    statements: Vec<RollbackStatement>,
    removals: Removals,
    by_name: HashMap<String, Vec<usize>>,
    /// The first statement of the current script, and its number of execution paths.
    first: usize,
    ways: usize,
    /// Positions and subjects already recorded for the current script.
    places: HashMap<(Arc<str>, u32, u32), usize>,
    subjects: HashSet<(Option<String>, Option<String>)>,
    /// Statements under a `\if` condition, so the script checks the state first.
    guarded: BTreeSet<usize>,
}

impl Rollback {
    /// Starts the next script.
    pub fn next_script(&mut self) {
        for i in self.first..self.statements.len() {
            if self.statements[i].ways.len() < self.ways {
                self.guarded.insert(i);
            }
        }
        (self.first, self.ways) = (self.statements.len(), 0);
        self.places.clear();
        self.subjects.clear();
    }

    /// Records a statement on an execution path.
    pub fn note(&mut self, way: usize, statement: &Statement) {
        self.ways = self.ways.max(way);
        let effect = RollbackEffect::of(&statement.sql);
        let at = place(statement, Tokens::first(&statement.sql, 1).start(0));
        let key = (Arc::clone(&at.file), at.line, at.column);
        if let Some(known) = self
            .places
            .get(&key)
            .and_then(|i| self.statements.get_mut(*i))
        {
            known.ways.insert(way);
            return;
        }
        let subject = effect.subject.as_ref().map(ToString::to_string);
        if self.subjects.insert((subject, effect.dynamic.clone())) || !effect.changes_rows {
            let number = self.statements.len();
            self.places.insert(key, number);
            for name in effect.names() {
                let known = self.by_name.entry(name.to_owned()).or_default();
                known.push(number);
            }
            self.statements.push(RollbackStatement {
                at,
                effect,
                ways: BTreeSet::from([way]),
            });
        }
    }

    /// Indexes the removed names after the last script.
    pub fn finish(mut self) -> Self {
        let effects = self.statements.iter().map(|statement| &statement.effect);
        let removals =
            Removals::of(effects.map(|effect| (&effect.effects, effect.dynamic.as_deref(), true)));
        self.removals = removals;
        self
    }

    /// The statement that undoes the creation of an object.
    pub fn undo_of_creation(&self, made: &Object) -> Option<&RollbackStatement> {
        let (number, _) = self.removals.find(made, None)?;
        self.statements.get(number)
    }

    /// The first statement with this name that fits.
    pub fn find(
        &self,
        name: &str,
        fits: impl Fn(&RollbackEffect) -> bool,
    ) -> Option<&RollbackStatement> {
        let lower = name.to_ascii_lowercase();
        let keys: BTreeSet<&str> = words(&lower).take(1).chain([name]).collect();
        let found = keys.into_iter().filter_map(|key| {
            let mut found = self.by_name.get(key)?.iter();
            found.find(|i| fits(&self.statements[**i].effect))
        });
        self.statements.get(*found.min()?)
    }

    /// Rollback statements that fail if a run stopped before the effects in `later`, those of the
    /// tiers from the first non-transactional one on.
    pub fn fails_halfway(&self, later: &LaterTiers) -> Vec<Problem> {
        let statements = self.statements.iter().enumerate();
        let unguarded = statements.filter(|(i, _)| !self.guarded.contains(i));
        let problems = unguarded.filter_map(|(_, statement)| {
            let message = later.halfway(&statement.effect.effects)?;
            Some(Problem::at(&statement.at, message).rule("rollback-not-from-every-point"))
        });
        problems.collect()
    }
}

/// Effects of the tiers after a first commit.
#[derive(Default)]
pub struct LaterTiers {
    created: Objects,
    dropped: Objects,
    detached: Objects,
}

impl LaterTiers {
    /// Records a statement.
    pub fn note(&mut self, effects: Effects) {
        self.created.extend(effects.created);
        self.dropped.extend(effects.dropped);
        self.detached.extend(effects.detached);
    }

    fn halfway(&self, effects: &Effects) -> Option<String> {
        let first = |objects: &[Object], known: &Objects| {
            let mut certain = objects.iter().filter(|object| !object.conditional);
            let object = certain.find(|object| known.contains(object))?;
            Some(format!("the {} {}", object.kind.as_str(), object.name))
        };
        let state = if let Some(missing) = first(&effects.dropped, &self.created) {
            format!("{missing} is not there yet")
        } else if let Some(present) = first(&effects.created, &self.dropped) {
            format!("{present} is still there")
        } else {
            let partition = effects.attached()?;
            if !self.detached.contains(partition) {
                return None;
            }
            format!("the partition {} is still attached", partition.name)
        };
        Some(format!(
            "this fails where {state}: a run can stop between two commits"
        ))
    }
}
