//! What ALTER does to the objects that it names: which it makes, drops, renames, and moves elsewhere.

use super::objects::{Effects, Kind, Object, Owner, kind, mentioned, owner};
use super::signature;
use super::tokens::{ObjectName, Tokens};

/// Of an ALTER statement.
pub fn alter(tokens: &Tokens<'_>) -> Effects {
    let Some((kind, next)) = kind(tokens, 1) else { return Effects::default() };
    let i = tokens.behind(tokens.behind(next, &["if", "exists"]), &["only"]);
    let Some((name, mut i)) = tokens.name(i) else { return Effects::default() };
    let mut effects = Effects { about: Some(name.clone()), ..Effects::default() };
    let arguments = signature::arguments(tokens, next - 1, i);
    if kind == Kind::Function && tokens.is(i, "(") {
        i = tokens.behind_parenthesis(i);
    }
    let mut of = None;
    if kind == Kind::Trigger && tokens.is(i, "on") {
        let table = tokens.name(i + 1);
        i = table.as_ref().map_or(i, |(_, behind)| *behind);
        of = table.map(|(table, _)| table);
    }
    let i = tokens.behind(i, &["*"]);
    let object = Object { arguments, ..Object::new(kind, name.clone(), of) };
    if tokens.are(i, &["rename", "to"]) {
        effects.renamed.extend(tokens.name(i + 2).map(|(to, _)| (object, to.name)));
    } else if tokens.is(i, "rename") {
        effects.renamed.extend(column(tokens, i + 1, &name));
    } else if tokens.are(i, &["set", "schema"]) {
        effects.moved = tokens.name(i + 2).map(|(to, _)| (object, to.name));
    } else if kind == Kind::Sequence {
        effects.hung = owner(tokens, i).map(|owner| (object, owner));
    } else if kind == Kind::Table {
        effects.hung = partition(tokens, i, &name);
        actions(tokens, i, &name, &mut effects);
    }
    effects
}

/// Behind RENAME: a column, and what it is called then.
fn column(tokens: &Tokens<'_>, i: usize, table: &ObjectName) -> Option<(Object, String)> {
    let is_other = ["constraint", "attribute", "value"].iter().any(|word| tokens.is(i, word));
    let (column, next) = tokens.name(tokens.behind(i, &["column"]))?;
    let (to, _) = if tokens.is(next, "to") { tokens.name(next + 1)? } else { return None };
    (!is_other || next == i + 1).then(|| (Object::new(Kind::Column, column, Some(table.clone())), to.name))
}

/// `ATTACH PARTITION`, `DETACH PARTITION`
fn partition(tokens: &Tokens<'_>, i: usize, table: &ObjectName) -> Option<(Object, Option<Owner>)> {
    let attaches = tokens.are(i, &["attach", "partition"]);
    if !attaches && !tokens.are(i, &["detach", "partition"]) {
        return None;
    }
    let (name, _) = tokens.name(i + 2)?;
    let owner = attaches.then(|| Owner { table: table.clone(), column: None });
    Some((Object::new(Kind::Table, name, None), owner))
}

fn actions(tokens: &Tokens<'_>, mut i: usize, table: &ObjectName, effects: &mut Effects) {
    while i < tokens.len() {
        action(tokens, i, table, effects);
        // To the comma before the next action.
        while i < tokens.len() && !tokens.is(i, ",") {
            i = if tokens.is(i, "(") { tokens.behind_parenthesis(i) } else { i + 1 };
        }
        i += 1;
    }
    if !effects.created.is_empty() {
        effects.mentioned = mentioned(tokens, Kind::Column);
    }
    effects.cascade = !effects.dropped.is_empty() && (0..tokens.len()).any(|i| tokens.is(i, "cascade"));
}

/// `ADD COLUMN` and `DROP COLUMN`, also without the word.
fn action(tokens: &Tokens<'_>, i: usize, table: &ObjectName, effects: &mut Effects) {
    let (adds, drops) = (tokens.is(i, "add"), tokens.is(i, "drop"));
    let constraint = ["constraint", "check", "unique", "primary", "foreign", "exclude"];
    if !(adds || drops) || constraint.iter().any(|word| tokens.is(i + 1, word)) {
        return;
    }
    let column = tokens.behind(i + 1, &["column"]);
    let words: &[&str] = if adds { &["if", "not", "exists"] } else { &["if", "exists"] };
    let first = tokens.behind(column, words);
    if let Some((name, _)) = tokens.name(first) {
        let of = Some(table.clone());
        let object = Object { conditional: first > column, ..Object::new(Kind::Column, name, of) };
        if adds { effects.created.push(object) } else { effects.dropped.push(object) }
    }
}
