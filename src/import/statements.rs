//! The statements of a script by psql's own scanner.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use super::path;
use super::project::{Open, Script};
use crate::lint::effects::{Effects, effects};
use psql_script::{
    FileError, Files, Inspection, OF_THE_CONNECTION, Statement, Step, Tokens, Variables, explore,
};

/// A statement and its bytes in the text.
pub struct Span {
    pub start: usize,
    pub end: usize,
    /// Its text is these bytes of the source: no variable was replaced in it.
    pub is_whole: bool,
    pub statement: Statement,
    pub inspection: Inspection,
}

impl Span {
    /// The byte of its first word, behind comments.
    pub fn first_word(&self) -> usize {
        self.start + Tokens::first(&self.statement.sql, 1).start(0)
    }
}

/// The statements of a script.
pub struct Statements {
    /// Over all ways through the script; none twice.
    pub spans: Vec<Span>,
    pub effects_of_included: Vec<Effects>,
    /// Points that `lint` refuses.
    pub refused: Vec<Open>,
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

/// Reads the statements.
pub fn statements(script: &Script, included: &BTreeMap<String, String>) -> Statements {
    let (mut effects_of_included, mut refused) = (Vec::new(), Vec::new());
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
                effects_of_included.push(path::qualified(effects, &schema));
            }
        }
        Ok(_) => {}
        Err(error) => {
            let line = error.origin().map_or(1, |origin| origin.at.line);
            let open = script.open(line, error.to_string());
            if !refused.contains(&open) {
                refused.push(open);
            }
        }
    });
    Statements {
        spans: found.into_values().collect(),
        effects_of_included,
        refused,
    }
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

/// Replaced bytes: the end and the new text, by their start.
pub type Edits = BTreeMap<usize, (usize, String)>;

/// The text between two bytes, with its edits.
pub fn edited(text: &str, from: usize, to: usize, edits: &Edits) -> String {
    let (mut out, mut at) = (String::new(), from);
    for (start, (end, instead)) in edits.range(from..to) {
        out.push_str(&text[at..*start]);
        out.push_str(instead);
        at = *end;
    }
    out.push_str(&text[at..to]);
    out
}
