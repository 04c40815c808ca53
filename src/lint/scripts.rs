//! Reads the scripts of a release once, statement by statement, and keeps what the rules need: the definitions, never the
//! data.

use super::objects::{Effects, effects};
use super::search_path::SearchPath;
use super::timeouts;
use super::tokens::{Kind as TokenKind, Tokens};
use super::verify;
use crate::bundle::definition::Definition;
use crate::bundle::problem::Problem;
use crate::entry_path::EntryPath;
use crate::format::manifest::Manifest;
use crate::sql::{Position, Script, ScriptError, Statement, Step, Variables};

/// A longer statement is not parsed, in bytes.
pub const STATEMENT_BYTES: usize = 512 * 1024;

/// The statements that define or lock something, by their first word. Data and questions are not among them.
const DEFINING: [&str; 7] = ["create", "alter", "drop", "truncate", "reindex", "cluster", "refresh"];

/// What a script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Tier,
    Rollback,
    Verify,
}

/// What is remembered of a script.
pub struct Reading {
    pub purpose: Purpose,
    pub file: EntryPath,
    pub definitions: Vec<Defining>,
    /// The bodies of DO blocks in which something is dropped, lower case.
    pub dynamic: Vec<String>,
    /// Whether anything in it can fail or returns `ok`.
    pub asserts: bool,
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

/// Reads every tier, rollback and verify script, in their order.
pub fn read(definition: &Definition) -> Vec<Reading> {
    let manifest = definition.manifest();
    let tiers = manifest.tiers.iter().map(|tier| (Purpose::Tier, &tier.file));
    let rollback = manifest.rollback.iter().map(|script| (Purpose::Rollback, &script.file));
    let verify = manifest.verify.iter().map(|script| (Purpose::Verify, &script.file));
    tiers.chain(rollback).chain(verify).map(|(purpose, file)| reading(definition, purpose, file)).collect()
}

fn reading(definition: &Definition, purpose: Purpose, file: &EntryPath) -> Reading {
    let mut reading = Reading {
        purpose,
        file: file.clone(),
        definitions: Vec::new(),
        dynamic: Vec::new(),
        asserts: false,
        problems: Vec::new(),
    };
    if let Err(error) = statements(definition, &mut reading) {
        // It packs, so this can't be; if it is, nobody should think that the rest was looked at.
        let problem = Problem::script(file.as_str(), &error);
        let message = format!("not read to its end: {}", problem.message);
        reading.problems.push(Problem { message, rule: "lint-incomplete", ..problem });
    }
    if purpose == Purpose::Verify && !reading.asserts {
        let problem = Problem::file(file, "nothing in this verify script can fail, and it returns no column ok");
        reading.problems.push(problem.rule("verify-asserts-nothing"));
    }
    reading
}

fn statements(definition: &Definition, reading: &mut Reading) -> Result<(), ScriptError> {
    let variables = placeholders(definition.manifest());
    let mut script = Script::open(definition.source(), reading.file.as_str(), variables)?;
    let mut path = SearchPath::default();
    while let Some(step) = script.next_step()? {
        let Step::Statement(statement) = step else { continue };
        if reading.purpose == Purpose::Verify {
            reading.asserts = reading.asserts || verify::asserts(&statement.sql);
            continue;
        }
        // The words at the head say what it is, before a long one is cut into all its tokens.
        let head = Tokens::first(&statement.sql, 24);
        path.see(&head, &statement);
        reading.problems.extend(timeouts::set_in(&head, &statement));
        if head.is(0, "do") {
            let tokens = Tokens::of(&statement.sql);
            let texts = tokens.iter().filter(|token| token.kind == TokenKind::Text);
            let bodies = texts.map(|token| token.text.to_ascii_lowercase()).filter(|text| text.contains("drop"));
            reading.dynamic.extend(bodies);
        } else if DEFINING.iter().any(|word| head.is(0, word)) {
            let effects = effects(&Tokens::of(&statement.sql));
            reading.definitions.push(Defining { statement, effects });
        }
    }
    reading.problems.extend(path.problem());
    Ok(())
}

/// A value for every declared variable, as the check before packing has it.
fn placeholders(manifest: &Manifest) -> Variables {
    let mut variables = Variables::default();
    for (name, variable) in &manifest.variables {
        // The manifest's grammar of variable names is narrower than psql's.
        let _ = variables.set(name.as_str(), variable.default.clone().unwrap_or_else(|| "0".to_owned()));
    }
    variables
}
