//! Reads the scripts of a release once, statement by statement, and keeps what the rules need: the definitions, never the
//! data.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::objects::{Effects, effects};
use super::search_path::SearchPath;
use super::timeouts;
use super::tokens::{Kind as TokenKind, Tokens};
use crate::bundle::definition::Definition;
use crate::bundle::lint::declared;
use crate::bundle::problem::Problem;
use crate::entry_path::EntryPath;
use crate::sql::{Position, Statement, Step, explore};

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
    /// The bodies of DO blocks in which something is dropped, lower case.
    pub dynamic: Vec<String>,
    pub problems: Vec<Problem>,
}

/// A statement that defines something.
pub struct Defining {
    pub statement: Statement,
    pub effects: Effects,
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
    let mut reading =
        Reading { purpose, file: file.clone(), definitions: Vec::new(), dynamic: Vec::new(), problems: Vec::new() };
    statements(definition, &mut reading);
    reading
}

/// Every statement of every way through the script, each once.
fn statements(definition: &Definition, reading: &mut Reading) {
    let file = reading.file.clone();
    let mut seen = BTreeSet::new();
    let mut path = SearchPath::default();
    let mut last_way = 1;
    explore(definition.source(), file.as_str(), &declared(definition.manifest()), |way, step| {
        if way != last_way {
            reading.problems.extend(std::mem::take(&mut path).problem());
            last_way = way;
        }
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

/// One statement. What defines something is kept once, also when several ways lead over it.
fn note(
    reading: &mut Reading,
    path: &mut SearchPath,
    statement: Statement,
    seen: &mut BTreeSet<(Arc<str>, u32, String)>,
) {
    // The words at the head say what it is, before a long one is cut into all its tokens.
    let head = Tokens::first(&statement.sql, 24);
    path.see(&head, &statement);
    let defines = DEFINING.iter().any(|word| head.is(0, word));
    let at = &statement.origin.at;
    if (defines || head.is(0, "do") || head.is(0, "set"))
        && !seen.insert((at.file.clone(), at.line, statement.sql.clone()))
    {
        return;
    }
    reading.problems.extend(timeouts::set_in(&head, &statement));
    if head.is(0, "do") {
        let tokens = Tokens::of(&statement.sql);
        let texts = tokens.iter().filter(|token| token.kind == TokenKind::Text);
        let bodies = texts.map(|token| token.text.to_ascii_lowercase()).filter(|text| text.contains("drop"));
        reading.dynamic.extend(bodies);
    } else if defines {
        let effects = effects(&Tokens::of(&statement.sql));
        reading.definitions.push(Defining { statement, effects });
    }
}
