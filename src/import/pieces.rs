//! A script of another tool as scripts of a release: without its outer BEGIN and COMMIT, cut where a statement can't
//! run in a transaction. psql's own scanner finds the statements.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use super::path;
use super::project::{Open, Script};
use crate::lint::effects::{Effects, effects};
use psql_script::{
    FileError, Files, Inspection, NonTransactional, OF_THE_CONNECTION, Statement, Step, Tokens,
    Variables, classify, explore,
};

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

/// A statement and its bytes in the text.
struct Span {
    start: usize,
    end: usize,
    /// Its text is these bytes of the source: no variable was replaced in it.
    is_whole: bool,
    statement: Statement,
    inspection: Inspection,
}

/// The text as a file of the scanner, with the files that it includes.
struct Only<'a>(&'a str, &'a BTreeMap<String, String>);

const FILE: &str = "script.sql";

impl Files for Only<'_> {
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError> {
        match path {
            FILE => Ok(Box::new(self.0.as_bytes())),
            _ => match self.1.get(path) {
                Some(text) => Ok(Box::new(text.as_bytes())),
                None => Err(FileError::NotFound),
            },
        }
    }
}

/// Reads a script. `alone`: the other tool runs it without a transaction.
pub fn read(
    script: &Script,
    included: &BTreeMap<String, String>,
    purpose: Purpose,
    alone: bool,
) -> Pieces {
    let mut read = Pieces {
        pieces: Vec::new(),
        open: Vec::new(),
        refused: Vec::new(),
        effects: Vec::new(),
        is_empty: false,
    };
    let spans = spans(script, included, &mut read);
    let mut edits = BTreeMap::new();
    let body = match outer_pair(&spans, purpose) {
        true => {
            for span in [&spans[0], &spans[spans.len() - 1]] {
                edits.insert(first_token(span), (span.end, String::new()));
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
        read.effects.push(path::qualified(effects, &schema));
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

/// The statements over all ways through the script; none twice.
fn spans(script: &Script, included: &BTreeMap<String, String>, read: &mut Pieces) -> Vec<Span> {
    let mut variables = Variables::default();
    for name in OF_THE_CONNECTION {
        let _ = variables.set_unknown(name, true);
    }
    let mut found: BTreeMap<usize, Span> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut schema = path::DEFAULT.to_owned();
    let files = Only(&script.text, included);
    explore(&files, FILE, &variables, |_, step| match step {
        Ok((_, Step::Statement(statement))) if *statement.origin.at.file == *FILE => {
            let at = &statement.origin.at;
            let start = offset(&script.text, at.line, at.column);
            let end = start + statement.sql.len();
            let inspection = statement.inspect();
            let is_whole = script.text.get(start..end) == Some(&*statement.sql);
            found.entry(start).or_insert(Span {
                start,
                end,
                is_whole,
                statement,
                inspection,
            });
        }
        // Of an included file only the effects count.
        Ok((_, Step::Statement(statement))) => {
            let at = &statement.origin.at;
            if seen.insert((at.file.clone(), at.line, at.column)) {
                schema =
                    path::set_by(&statement.sql).unwrap_or_else(|| std::mem::take(&mut schema));
                let effects = effects(&Tokens::new(&statement.sql));
                read.effects.push(path::qualified(effects, &schema));
            }
        }
        Ok(_) => {}
        Err(error) => {
            let line = error.origin().map_or(1, |origin| origin.at.line);
            let open = script.open(line, error.to_string());
            if !read.refused.contains(&open) {
                read.refused.push(open);
            }
        }
    });
    found.into_values().collect()
}

/// The byte of a line and column, which count from 1.
fn offset(text: &str, line: u32, column: u32) -> usize {
    let before = text.split_inclusive('\n').take(line as usize - 1);
    let start: usize = before.map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let column = column.saturating_sub(1) as usize;
    start
        + rest
            .char_indices()
            .nth(column)
            .map_or(rest.len(), |(at, _)| at)
}

fn first_token(span: &Span) -> usize {
    span.start + Tokens::first(&span.statement.sql, 1).start(0)
}

/// Whether the script is one transaction that its first and last statement begin and end, without other control of
/// transactions. A BEGIN with a mode is not removed, since the mode would be lost.
fn outer_pair(spans: &[Span], purpose: Purpose) -> bool {
    let [first, .., last] = spans else {
        return false;
    };
    let words = |span: &Span| {
        let tokens = Tokens::new(&span.statement.sql);
        let words = (0..tokens.len()).map(|i| tokens.text(i).to_ascii_lowercase());
        words
            .filter(|word| word != ";")
            .collect::<Vec<_>>()
            .join(" ")
    };
    let begins = [
        "begin",
        "begin transaction",
        "begin work",
        "start transaction",
    ];
    let ends: &[&str] = match purpose {
        Purpose::Verify => &[
            "commit",
            "end",
            "rollback",
            "commit transaction",
            "rollback transaction",
        ],
        _ => &[
            "commit",
            "end",
            "commit transaction",
            "commit work",
            "end transaction",
        ],
    };
    let between = &spans[1..spans.len() - 1];
    first.is_whole
        && last.is_whole
        && begins.contains(&words(first).as_str())
        && ends.contains(&words(last).as_str())
        && between
            .iter()
            .all(|span| span.inspection.transaction_control.is_none())
}

/// Removes CONCURRENTLY, since a rollback is one transaction. A dropped index may be missing where a run stopped.
fn in_transaction(span: &Span, edits: &mut BTreeMap<usize, (usize, String)>) {
    if !span.is_whole {
        return;
    }
    let instead = match classify(&span.statement.sql) {
        Some(NonTransactional::CreateIndex { .. } | NonTransactional::Detach { .. }) => "",
        Some(NonTransactional::DropIndex { .. }) => "if exists",
        _ => return,
    };
    let tokens = Tokens::new(&span.statement.sql);
    let at = (0..tokens.len()).find(|i| tokens.is(*i, "concurrently"));
    let Some(at) = at else { return };
    let instead = match tokens.is(at + 1, "if") {
        true => "",
        false => instead,
    };
    let start = span.start + tokens.start(at);
    edits.insert(start, (start + "concurrently".len(), instead.to_owned()));
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

/// Whether the statement gets a tier without a transaction. A new value of an enumeration can't be used in the
/// transaction that adds it, and the other tool committed between its scripts.
fn needs_none(span: &Span, alone: bool) -> bool {
    let tokens = Tokens::first(&span.statement.sql, 24);
    let adds_value = || (0..tokens.len()).any(|i| tokens.are(i, &["add", "value"]));
    span.inspection.outside_transaction.is_some()
        || tokens.are(0, &["alter", "type"]) && adds_value()
        || alone && tokens.is(0, "call")
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
fn cut(
    script: &Script,
    body: &[Span],
    needs: &[bool],
    edits: &BTreeMap<usize, (usize, String)>,
) -> Vec<Piece> {
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

/// The text between two bytes, with its edits.
fn edited(text: &str, from: usize, to: usize, edits: &BTreeMap<usize, (usize, String)>) -> String {
    let (mut out, mut at) = (String::new(), from);
    for (start, (end, instead)) in edits.range(from..to) {
        out.push_str(&text[at..*start]);
        out.push_str(instead);
        at = *end;
    }
    out.push_str(&text[at..to]);
    out
}

#[cfg(test)]
mod tests;
