//! Statements of rollback scripts, indexed by the names of objects they restore or drop.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::effects::{Effects, effects};
use super::objects::{Object, Objects, can_be};
use super::rollback::{Statements, words};
use super::scripts::place;
use super::search_path::target;
use crate::bundle::problem::Problem;
use psql_script::{ObjectName, Position, Statement, Tokens};

/// A partition and its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub of: ObjectName,
    pub name: ObjectName,
}

/// The effects of one statement.
#[derive(Default)]
pub struct RollbackEffect {
    pub effects: Effects,
    /// The table, view or function that it defines or writes.
    pub subject: Option<ObjectName>,
    pub attached: Option<Partition>,
    pub detached: Option<Partition>,
    /// The lower-case body of a DO block.
    dynamic: Option<String>,
}

impl RollbackEffect {
    /// Parses a statement.
    pub fn of(sql: &str) -> Self {
        let head = Tokens::first(sql, 24);
        if ["create", "drop", "alter"]
            .iter()
            .any(|word| head.is(0, word))
        {
            let tokens = Tokens::new(sql);
            let (attached, detached) = (partition(&tokens, "attach"), partition(&tokens, "detach"));
            return Self {
                effects: effects(&tokens),
                subject: target(&head).map(|(name, _)| name),
                attached,
                detached,
                dynamic: None,
            };
        }
        if head.is(0, "do") {
            let body = Tokens::new(sql)
                .literals()
                .map(str::to_ascii_lowercase)
                .collect();
            return Self {
                dynamic: Some(body),
                ..Self::default()
            };
        }
        let copied = || {
            if head.is(0, "copy") {
                head.name(1).map(|(name, _)| name)
            } else {
                None
            }
        };
        Self {
            subject: target(&head).map(|(name, _)| name).or_else(copied),
            ..Self::default()
        }
    }

    /// Whether it creates an object again that a tier dropped.
    pub fn restores(&self, dropped: &Object) -> bool {
        self.effects.created.iter().any(|made| made.can_be(dropped))
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
    fn names(&self) -> BTreeSet<String> {
        let created = self.effects.created.iter().map(|object| &object.name.name);
        let partitions = [&self.attached, &self.detached]
            .into_iter()
            .flatten()
            .map(|partition| &partition.name.name);
        let subject = self.subject.iter().map(|subject| &subject.name);
        let names = created.chain(partitions).chain(subject).cloned();
        names
            .chain(
                self.dynamic
                    .iter()
                    .flat_map(|body| words(body))
                    .map(str::to_owned),
            )
            .collect()
    }

    fn is_nothing(&self) -> bool {
        self.subject.is_none() && self.dynamic.is_none() && self.effects.is_nothing()
    }
}

/// `ALTER TABLE of ATTACH PARTITION name`, or `DETACH`.
fn partition(tokens: &Tokens<'_>, verb: &str) -> Option<Partition> {
    if !tokens.are(0, &["alter", "table"]) {
        return None;
    }
    let (of, next) = tokens.name(tokens.behind(tokens.behind(2, &["if", "exists"]), &["only"]))?;
    let next = tokens.behind(next, &["*"]);
    let name = if tokens.are(next, &[verb, "partition"]) {
        tokens.name(next + 2)
    } else {
        None
    };
    name.map(|(name, _)| Partition { of, name })
}

/// A statement of a rollback script.
pub struct Undoing {
    pub at: Position,
    pub deed: RollbackEffect,
    ways: BTreeSet<usize>,
}

/// The statements of all rollback scripts.
#[derive(Default)]
pub struct Rollback {
    statements: Vec<Undoing>,
    effects: Statements,
    by_name: HashMap<String, Vec<usize>>,
    /// The first statement of the current script, and its number of execution paths.
    first: usize,
    ways: usize,
    /// Positions and subjects already recorded for the current script.
    places: HashMap<(Arc<str>, u32, u32), usize>,
    subjects: HashSet<(Option<String>, Option<String>, Option<String>)>,
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
        let deed = RollbackEffect::of(&statement.sql);
        if deed.is_nothing() {
            return;
        }
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
        // The first of several restored rows is enough.
        let changes = !deed.effects.is_nothing() || deed.attached.is_some();
        let (schema, name) = deed
            .subject
            .clone()
            .map(|subject| (subject.schema, subject.name))
            .unzip();
        if self
            .subjects
            .insert((schema.flatten(), name, deed.dynamic.clone()))
            || changes
        {
            self.places.insert(key, self.statements.len());
            self.effects
                .push(deed.effects.clone(), deed.dynamic.clone(), true);
            for name in deed.names() {
                self.by_name
                    .entry(name)
                    .or_default()
                    .push(self.statements.len());
            }
            self.statements.push(Undoing {
                at,
                deed,
                ways: BTreeSet::from([way]),
            });
        }
    }

    /// The statement that undoes the creation of an object.
    pub fn taking_back(&self, made: &Object) -> Option<&Undoing> {
        self.statements.get(self.effects.taking_back(made, None)?)
    }

    /// The first statement with this name that fits.
    pub fn find(&self, name: &str, fits: impl Fn(&RollbackEffect) -> bool) -> Option<&Undoing> {
        let lower = name.to_ascii_lowercase();
        let keys: BTreeSet<&str> = words(&lower).take(1).chain([name]).collect();
        let found = keys.into_iter().filter_map(|key| {
            let mut found = self.by_name.get(key)?.iter();
            found.find(|i| fits(&self.statements[**i].deed))
        });
        self.statements.get(*found.min()?)
    }

    /// Rollback statements that fail if a run stopped before the effects in `later`, those of the
    /// tiers from the first non-transactional one on.
    pub fn fails_halfway(&self, later: &Later) -> Vec<Problem> {
        let asked = |i: &usize| !self.guarded.contains(i);
        let unguarded = (0..self.statements.len())
            .filter(asked)
            .map(|i| &self.statements[i]);
        let problems = unguarded.filter_map(|undoing| {
            let message = later.halfway(&undoing.deed)?;
            Some(Problem::at(&undoing.at, message).rule("rollback-not-from-every-point"))
        });
        problems.collect()
    }
}

/// Effects of the tiers after a first commit.
#[derive(Default)]
pub struct Later {
    created: Objects,
    dropped: Objects,
    detached: HashMap<String, Vec<ObjectName>>,
}

impl Later {
    /// Records a statement.
    pub fn note(&mut self, deed: RollbackEffect) {
        deed.effects
            .created
            .into_iter()
            .for_each(|object| self.created.add(object));
        deed.effects
            .dropped
            .into_iter()
            .for_each(|object| self.dropped.add(object));
        if let Some(partition) = deed.detached {
            self.detached
                .entry(partition.name.name.clone())
                .or_default()
                .push(partition.name);
        }
    }

    fn halfway(&self, deed: &RollbackEffect) -> Option<String> {
        let Effects {
            created, dropped, ..
        } = &deed.effects;
        let state = if let Some(missing) = dropped
            .iter()
            .find(|object| !object.conditional && self.created.contains(object))
        {
            format!(
                "the {} {} is not there yet",
                missing.kind.as_str(),
                missing.name
            )
        } else if let Some(present) = created
            .iter()
            .find(|object| !object.conditional && self.dropped.contains(object))
        {
            format!(
                "the {} {} is still there",
                present.kind.as_str(),
                present.name
            )
        } else {
            let name = &deed.attached.as_ref()?.name;
            self.detached
                .get(&name.name)?
                .iter()
                .find(|detached| can_be(detached, name))?;
            format!("the partition {name} is still attached")
        };
        Some(format!(
            "this fails where {state}: a run can stop between two commits"
        ))
    }
}
