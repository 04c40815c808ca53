//! Objects that an ALTER statement creates, drops, renames or moves.

use super::effects::{Effects, Owner, kind, mentions, owner};
use super::objects::{Kind, Object};
use psql_script::{ObjectName, Tokens};

/// The effects of an ALTER statement.
pub fn alter(tokens: &Tokens<'_>) -> Effects {
    let Some((kind, next)) = kind(tokens, 1) else {
        return Effects::default();
    };
    let i = tokens.behind(tokens.behind(next, &["if", "exists"]), &["only"]);
    let Some((name, mut i)) = tokens.name(i) else {
        return Effects::default();
    };
    let mut effects = Effects {
        about: Some(name.clone()),
        ..Effects::default()
    };
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
    if tokens.are(i, &["rename", "to"]) {
        effects
            .renamed
            .extend(tokens.name(i + 2).map(|(to, _)| (object, to.name)));
    } else if tokens.is(i, "rename") {
        effects.renamed.extend(column(tokens, i + 1, &name));
    } else if tokens.are(i, &["set", "schema"]) {
        effects.moved = Some(object);
    } else if kind == Kind::Sequence {
        effects.joined = owner(tokens, i).map(|owner| (object, owner));
    } else if kind == Kind::Table {
        effects.joined = partition(tokens, i, &name);
        actions(tokens, i, &name, &mut effects);
    }
    effects
}

/// Parses `[COLUMN | CONSTRAINT] name TO new` after RENAME.
fn column(tokens: &Tokens<'_>, i: usize, table: &ObjectName) -> Option<(Object, String)> {
    let is_word = |word| tokens.is(i, word) && !tokens.is(i + 1, "to");
    let kind = if is_word("constraint") {
        Kind::Constraint
    } else {
        Kind::Column
    };
    let behind = i + usize::from(is_word("column") || is_word("constraint"));
    let (name, next) = tokens.name(behind)?;
    let (to, _) = if tokens.is(next, "to") {
        tokens.name(next + 1)?
    } else {
        return None;
    };
    Some((Object::new(kind, name, Some(table.clone())), to.name))
}

/// `ATTACH PARTITION`, `DETACH PARTITION`
fn partition(tokens: &Tokens<'_>, i: usize, table: &ObjectName) -> Option<(Object, Option<Owner>)> {
    let attaches = tokens.are(i, &["attach", "partition"]);
    if !attaches && !tokens.are(i, &["detach", "partition"]) {
        return None;
    }
    let (name, _) = tokens.name(i + 2)?;
    let owner = attaches.then(|| Owner {
        table: table.clone(),
        column: None,
    });
    Some((Object::new(Kind::Table, name, None), owner))
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
    let (adds, drops) = (tokens.is(i, "add"), tokens.is(i, "drop"));
    let unnamed = ["check", "unique", "primary", "foreign", "exclude", "not"];
    if !(adds || drops) || unnamed.iter().any(|word| tokens.is(i + 1, word)) {
        return;
    }
    let kind = if tokens.is(i + 1, "constraint") {
        Kind::Constraint
    } else {
        Kind::Column
    };
    let behind = if kind == Kind::Constraint {
        i + 2
    } else {
        tokens.behind(i + 1, &["column"])
    };
    let words: &[&str] = if adds {
        &["if", "not", "exists"]
    } else {
        &["if", "exists"]
    };
    let first = tokens.behind(behind, words);
    if let Some((name, next)) = tokens.name(first) {
        let mentions = if adds {
            mentions(tokens, next, end)
        } else {
            Vec::new()
        };
        let of = Some(table.clone());
        let (at, conditional) = (tokens.start(first), first > behind);
        let object = Object {
            at,
            conditional,
            mentions,
            ..Object::new(kind, name, of)
        };
        if adds {
            effects.created.push(object)
        } else {
            effects.dropped.push(object)
        }
    }
}
