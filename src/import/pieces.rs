//! A script of another tool as scripts of a release: without its outer BEGIN and COMMIT, cut where a statement can't
//! run in a transaction.

use std::collections::BTreeMap;

use super::path;
use super::project::{Open, Script};
use super::statements::{Edits, Span, edited, statements};
use super::transaction::{in_transaction, needs_none, outer_pair};
use crate::lint::effects::{Effects, effects};
use psql_script::Tokens;

/// Text of a script for the release.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    pub sql: String,
    /// Its statements run without a transaction.
    pub alone: bool,
}

/// A script, read.
pub struct Pieces {
    pub pieces: Vec<Piece>,
    /// Points that need a marker, because no other rule refuses them.
    pub open: Vec<Open>,
    /// Points that rules of `lint` refuse by themselves.
    pub refused: Vec<Open>,
    /// What the statements do to objects, in order.
    pub effects: Vec<Effects>,
    /// Each statement of the script itself, with its effects.
    pub statements: Vec<(Effects, String)>,
    /// It has no statement.
    pub is_empty: bool,
}

/// Purpose of a script in the release.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Tier,
    Rollback,
    Verify,
}

/// Reads a script. `alone`: the other tool runs it without a transaction.
pub fn read(
    script: &Script,
    included: &BTreeMap<String, String>,
    purpose: Purpose,
    alone: bool,
) -> Pieces {
    let found = statements(script, included);
    let spans = found.spans;
    let mut read = Pieces {
        pieces: Vec::new(),
        open: Vec::new(),
        refused: found.refused,
        effects: found.effects_of_included,
        statements: Vec::new(),
        is_empty: false,
    };
    let mut edits = BTreeMap::new();
    let body = match outer_pair(&spans, purpose) {
        true => {
            for span in [&spans[0], &spans[spans.len() - 1]] {
                edits.insert(span.first_word(), (span.end, String::new()));
            }
            &spans[1..spans.len() - 1]
        }
        false => &spans[..],
    };
    if purpose == Purpose::Rollback {
        body.iter()
            .for_each(|span| in_transaction(span, &mut edits));
    }
    let mut schema = path::DEFAULT.to_owned();
    for span in body {
        refusals(script, span, &mut read.refused);
        schema = path::set_by(&span.statement.sql).unwrap_or(schema);
        let effects = effects(&Tokens::new(&span.statement.sql));
        let effects = path::qualified(effects, &schema);
        read.effects.push(effects.clone());
        read.statements.push((effects, span.statement.sql.clone()));
    }
    read.is_empty = body.is_empty() && included.is_empty() && read.refused.is_empty();
    let needs: Vec<bool> = body.iter().map(|span| needs_none(span, alone)).collect();
    let split = purpose == Purpose::Tier && needs.contains(&true);
    if !split || needs.iter().all(|alone| *alone) {
        let sql = edited(&script.text, 0, script.text.len(), &edits);
        read.pieces.push(Piece { sql, alone: split });
    } else if let Some(line) = unsplittable(script, body) {
        let text = "a statement here can't run in the transaction of the others, and the script has commands between its statements: \
                    put the statement into a tier of its own with transaction = \"none\"";
        read.open.push(script.open(line, text));
        let sql = edited(&script.text, 0, script.text.len(), &edits);
        read.pieces.push(Piece { sql, alone: false });
    } else {
        read.pieces = cut(script, body, &needs, &edits);
    }
    read
}

/// Points that `lint` refuses in this statement.
fn refusals(script: &Script, span: &Span, refused: &mut Vec<Open>) {
    let line = span.statement.origin.at.line;
    if let Some(control) = span.inspection.transaction_control {
        let text = format!("{control} inside of the script: pgseal begins and ends transactions");
        refused.push(script.open(line, text));
    }
    for dispatch in &span.inspection.dispatch {
        let line = span.statement.locate(dispatch.at).line;
        let name = &dispatch.name;
        let text = format!(
            "{name} could reach outside of the database: if that is meant, name it in dispatch = [{name:?}] of its tier"
        );
        refused.push(script.open(line, text));
    }
}

/// The line of a place at which the script can't be cut: a backslash command, or COPY data, between statements.
fn unsplittable(script: &Script, body: &[Span]) -> Option<u32> {
    let mut at = 0;
    body.iter().find_map(|span| {
        let between = script.text.get(at..span.start).unwrap_or("\\");
        at = span.end;
        let fits = span.is_whole && !between.contains('\\') && span.statement.copy.is_none();
        (!fits).then_some(span.statement.origin.at.line)
    })
}

/// Cuts at the ends of statements. Settings of earlier pieces are repeated, since each tier begins without them.
fn cut(script: &Script, body: &[Span], needs: &[bool], edits: &Edits) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut from, mut settings, mut pending) = (0, String::new(), String::new());
    for (i, span) in body.iter().enumerate() {
        let sql = &span.statement.sql;
        if Tokens::first(sql, 1).is(0, "set") {
            pending.push_str(sql.trim());
            pending.push('\n');
        }
        if needs.get(i + 1) == Some(&needs[i]) {
            continue;
        }
        let end = match i + 1 == body.len() {
            true => script.text.len(),
            false => span.end,
        };
        let text = edited(&script.text, from, end, edits);
        let sql = format!("{settings}{}\n", text.trim());
        pieces.push(Piece {
            sql,
            alone: needs[i],
        });
        settings.push_str(&std::mem::take(&mut pending));
        from = end;
    }
    pieces
}

#[cfg(test)]
mod tests;
