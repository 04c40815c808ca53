//! Reads the scripts of a release once, statement by statement, and keeps what the rules need: the definitions, never the
//! data.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::objects::{Effects, effects};
use super::search_path::SearchPath;
use super::timeouts;
use super::tokens::{Kind as TokenKind, Tokens};
use crate::bundle::definition::Definition;
use crate::bundle::lint::declared;
use crate::bundle::problem::Problem;
use pgseal_verify::entry_path::EntryPath;
use psql_script::{Part, Position, Statement, Step, Then, calls_something, explore, parts, plain};

/// A longer statement is not parsed, in bytes.
pub const STATEMENT_BYTES: usize = 512 * 1024;

/// The statements that define or lock something, by their first word. Data and questions are not among them.
const DEFINING: [&str; 7] = ["create", "alter", "drop", "truncate", "reindex", "cluster", "refresh"];

/// What a script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Tier,
    Rollback,
}

/// What is remembered of a script.
pub struct Reading {
    pub purpose: Purpose,
    pub file: EntryPath,
    pub definitions: Vec<Defining>,
    /// What its statements do to objects.
    pub acts: Vec<Act>,
    /// Every way through it: the acts in the order in which they happen, also those that happen again.
    pub ways: Vec<Vec<usize>>,
    /// Whether it has statements that may do more than their words say.
    pub hides: bool,
    /// The bodies of DO blocks in which something is dropped, lower case.
    pub dynamic: Vec<String>,
    pub problems: Vec<Problem>,
}

/// A statement that defines something.
pub struct Defining {
    pub statement: Statement,
    pub effects: Effects,
}

/// What one statement does to objects, of those that `\;` joined too.
pub struct Act {
    pub effects: Effects,
    /// Where the names of what it creates stand.
    pub places: Vec<Position>,
}

impl Defining {
    /// Where a byte of the statement stands.
    pub fn place(&self, byte: usize) -> Position {
        place(&self.statement, byte)
    }
}

/// Where a byte of a statement stands in its file.
pub fn place(statement: &Statement, byte: usize) -> Position {
    let before = statement.sql.get(..byte).unwrap_or(&statement.sql).chars().count();
    statement.locate(u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1))
}

/// Reads every tier and rollback script, in their order.
pub fn read(definition: &Definition) -> Vec<Reading> {
    let manifest = definition.manifest();
    let tiers = manifest.tiers.iter().map(|tier| (Purpose::Tier, &tier.file));
    let rollback = manifest.rollback.iter().map(|script| (Purpose::Rollback, &script.file));
    tiers.chain(rollback).map(|(purpose, file)| reading(definition, purpose, file)).collect()
}

fn reading(definition: &Definition, purpose: Purpose, file: &EntryPath) -> Reading {
    let mut reading = Reading {
        purpose,
        file: file.clone(),
        definitions: Vec::new(),
        acts: Vec::new(),
        ways: Vec::new(),
        hides: false,
        dynamic: Vec::new(),
        problems: Vec::new(),
    };
    statements(definition, &mut reading);
    reading
}

/// Every statement of every way through the script, each once.
fn statements(definition: &Definition, reading: &mut Reading) {
    let file = reading.file.clone();
    let mut seen = Seen::new();
    let mut path = SearchPath::default();
    let mut last_way = 1;
    explore(definition.source(), file.as_str(), &declared(definition.manifest()), |way, step| {
        if way != last_way {
            reading.problems.extend(std::mem::take(&mut path).problem());
            last_way = way;
        }
        reading.ways.resize(reading.ways.len().max(way), Vec::new());
        match step {
            Ok((_, Step::Statement(statement))) => {
                note(reading, &mut path, statement, &mut seen);
            }
            Ok(_) => {}
            // It packs, so this can't be; if it is, nobody should think that the rest was looked at.
            Err(error) => {
                let problem = Problem::script(file.as_str(), &error);
                let message = format!("not read to its end: {}", problem.message);
                reading.problems.push(Problem { message, rule: "lint-incomplete", ..problem });
            }
        }
    });
    reading.problems.extend(path.problem());
    let mut known = HashSet::new();
    reading.problems.retain(|problem| known.insert(problem.to_string()));
}

/// Statements by file, line and text, and what each does.
type Seen = BTreeMap<(Arc<str>, u32, String), Range<usize>>;

/// One statement. What defines something is kept once, also when several ways lead over it.
fn note(reading: &mut Reading, path: &mut SearchPath, statement: Statement, seen: &mut Seen) {
    // The words at the head say what it is, before a long one is cut into all its tokens.
    let head = Tokens::first(&statement.sql, 24);
    path.see(&head, &statement);
    reading.hides |= hides(&head, &statement);
    let defines = is_defining(&head);
    if !defines && !head.is(0, "do") && !head.is(0, "set") && !may_make(&head, &statement.sql) {
        return;
    }
    let key = (Arc::clone(&statement.origin.at.file), statement.origin.at.line, statement.sql.clone());
    if let Some(acts) = seen.get(&key) {
        reading.ways.last_mut().into_iter().for_each(|way| way.extend(acts.clone()));
        return;
    }
    reading.problems.extend(timeouts::set_in(&head, &statement));
    let first = reading.acts.len();
    for part in parts(&statement.sql) {
        note_part(reading, &statement, &part);
    }
    let acts = first..reading.acts.len();
    reading.ways.last_mut().into_iter().for_each(|way| way.extend(acts.clone()));
    seen.insert(key, acts);
    if defines {
        let effects = effects(&Tokens::of(&statement.sql));
        reading.definitions.push(Defining { statement, effects });
    }
}

/// One of the statements that may be joined in one.
fn note_part(reading: &mut Reading, statement: &Statement, part: &Part<'_>) {
    let tokens = Tokens::of(part.sql);
    if tokens.is(0, "do") {
        reading.hides = true;
        let texts = tokens.iter().filter(|token| token.kind == TokenKind::Text);
        let bodies = texts.map(|token| token.text.to_ascii_lowercase()).filter(|text| text.contains("drop"));
        reading.dynamic.extend(bodies);
        return;
    }
    let effects = effects(&tokens);
    let place = |at: usize| {
        let before = part.sql.get(..at).unwrap_or_default().chars().count();
        let before = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(part.before);
        statement.locate(before.saturating_add(1))
    };
    let places = effects.created.iter().map(|made| place(made.name.at)).collect();
    if !effects.is_nothing() {
        reading.acts.push(Act { effects, places });
    }
}

fn is_defining(head: &Tokens<'_>) -> bool {
    DEFINING.iter().any(|word| head.is(0, word))
}

fn is_question(head: &Tokens<'_>) -> bool {
    ["select", "with", "values"].iter().any(|word| head.is(0, word))
}

/// Whether it may do more than its words say.
fn hides(head: &Tokens<'_>, statement: &Statement) -> bool {
    let runs = ["do", "call", "execute"].iter().any(|word| head.is(0, word));
    runs || statement.then == Then::Execute || is_question(head) && calls_something(&statement.sql)
}

/// Whether a statement of other words may make something: a SELECT with INTO, or one behind `\;`.
fn may_make(head: &Tokens<'_>, sql: &str) -> bool {
    let into = || sql.as_bytes().windows(4).any(|word| word.eq_ignore_ascii_case(b"into"));
    let body = sql.trim_end().trim_end_matches(';');
    is_question(head) && into() || plain(sql).is_none() && sql.len() <= STATEMENT_BYTES && body.contains(';')
}
