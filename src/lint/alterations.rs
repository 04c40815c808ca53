//! Objects that an ALTER statement creates, drops, renames or moves.

use super::effects::{Effects, kind, mentions, owner};
use super::objects::{Kind, Object};
use psql_script::{ObjectName, Tokens};

/// The effects of an ALTER statement.
pub fn alter(tokens: &Tokens<'_>) -> Option<Effects> {
    let (kind, next) = kind(tokens, 1)?;
    let i = tokens.behind(tokens.behind(next, &["if", "exists"]), &["only"]);
    let (name, mut i) = tokens.name(i)?;
    if kind == Kind::Function && tokens.is(i, "(") {
        i = tokens.behind_parenthesis(i);
    }
    let mut of = None;
    if matches!(kind, Kind::Trigger | Kind::Policy | Kind::Rule) && tokens.is(i, "on") {
        let table = tokens.name(i + 1);
        i = table.as_ref().map_or(i, |(_, behind)| *behind);
        of = table.map(|(table, _)| table);
    }
    let i = tokens.behind(i, &["*"]);
    let object = Object::new(kind, name.clone(), of);
    let partition = || {
        let (name, _) = tokens.name(i + 2)?;
        Some(Object::new(Kind::Table, name, Some(object.name.clone())))
    };
    let mut effects = Effects::default();
    if tokens.are(i, &["rename", "to"]) {
        effects
            .renamed
            .extend(tokens.name(i + 2).map(|(to, _)| (object, to.name)));
    } else if kind == Kind::Type && tokens.is_any(i + 1, &["value", "attribute"]) {
        // These are no columns, though they are renamed like one.
    } else if tokens.is(i, "rename") {
        effects.renamed.extend(column(tokens, i + 1, &name));
    } else if tokens.are(i, &["set", "schema"]) {
        effects.moved = Some(object);
    } else if tokens.are(i, &["attach", "partition"]) && kind == Kind::Table {
        effects.joined = partition();
    } else if tokens.are(i, &["detach", "partition"]) && kind == Kind::Table {
        effects.detached = partition();
    } else if kind == Kind::Sequence {
        effects.joined = owner(tokens, i).map(|(table, column)| Object {
            of: Some(table),
            mentions: vec![column],
            ..object
        });
    } else if kind == Kind::Table {
        actions(tokens, i, &name, &mut effects);
    }
    effects.about = Some(name);
    Some(effects)
}

/// Parses `[COLUMN | CONSTRAINT] name TO new` after RENAME.
fn column(tokens: &Tokens<'_>, i: usize, table: &ObjectName) -> Option<(Object, String)> {
    let (kind, first) = match tokens.is(i + 1, "to") {
        false if tokens.is(i, "constraint") => (Kind::Constraint, i + 1),
        false => (Kind::Column, tokens.behind(i, &["column"])),
        true => (Kind::Column, i),
    };
    let (name, next) = tokens.name(first)?;
    let (to, _) = tokens.name(next + 1)?;
    Some((Object::new(kind, name, Some(table.clone())), to.name))
}

fn actions(tokens: &Tokens<'_>, mut i: usize, table: &ObjectName, effects: &mut Effects) {
    while i < tokens.len() {
        // Up to the comma before the next action.
        let mut end = i;
        while end < tokens.len() && !tokens.is(end, ",") {
            end = if tokens.is(end, "(") {
                tokens.behind_parenthesis(end)
            } else {
                end + 1
            };
        }
        action(tokens, i, end, table, effects);
        i = end + 1;
    }
    effects.cascade =
        !effects.dropped.is_empty() && (0..tokens.len()).any(|i| tokens.is(i, "cascade"));
}

/// Parses `ADD COLUMN` and `DROP COLUMN`, where the word COLUMN is optional, `ADD CONSTRAINT name`
/// and `DROP CONSTRAINT`.
fn action(tokens: &Tokens<'_>, i: usize, end: usize, table: &ObjectName, effects: &mut Effects) {
    let adds = tokens.is(i, "add");
    let unnamed = "check unique primary foreign exclude not";
    if !tokens.is_listed(i, "add drop") || tokens.is_listed(i + 1, unnamed) {
        return;
    }
    let (kind, behind) = if tokens.is(i + 1, "constraint") {
        (Kind::Constraint, i + 2)
    } else {
        (Kind::Column, tokens.behind(i + 1, &["column"]))
    };
    let first = tokens.behind(behind, &["if", "not", "exists"]);
    let first = tokens.behind(first, &["if", "exists"]);
    let Some((name, next)) = tokens.name(first) else {
        return;
    };
    let mut object = Object {
        at: tokens.start(first),
        conditional: first > behind,
        ..Object::new(kind, name, Some(table.clone()))
    };
    if adds {
        object.mentions = mentions(tokens, next, end);
        effects.created.push(object)
    } else {
        effects.dropped.push(object)
    }
}
