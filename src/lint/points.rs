//! Points at which a release with tiers of `transaction = "none"` can stop, and the effect of a
//! rollback there.
//!
//! Each statement of such a tier commits by itself. A rollback after some of them runs the same
//! rollback scripts, so each statement is paired with the one that undoes it. Names are compared as
//! far as they are written.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::added_values;
use super::objects::{Kind, Object};
use super::scripts::place;
use super::undoing::{LaterTiers, Rollback, RollbackEffect, RollbackStatement};
use crate::bundle::definition::Definition;
use crate::bundle::lint::declared;
use crate::bundle::problem::Problem;
use crate::bundle::steps::{self, Step};
use crate::bundle::{AuthenticatedBundle, ReleaseFiles};
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::{Manifest, Tier, Transaction};
use psql_script::{
    self, Files, NonTransactional, ObjectName, Position, Statement, Tokens, explore,
    without_comments,
};

/// A statement of a non-transactional tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Name of the tier.
    pub tier: String,
    /// The number of the statement in its tier, from 1; of the first one if `count` is more than 1.
    pub number: u64,
    /// Number of statements: consecutive changes of rows are combined.
    pub count: u64,
    /// Position of the statement.
    pub at: Position,
    /// Its first words, for people.
    pub text: String,
    /// Its execution and recording.
    pub step: Step,
    /// The effect of a rollback on it.
    pub undo: Undo,
}

/// The effect of a rollback on an executed statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undo {
    /// It leaves no trace.
    Nothing,
    /// The statement of a rollback script at this position undoes it.
    By(Position),
    /// It can't be undone inside a transaction: the text names the remainder and the manual action.
    Left(String),
    /// No statement of a rollback script is recognized as undoing it.
    Unseen,
}

impl Undo {
    fn by(statement: Option<&RollbackStatement>) -> Self {
        statement.map_or(Self::Unseen, |statement| Self::By(statement.at.clone()))
    }
}

/// Reads a script and passes on each statement with the number of its execution path.
pub type Walk<'w> = dyn FnMut(&EntryPath, &mut dyn FnMut(usize, Statement)) + 'w;

/// The points of a release that packs.
pub fn of_definition(definition: &Definition) -> Vec<Point> {
    let manifest = definition.manifest();
    points(manifest, &mut walk(definition.source(), manifest))
}

/// The points of a packed release, for judging it before the values of its variables are known.
pub fn of_bundle(bundle: &AuthenticatedBundle) -> Vec<Point> {
    let manifest = bundle.manifest();
    points(manifest, &mut walk(&ReleaseFiles::of(bundle), manifest))
}

/// The points of a release. `walk` reads scripts only if the release has a non-transactional tier.
pub fn points(manifest: &Manifest, walk: &mut Walk<'_>) -> Vec<Point> {
    let mut points = Vec::new();
    if !manifest.tiers.iter().any(is_stepwise) {
        return points;
    }
    let rollback = rollback(manifest, walk);
    for tier in manifest.tiers.iter().filter(|tier| is_stepwise(tier)) {
        // A file may be included twice, and several execution paths may contain one statement.
        let (mut seen, mut on_this_way, mut last_way) = (HashSet::new(), HashMap::new(), 0);
        let (mut number, first) = (0, points.len());
        walk(&tier.file, &mut |way, statement| {
            if way != last_way {
                on_this_way.clear();
                last_way = way;
            }
            let inspection = statement.inspect();
            let at = &statement.origin.at;
            let place_of = (Arc::clone(&at.file), at.line, at.column);
            let time: &mut u32 = on_this_way.entry(place_of.clone()).or_default();
            *time += 1;
            if inspection.statements > 0 && seen.insert((place_of, *time)) {
                number += 1;
                let step = steps::step(&statement.sql, &inspection);
                let undo = undo(&statement.sql, &step, &rollback);
                let point = Point {
                    tier: tier.name.to_string(),
                    number,
                    count: 1,
                    at: place(&statement, Tokens::first(&statement.sql, 1).start(0)),
                    text: beginning(&statement.sql),
                    step,
                    undo,
                };
                add(&mut points, first, point);
            }
        });
    }
    points
}

/// Warnings about the points of a release.
pub fn problems(definition: &Definition) -> Vec<Problem> {
    let manifest = definition.manifest();
    let points = of_definition(definition);
    let mut problems: Vec<Problem> = points.iter().filter_map(problem).collect();
    let mut walk = walk(definition.source(), definition.manifest());
    let mut is_inside = HashMap::new();
    for point in &points {
        *is_inside.entry(point.tier.as_str()).or_insert(true) &=
            !matches!(point.step, Step::NonTransactional(_));
    }
    let (mut later, mut has_begun) = (LaterTiers::default(), false);
    for tier in &manifest.tiers {
        let mut adds_value = false;
        has_begun |= is_stepwise(tier);
        if has_begun {
            walk(&tier.file, &mut |_, statement| {
                adds_value |= added_value(&statement.sql).is_some();
                later.note(RollbackEffect::of(&statement.sql).effects);
            });
        }
        // A new value of a type is usable only after COMMIT, which justifies the tier.
        if !adds_value && is_inside.get(tier.name.as_str()) == Some(&true) {
            let text = "every statement of this tier could run inside a transaction";
            problems.push(Problem::file(&tier.file, text).rule("needless-transaction-none"));
        }
    }
    if has_begun {
        problems.extend(rollback(manifest, &mut walk).fails_halfway(&later));
    }
    problems
}

fn problem(point: &Point) -> Option<Problem> {
    if matches!(
        point.step,
        Step::NonTransactional(NonTransactional::CreateIndex {
            if_not_exists: true,
            ..
        })
    ) {
        let text =
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS is content with an index that is INVALID";
        return Some(Problem::at(&point.at, text).rule("concurrent-index-if-not-exists"));
    }
    match &point.undo {
        Undo::Left(what) => {
            let problem = Problem::at(&point.at, format!("a rollback can't undo this: {what}"));
            Some(problem.rule("cannot-be-undone"))
        }
        Undo::Unseen => {
            let text = "no rollback script is seen to undo this";
            Some(Problem::at(&point.at, text).rule("undo-unseen"))
        }
        Undo::Nothing | Undo::By(_) => None,
    }
}

fn is_stepwise(tier: &Tier) -> bool {
    tier.transaction == Transaction::None
}

fn walk<'f>(
    files: &'f dyn Files,
    manifest: &Manifest,
) -> impl FnMut(&EntryPath, &mut dyn FnMut(usize, Statement)) + use<'f> {
    let variables = declared(manifest);
    move |file, visit| {
        explore(files, file.as_str(), &variables, |way, step| {
            if let Ok((_, psql_script::Step::Statement(statement))) = step {
                visit(way, statement);
            }
        });
    }
}

fn rollback(manifest: &Manifest, walk: &mut Walk<'_>) -> Rollback {
    let mut rollback = Rollback::default();
    for script in &manifest.rollback {
        walk(&script.file, &mut |way, statement| {
            rollback.note(way, &statement)
        });
        rollback.next_script();
    }
    rollback.finish()
}

/// Adds a point of the tier with its first point at index `first`. It is combined with the previous
/// point if both insert, update or delete rows and are undone alike.
fn add(points: &mut Vec<Point>, first: usize, point: Point) {
    let rows = |text: &str| {
        let verb = Tokens::first(text, 1).word(0).to_ascii_lowercase();
        Some(verb).filter(|verb| matches!(verb.as_str(), "insert" | "update" | "delete"))
    };
    if let Some(last) = points[first..].last_mut()
        && last.step == Step::Within
        && point.step == Step::Within
        && rows(&point.text).is_some_and(|verb| rows(&last.text) == Some(verb))
        && last.undo == point.undo
    {
        last.count += 1;
        return;
    }
    points.push(point);
}

/// Most characters shown of a statement.
const TEXT: usize = 60;

fn beginning(sql: &str) -> String {
    let most = (0..=sql.len().min(4096))
        .rev()
        .find(|at| sql.is_char_boundary(*at))
        .unwrap_or(0);
    let words = without_comments(&sql[..most])
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let words = words.trim_end_matches([';', ' ']);
    match words.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}...", words[..end].trim_end()),
        None => words.to_owned(),
    }
}

fn undo(sql: &str, step: &Step, rollback: &Rollback) -> Undo {
    let outside = match step {
        Step::Setting => return Undo::Nothing,
        Step::Within => return undo_within(sql, rollback),
        Step::NonTransactional(outside) => outside,
    };
    let left = match outside {
        NonTransactional::Reindex { .. } | NonTransactional::Maintenance => return Undo::Nothing,
        NonTransactional::CreateIndex { name, table, .. } => {
            let index = ObjectName {
                name: name.clone(),
                ..table.clone()
            };
            let made = Object::new(Kind::Index, index, Some(table.clone()));
            return Undo::by(rollback.undo_of_creation(&made));
        }
        NonTransactional::DropIndex { index: name } => {
            let dropped = Object::new(Kind::Index, name.clone(), None);
            return Undo::by(rollback.find(&name.name, |effect| effect.restores(&dropped)));
        }
        NonTransactional::Detach { parent, partition } => {
            let wanted = Object::new(Kind::Table, partition.clone(), Some(parent.clone()));
            return Undo::by(rollback.find(&partition.name, |effect| effect.attaches(&wanted)));
        }
        NonTransactional::AlterSystem(Some(name)) => format!(
            "{name} stays in postgresql.auto.conf; ALTER SYSTEM by hand puts the old value back"
        ),
        NonTransactional::AlterSystem(None) => {
            "postgresql.auto.conf stays empty; ALTER SYSTEM by hand puts the old values back"
                .to_owned()
        }
        NonTransactional::Procedure | NonTransactional::Unknown(_) => return Undo::Unseen,
    };
    Undo::Left(left)
}

/// The undo of a statement that could also run inside a transaction.
fn undo_within(sql: &str, rollback: &Rollback) -> Undo {
    const NO_TRACE: &str = "analyze show values table refresh reindex cluster checkpoint";
    let head = Tokens::first(sql, 24);
    let calls = |tokens: Tokens<'_>| (0..tokens.len()).any(|i| tokens.is(i, "("));
    let reads = head.is(0, "select") && !calls(Tokens::new(sql));
    if reads || head.is_listed(0, NO_TRACE) {
        return Undo::Nothing;
    }
    if let Some(of) = added_value(sql) {
        let made = Object::new(Kind::Type, of.clone(), None);
        return match Undo::by(rollback.undo_of_creation(&made)) {
            Undo::Unseen => Undo::Left(format!(
                "the value of {of} stays, since no statement drops one; leave it unused"
            )),
            undo => undo,
        };
    }
    let statement = RollbackEffect::of(sql);
    let effects = &statement.effects;
    if !effects.created.is_empty() {
        return each(&effects.created, |made| rollback.undo_of_creation(made));
    }
    if !effects.dropped.is_empty() {
        return each(&effects.dropped, |dropped| {
            rollback.find(&dropped.name.name, |effect| effect.restores(dropped))
        });
    }
    Undo::by(if let Some(attached) = effects.attached() {
        rollback.find(&attached.name.name, |effect| effect.detaches(attached))
    } else if let Some(detached) = &effects.detached {
        rollback.find(&detached.name.name, |effect| effect.attaches(detached))
    } else if let Some(subject) = &statement.subject {
        rollback.find(&subject.name, |effect| effect.is_about(subject))
    } else {
        None
    })
}

/// The undo of the first object, if each has one.
fn each<'r>(objects: &[Object], undo: impl Fn(&Object) -> Option<&'r RollbackStatement>) -> Undo {
    let statements: Option<Vec<_>> = objects.iter().map(undo).collect();
    Undo::by(statements.as_ref().and_then(|all| all.first().copied()))
}

/// The type of `ALTER TYPE type ADD VALUE`.
fn added_value(sql: &str) -> Option<ObjectName> {
    Some(added_values::of_type(&Tokens::first(sql, 24))?.0)
}

#[cfg(test)]
mod tests;
