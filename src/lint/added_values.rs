//! Values that a release adds to enumerations. No statement drops one, so a rollback leaves it,
//! unless it drops the type.

use super::objects::{Kind, Object};
use super::points::Walk;
use super::rollback::Removals;
use super::scripts::{Defining, Purpose, Reading, place};
use super::touches::{How, touches};
use crate::bundle::problem::Problem;
use pgseal_verify::format::manifest::{Acknowledgement, Manifest};
use psql_script::{ObjectName, Statement, Tokens};

/// The rule by which an author acknowledges that a value stays.
const RULE: &str = "cannot-be-undone";

/// A value that may stay, because the author acknowledged its statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedValue {
    /// `schema.type`; without a schema if the search path has several.
    pub of: String,
    pub value: String,
}

/// The type of `ALTER TYPE type ADD VALUE`, and the index of the token that follows.
pub(super) fn of_type(tokens: &Tokens<'_>) -> Option<(ObjectName, usize)> {
    if !tokens.are(0, &["alter", "type"]) {
        return None;
    }
    let (name, next) = tokens.name(2)?;
    tokens
        .are(next, &["add", "value"])
        .then_some((name, next + 2))
}

/// The values that may stay after a rollback.
pub fn acknowledged(manifest: &Manifest, walk: &mut Walk<'_>) -> Vec<AddedValue> {
    let all = manifest.acknowledged.iter();
    let accepted: Vec<&Acknowledgement> = all.filter(|one| one.rule.as_str() == RULE).collect();
    let mut values = Vec::new();
    if accepted.is_empty() {
        return values;
    }
    let is_accepted = |statement: &Statement| {
        let at = place(statement, Tokens::first(&statement.sql, 1).start(0));
        accepted.iter().any(|one| {
            let is_line = one.line.is_none_or(|line| line.get() == at.line);
            is_line && one.file.matches(&at.file)
        })
    };
    for tier in &manifest.tiers {
        walk(&tier.file, &mut |_, statement| {
            let value = added(&statement.sql, &manifest.target.search_path);
            values.extend(value.filter(|_| is_accepted(&statement)));
        });
    }
    values
}

fn added(sql: &str, path: &[String]) -> Option<AddedValue> {
    let tokens = Tokens::first(sql, 24);
    let (_, next) = of_type(&tokens)?;
    let value = tokens.literal(tokens.behind(next, &["if", "not", "exists"]))?;
    let mut objects = touches(sql, path).objects.into_iter();
    let of = objects.find(|touch| touch.how == How::Alters)?.name;
    Some(AddedValue { of, value })
}

/// Warnings about values that a second run would add again.
pub fn problems(readings: &[Reading]) -> Vec<Problem> {
    let acts = readings.iter().flat_map(|reading| {
        let in_rollback = reading.purpose == Purpose::Rollback;
        let acts = reading.acts.iter();
        acts.map(move |act| (&act.effects, act.body.as_deref(), in_rollback))
    });
    let removals = Removals::of(acts);
    let tiers = readings.iter();
    let tiers = tiers.filter(|reading| reading.purpose == Purpose::Tier);
    let problem = |one: &Defining| {
        let tokens = Tokens::first(&one.statement.sql, 24);
        let (of, next) = of_type(&tokens)?;
        let made = Object::new(Kind::Type, of, None);
        let stays = removals.find(&made, None).is_none();
        let text = "a rollback leaves the value, and a second run would fail: it already exists";
        let problem = Problem::at(&one.place(tokens.start(0)), text);
        (stays && !tokens.is(next, "if")).then(|| problem.rule("enum-value-if-not-exists"))
    };
    let definitions = tiers.flat_map(|reading| &reading.definitions);
    definitions.filter_map(problem).collect()
}
