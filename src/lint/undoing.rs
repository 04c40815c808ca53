//! Statements of rollback scripts that undo the steps of a tier with `transaction = "none"`.

use std::collections::BTreeSet;

use super::objects::{Effects, Object, Objects, can_be, effects};
use super::rollback::undone_by;
use super::scripts::{Purpose, place};
use super::search_path::target;
use crate::bundle::problem::Problem;
use psql_script::{ObjectName, Position, Statement, Tokens};

/// The effects of one statement.
#[derive(Default)]
pub struct StatementEffects {
    pub effects: Effects,
    /// The table, view or function that it defines or writes.
    pub subject: Option<ObjectName>,
}

impl StatementEffects {
    /// Parses a statement, and the whole of it only where it defines something.
    pub fn of(sql: &str) -> Self {
        let head = Tokens::first(sql, 24);
        let copied = || head.name(1).filter(|_| head.is(0, "copy"));
        let subject = target(&head).or_else(copied).map(|(name, _)| name);
        let effects = if head.is_any(0, &["create", "drop", "alter", "do"]) {
            effects(&Tokens::new(sql))
        } else {
            Effects::default()
        };
        Self { effects, subject }
    }

    /// Whether it creates an object again that a tier dropped.
    pub fn restores(&self, dropped: &Object) -> bool {
        self.effects.created.iter().any(|made| made.can_be(dropped))
    }

    /// Whether it is about this table, or is a DO block that names it.
    pub fn is_about(&self, name: &ObjectName) -> bool {
        let subject = self.subject.as_ref();
        subject.is_some_and(|subject| can_be(subject, name)) || self.effects.body_names(&name.name)
    }
}

/// A statement of a rollback script.
struct RollbackStatement {
    at: Position,
    effects: StatementEffects,
    /// The execution paths that contain it.
    paths: BTreeSet<usize>,
    /// Whether it is under a `\if` condition, so that the script checks the state first.
    is_guarded: bool,
}

/// The statements of all rollback scripts.
#[derive(Default)]
pub struct Rollback(Vec<RollbackStatement>);

impl Rollback {
    /// Adds a script. `read` passes on each statement with the number of its execution path.
    pub fn add_script(&mut self, read: impl FnOnce(&mut dyn FnMut(usize, Statement))) {
        let (first, mut last_path) = (self.0.len(), 0);
        read(&mut |path, statement| {
            last_path = last_path.max(path);
            let effects = StatementEffects::of(&statement.sql);
            let is_plain = effects.effects.is_nothing();
            if is_plain && effects.subject.is_none() {
                return;
            }
            let at = place(&statement, Tokens::first(&statement.sql, 1).start(0));
            // The first of several restored rows is enough.
            let is_known = |known: &&mut RollbackStatement| {
                let rows = is_plain && known.effects.effects.is_nothing();
                rows && known.effects.subject == effects.subject || known.at == at
            };
            if let Some(known) = self.0[first..].iter_mut().find(is_known) {
                known.paths.insert(path);
                return;
            }
            self.0.push(RollbackStatement {
                at,
                effects,
                paths: BTreeSet::from([path]),
                is_guarded: false,
            });
        });
        for statement in &mut self.0[first..] {
            statement.is_guarded = statement.paths.len() < last_path;
        }
    }

    /// The position of the statement that undoes the creation of an object.
    pub fn dropping(&self, made: &Object) -> Option<&Position> {
        let effects = self.0.iter().map(|statement| &statement.effects.effects);
        let found = undone_by(made, effects.map(|effects| (Purpose::Rollback, effects)))?;
        Some(&self.0[found].at)
    }

    /// The position of the first statement that fits.
    pub fn find(&self, fits: impl Fn(&StatementEffects) -> bool) -> Option<&Position> {
        let mut statements = self.0.iter();
        let found = statements.find(|statement| fits(&statement.effects))?;
        Some(&found.at)
    }

    /// Statements that fail if a run stopped before the effects in `later`, those of the tiers from
    /// the first non-transactional one on.
    pub fn fails_halfway(&self, later: &Later) -> Vec<Problem> {
        let unguarded = self.0.iter().filter(|statement| !statement.is_guarded);
        let problems = unguarded.filter_map(|statement| {
            let message = later.halfway(&statement.effects.effects)?;
            Some(Problem::at(&statement.at, message).rule("rollback-not-from-every-point"))
        });
        problems.collect()
    }
}

/// Effects of the tiers after a first commit.
#[derive(Default)]
pub struct Later {
    created: Objects,
    dropped: Objects,
    detached: Objects,
}

impl Later {
    /// Records a statement.
    pub fn add(&mut self, effects: Effects) {
        let detached = effects.detached().cloned();
        detached.into_iter().for_each(|it| self.detached.add(it));
        let (created, dropped) = (effects.created, effects.dropped);
        created.into_iter().for_each(|it| self.created.add(it));
        dropped.into_iter().for_each(|it| self.dropped.add(it));
    }

    fn halfway(&self, effects: &Effects) -> Option<String> {
        let state = |objects: &[Object], later: &Objects, state: &str| {
            let mut objects = objects.iter().filter(|object| !object.conditional);
            let found = objects.find(|object| later.contains(object))?;
            Some(format!("{} {} is {state}", found.kind.as_str(), found.name))
        };
        let attached = effects.attached();
        let state = state(&effects.dropped, &self.created, "not there yet")
            .or_else(|| state(&effects.created, &self.dropped, "still there"))
            .or_else(|| {
                let name = &attached.filter(|it| self.detached.contains(it))?.name;
                Some(format!("partition {name} is still attached"))
            })?;
        Some(format!(
            "this fails where the {state}: a run can stop between two commits"
        ))
    }
}
