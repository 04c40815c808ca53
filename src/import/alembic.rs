//! Alembic: `up.sql` and `down.sql`, which `alembic upgrade --sql` and `alembic downgrade --sql` wrote.

use std::collections::{BTreeMap, BTreeSet};

use super::ImportError;
use super::files::Source;
use super::project::{Change, Project, Script, Tool};
use super::statements::{Span, edited, statements};
use super::transaction::words;
use psql_script::Tokens;

const UP: &str = "up.sql";
const DOWN: &str = "down.sql";
const TABLE: &str = "alembic_version";

/// The statements of one revision.
struct Part {
    /// The revisions before and after, as Alembic writes them.
    from: String,
    to: String,
    script: Script,
    /// Statements about the table of revisions.
    history: String,
}

pub fn read(source: &Source) -> Result<Project, ImportError> {
    let mut project = Project::new(Tool::Alembic);
    let Some(text) = source.optional(UP)? else {
        return Err(empty(source));
    };
    let (before, parts) = parts(&mut project, UP, text, "-- Running upgrade ")?;
    project.history_begins = before;
    let mut downs = match source.optional(DOWN)? {
        Some(text) => self::parts(&mut project, DOWN, text, "-- Running downgrade ")?.1,
        None => Vec::new(),
    };
    for part in parts {
        let mut change = Change::new(&part.to, &part.to, part.script);
        change.note = format!("Alembic's revision {}", part.to);
        let down = downs
            .iter()
            .position(|down| down.from == part.to && down.to == part.from);
        let down = down.map(|at| downs.swap_remove(at));
        change.history = Some((
            part.history,
            down.as_ref()
                .map(|down| down.history.clone())
                .unwrap_or_default(),
        ));
        change.down = down.map(|down| down.script);
        project.changes.push(change);
    }
    for down in downs {
        let text = format!("it undoes {}, which {UP} does not have", down.from);
        project.open.push(down.script.open(1, text));
    }
    match project.changes.is_empty() {
        true => Err(empty(source)),
        false => Ok(project),
    }
}

fn empty(source: &Source) -> ImportError {
    ImportError::Empty {
        path: source.root.clone(),
        tool: Tool::Alembic,
        expected: "up.sql, which `alembic upgrade BASE:HEAD --sql` writes",
    }
}

/// The statements about the history before the first revision, and the revisions.
fn parts(
    project: &mut Project,
    file: &str,
    text: String,
    mark: &str,
) -> Result<(String, Vec<Part>), ImportError> {
    let whole = Script::whole(file, text);
    let found = statements(&whole, &BTreeMap::new());
    let mut history: Vec<&Span> = Vec::new();
    let mut edits = BTreeMap::new();
    let mut depth = 0_i32;
    for span in found.spans.iter().filter(|span| span.is_whole) {
        // Alembic writes these around what it runs. In a transaction of its own is what it wrote COMMIT before.
        match words(&span.statement.sql).as_str() {
            "begin" => depth += 1,
            "commit" => depth -= 1,
            _ if is_history(&span.statement.sql) => history.push(span),
            _ => continue,
        }
        edits.insert(span.first_word(), (span.end, String::new()));
    }
    if depth != 0 {
        let line = whole.text.lines().count();
        return Err(ImportError::At {
            file: file.to_owned(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            why: "BEGIN has no COMMIT: Alembic stopped before the end, see what it wrote to stderr"
                .to_owned(),
        });
    }
    let inside = |at: usize| {
        found
            .spans
            .iter()
            .any(|span| (span.first_word()..span.end).contains(&at))
    };
    let mut marks = Vec::new();
    let mut at = 0;
    for (line, number) in whole.text.split_inclusive('\n').zip(1_u32..) {
        if let Some(names) = line.strip_prefix(mark)
            && !inside(at)
        {
            let (from, to) = names.split_once("->").unwrap_or((names, ""));
            marks.push((at, number, revisions(from), revisions(to)));
        }
        at += line.len();
    }
    let recorded = |from: usize, to: usize| {
        let those = history
            .iter()
            .filter(|span| (from..to).contains(&span.first_word()));
        those
            .map(|span| format!("{}\n", whole.text[span.first_word()..span.end].trim()))
            .collect::<String>()
    };
    let first = marks.first().map_or(whole.text.len(), |(at, ..)| *at);
    let mut stray = found
        .spans
        .iter()
        .filter(|span| span.first_word() < first && !edits.contains_key(&span.first_word()));
    if let Some(span) = stray.next() {
        let line = span.statement.origin.at.line;
        project.open.push(whole.open(
            line,
            "a statement before the first revision was not imported",
        ));
    }
    let mut seen = BTreeSet::new();
    let mut parts = Vec::new();
    for (i, (start, line, from, to)) in marks.iter().enumerate() {
        let end = marks.get(i + 1).map_or(whole.text.len(), |(at, ..)| *at);
        let sql = edited(&whole.text, *start, end, &edits);
        if !seen.insert((from.clone(), to.clone())) {
            return Err(ImportError::At {
                file: file.to_owned(),
                line: *line,
                why: format!("{from} -> {to} is in the file twice"),
            });
        }
        parts.push(Part {
            from: from.clone(),
            to: to.clone(),
            script: Script {
                file: file.to_owned(),
                line: *line,
                original: String::new(),
                text: format!("{}\n", sql.trim_end()),
            },
            history: recorded(*start, end),
        });
    }
    Ok((recorded(0, first), parts))
}

/// Revisions in one order: Alembic's varies.
fn revisions(names: &str) -> String {
    let mut names: Vec<&str> = names.trim().split(", ").collect();
    names.sort_unstable();
    names.join(", ")
}

/// Whether a statement is about the table of revisions.
fn is_history(sql: &str) -> bool {
    let tokens = Tokens::first(sql, 12);
    let at = match tokens.word(0).to_ascii_lowercase().as_str() {
        "insert" | "delete" | "create" | "drop" => 2,
        "update" => 1,
        _ => return false,
    };
    tokens.name(at).is_some_and(|(name, _)| name.name == TABLE)
}
