//! Reads the scripts of a release once, statement by statement, and keeps the definitions that the
//! rules need, never the data.

use std::collections::HashSet;
use std::sync::Arc;

use super::effects::{Effects, effects};
use super::search_path::SearchPath;
use super::timeouts;
use crate::bundle::definition::Definition;
use crate::bundle::lint::declared;
use crate::bundle::problem::Problem;
use pgseal_verify::entry_path::EntryPath;
use psql_script::{Part, Position, Statement, Step, Tokens, explore, parts, plain};

/// Largest statement in bytes that is parsed.
pub const STATEMENT_BYTES: usize = 512 * 1024;

/// First keywords of statements that define or lock objects. Data changes and queries are not among
/// them.
const DEFINING: &str = "create alter drop truncate reindex cluster refresh";

/// Purpose of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Tier,
    Rollback,
}

/// The part of a script that the rules need.
pub struct Reading {
    pub purpose: Purpose,
    pub file: EntryPath,
    pub definitions: Vec<Defining>,
    /// Effects of its statements on objects.
    pub acts: Vec<TierEffect>,
    pub problems: Vec<Problem>,
}

/// A statement that defines something.
pub struct Defining {
    pub statement: Statement,
    pub effects: Effects,
}

/// The effects of one statement on objects; statements joined by `\;` are separate.
#[derive(Default)]
pub struct TierEffect {
    pub effects: Effects,
    /// Positions of the names of created objects.
    pub places: Vec<Position>,
    /// The lower-case body of a DO block that contains `drop`.
    pub body: Option<String>,
}

impl Defining {
    /// The position of a byte of the statement.
    pub fn place(&self, byte: usize) -> Position {
        place(&self.statement, byte)
    }
}

/// The position of a byte of a statement in its file.
pub fn place(statement: &Statement, byte: usize) -> Position {
    let before = statement
        .sql
        .get(..byte)
        .unwrap_or(&statement.sql)
        .chars()
        .count();
    statement.locate(u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1))
}

/// Reads every tier and rollback script in order.
pub fn read(definition: &Definition) -> Vec<Reading> {
    let manifest = definition.manifest();
    let tiers = manifest
        .tiers
        .iter()
        .map(|tier| (Purpose::Tier, &tier.file));
    let rollback = manifest
        .rollback
        .iter()
        .map(|script| (Purpose::Rollback, &script.file));
    tiers
        .chain(rollback)
        .map(|(purpose, file)| reading(definition, purpose, file))
        .collect()
}

/// Records each statement once over all execution paths of the script.
fn reading(definition: &Definition, purpose: Purpose, file: &EntryPath) -> Reading {
    let mut reading = Reading {
        purpose,
        file: file.clone(),
        definitions: Vec::new(),
        acts: Vec::new(),
        problems: Vec::new(),
    };
    let mut seen = Seen::new();
    let mut path = SearchPath::default();
    let mut last_way = 1;
    explore(
        definition.source(),
        file.as_str(),
        &declared(definition.manifest()),
        |way, step| {
            if way != last_way {
                reading.problems.extend(std::mem::take(&mut path).problem());
                last_way = way;
            }
            match step {
                Ok((_, Step::Statement(statement))) => {
                    note(&mut reading, &mut path, statement, &mut seen);
                }
                Ok(_) => {}
                // A release that packs has no such error; if it happens, the warning makes clear that
                // the rest was not checked.
                Err(error) => {
                    let problem = Problem::script(file.as_str(), &error);
                    let message = format!("not read to its end: {}", problem.message);
                    reading.problems.push(Problem {
                        message,
                        rule: "lint-incomplete",
                        ..problem
                    });
                }
            }
        },
    );
    reading.problems.extend(path.problem());
    let mut known = HashSet::new();
    reading
        .problems
        .retain(|problem| known.insert(problem.to_string()));
    reading
}

/// File, line and text of statements.
type Seen = HashSet<(Arc<str>, u32, String)>;

/// Records a statement. Definitions are kept once, also if several execution paths contain them.
fn note(reading: &mut Reading, path: &mut SearchPath, statement: Statement, seen: &mut Seen) {
    // The first words classify a statement before a long one is fully tokenized.
    let head = Tokens::first(&statement.sql, 24);
    path.see(&head, &statement);
    let defines = head.is_listed(0, DEFINING);
    if !defines && !head.is(0, "do") && !head.is(0, "set") && !may_make(&head, &statement.sql) {
        return;
    }
    let key = (
        Arc::clone(&statement.origin.at.file),
        statement.origin.at.line,
        statement.sql.clone(),
    );
    if !seen.insert(key) {
        return;
    }
    reading.problems.extend(timeouts::set_in(&head, &statement));
    for part in parts(&statement.sql) {
        note_part(reading, &statement, &part);
    }
    if defines {
        let effects = effects(&Tokens::new(&statement.sql));
        reading.definitions.push(Defining { statement, effects });
    }
}

/// Records one of the statements joined by `\;`.
fn note_part(reading: &mut Reading, statement: &Statement, part: &Part<'_>) {
    let tokens = Tokens::new(part.sql);
    if tokens.is(0, "do") {
        let bodies = tokens
            .literals()
            .map(str::to_ascii_lowercase)
            .filter(|text| text.contains("drop"));
        reading.acts.extend(bodies.map(|body| TierEffect {
            body: Some(body),
            ..TierEffect::default()
        }));
        return;
    }
    let effects = effects(&tokens);
    let place = |at: usize| {
        let before = part.sql.get(..at).unwrap_or_default().chars().count();
        let before = u32::try_from(before)
            .unwrap_or(u32::MAX)
            .saturating_add(part.before);
        statement.locate(before.saturating_add(1))
    };
    let places = effects
        .created
        .iter()
        .map(|object| place(object.at))
        .collect();
    reading.acts.push(TierEffect {
        effects,
        places,
        body: None,
    });
}

/// Whether another statement may create an object: a SELECT with INTO, or one after `\;`.
fn may_make(head: &Tokens<'_>, sql: &str) -> bool {
    let into = || {
        sql.as_bytes()
            .windows(4)
            .any(|word| word.eq_ignore_ascii_case(b"into"))
    };
    let body = sql.trim_end().trim_end_matches(';');
    head.is_listed(0, "select with values") && into()
        || plain(sql).is_none() && sql.len() <= STATEMENT_BYTES && body.contains(';')
}
