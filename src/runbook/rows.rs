//! Rows that a tier's script carries as data, as tables for people who read no SQL: data of `COPY
//! ... FROM stdin` and `\copy`, and `INSERT ... VALUES` of literals.
//!
//! - `copy`: columns and data of a COPY
//! - `insert`: columns and literals of an INSERT
//! - `markdown`: the tables as text

mod copy;
mod insert;
mod markdown;

use std::collections::HashMap;

use psql_script::{
    Files, Position, Script, ScriptError, Statement, Step, Then, Variables, explore,
};

/// Maximum number of rows shown of a table.
const SHOWN: usize = 500;

/// The scripts of a release, and their variables as far as they are known.
pub struct Scripts<'f> {
    pub files: &'f dyn Files,
    pub variables: Variables,
}

/// A cell of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell {
    Text(String),
    /// `NULL` or `DEFAULT`.
    Keyword(&'static str),
}

/// Rows of one table. Those beyond [`SHOWN`] are counted only.
#[derive(Debug, Default, PartialEq, Eq)]
struct Block {
    /// `schema.table`.
    table: String,
    /// Empty if neither the statement nor its data name them.
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
    count: usize,
}

impl Block {
    fn add(&mut self, row: impl FnOnce() -> Vec<Cell>) {
        if self.count < SHOWN {
            self.rows.push(row());
        }
        self.count += 1;
    }

    /// Adds the rows of another statement for the same table.
    fn append(&mut self, other: Self) {
        let room = SHOWN.saturating_sub(self.rows.len());
        self.rows.extend(other.rows.into_iter().take(room));
        self.count += other.count;
    }
}

/// A statement that can write rows.
struct Found {
    at: Position,
    /// Number of execution paths that contain it.
    paths: usize,
    /// Its rows, or its command if they cannot be shown.
    rows: Result<Block, String>,
}

/// Rows of a table, from one or more statements.
struct RowTable {
    block: Block,
    /// Place of the first statement.
    at: Position,
    statements: usize,
    /// True if the script writes them only on some execution paths.
    is_conditional: bool,
}

/// Statements of a script that can write rows.
#[derive(Default)]
pub struct Rows {
    tables: Vec<RowTable>,
    /// Command and place of those whose rows cannot be shown.
    hidden: Vec<(String, Position)>,
}

impl Scripts<'_> {
    /// Reads a script with its includes, on every execution path.
    pub fn rows(&self, file: &str) -> Result<Rows, ScriptError> {
        let (mut found, mut known) = (Vec::new(), HashMap::new());
        let (mut paths, mut error) = (1, None);
        explore(self.files, file, &self.variables, |path, step| {
            paths = path;
            let added = step.and_then(|(script, step)| match step {
                Step::Statement(statement) => {
                    let origin = statement.origin.to_string();
                    if let Some(index) = known.get(&origin) {
                        let found: &mut Found = &mut found[*index];
                        found.paths += 1;
                    } else if let Some(new) = read(script, &statement)? {
                        known.insert(origin, found.len());
                        found.push(new);
                    }
                    Ok(())
                }
                Step::Echo { .. } | Step::Await => Ok(()),
            });
            error = error.take().or(added.err());
        });
        error.map_or_else(|| Ok(Rows::of(found, paths)), Err)
    }
}

impl Rows {
    /// True if there is a table to show.
    pub fn has_tables(&self) -> bool {
        !self.tables.is_empty()
    }

    fn of(found: Vec<Found>, paths: usize) -> Self {
        let mut all = Self::default();
        for one in found {
            let is_conditional = one.paths < paths;
            let block = match one.rows {
                Ok(block) => block,
                Err(verb) => {
                    all.hidden.push((verb, one.at));
                    continue;
                }
            };
            let is_same = |other: &&mut RowTable| {
                other.is_conditional == is_conditional
                    && other.block.table == block.table
                    && other.block.columns == block.columns
            };
            match all.tables.iter_mut().find(is_same) {
                Some(table) => {
                    table.block.append(block);
                    table.statements += 1;
                }
                None => all.tables.push(RowTable {
                    block,
                    at: one.at,
                    statements: 1,
                    is_conditional,
                }),
            }
        }
        all
    }
}

/// The rows of a statement; `None` for one that writes none.
fn read(script: &mut Script<'_>, statement: &Statement) -> Result<Option<Found>, ScriptError> {
    let inspection = statement.inspect();
    let is_plain = inspection.statements == 1
        && statement.then == Then::Show
        && statement.parameters.is_none();
    let block = match &statement.copy {
        _ if !is_plain => None,
        Some(_) => copy::block(script, statement)?,
        None => insert::block(&statement.sql),
    };
    let rows = match block {
        Some(block) => Ok(block),
        None if writes(&inspection.verb) => Err(inspection.verb),
        None => return Ok(None),
    };
    Ok(Some(Found {
        at: statement.origin.at.clone(),
        paths: 1,
        rows,
    }))
}

/// Whether a command can write rows. Functions that a SELECT calls are not known here.
fn writes(verb: &str) -> bool {
    const WRITING: [&str; 10] = [
        "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "TRUNCATE", "WITH", "DO", "CALL", "EXECUTE",
    ];
    WRITING.contains(&verb)
}

#[cfg(test)]
mod tests;
