//! dbmate and goose: one file for each change, with marked parts for the way up and the way down.

use super::ImportError;
use super::files::{Source, name, numbered, order};
use super::project::{Change, Open, Project, Script, Tool};

/// The lines of a tool that begin a part.
struct Marks {
    tool: Tool,
    prefix: &'static str,
    up: &'static str,
    down: &'static str,
    /// Beginning of the words that turn off the transaction.
    alone: &'static str,
    /// Words of lines that change nothing here.
    known: &'static [&'static str],
    expected: &'static str,
}

pub fn dbmate(source: &Source) -> Result<Project, ImportError> {
    let marks = Marks {
        tool: Tool::Dbmate,
        prefix: "migrate:",
        up: "up",
        down: "down",
        alone: "transaction:false",
        known: &[],
        expected: "VERSION_NAME.sql with a line -- migrate:up",
    };
    read(source, &marks)
}

pub fn goose(source: &Source) -> Result<Project, ImportError> {
    let marks = Marks {
        tool: Tool::Goose,
        prefix: "+goose ",
        up: "up",
        down: "down",
        alone: "no transaction",
        known: &["statementbegin", "statementend"],
        expected: "VERSION_NAME.sql with a line -- +goose Up",
    };
    read(source, &marks)
}

fn read(source: &Source, marks: &Marks) -> Result<Project, ImportError> {
    let mut project = Project::new(marks.tool);
    for file in source.list()? {
        let Some((version, rest)) = numbered(name(&file)) else {
            continue;
        };
        let Some(title) = rest.strip_suffix(".sql") else {
            project.open.push(Open::file(
                &file,
                "this migration is no SQL file and was not imported: write it as a tier, or do without it",
            ));
            continue;
        };
        project
            .changes
            .push(change(source, &file, (version, title), marks)?);
    }
    if project.changes.is_empty() {
        return Err(ImportError::Empty {
            path: source.root.clone(),
            tool: marks.tool,
            expected: marks.expected,
        });
    }
    project.changes.sort_by_key(|change| {
        let (length, digits) = order(change.id());
        (length, digits.to_owned())
    });
    Ok(project)
}

fn change(
    source: &Source,
    file: &str,
    named: (&str, &str),
    marks: &Marks,
) -> Result<Change, ImportError> {
    let (version, title) = named;
    let content = source.text(file)?;
    let part = |line: u32| Script {
        file: file.to_owned(),
        line,
        text: String::new(),
        original: String::new(),
    };
    let mut change = Change::new(version, title, part(1));
    change.note = title.replace('_', " ");
    change.ids.push(title.to_owned());
    if marks.tool == Tool::Goose {
        // Its history has the number.
        change
            .ids
            .insert(0, version.trim_start_matches('0').to_owned());
    }
    let mut is_down = None;
    for (line, number) in content.split_inclusive('\n').zip(1_u32..) {
        let comment = line.trim().strip_prefix("--").map(str::trim_start);
        let mark = comment.and_then(|comment| comment.strip_prefix(marks.prefix));
        if let Some(mark) = mark {
            let words = mark.trim().to_ascii_lowercase();
            let first = words.split_whitespace().next().unwrap_or_default();
            if first == marks.up && is_down.is_none() {
                is_down = Some(false);
                change.up.line = number;
            } else if first == marks.down && is_down == Some(false) {
                is_down = Some(true);
                change.down = Some(part(number));
            } else if !words.starts_with(marks.alone) && !marks.known.contains(&first) {
                let open = Open {
                    file: file.to_owned(),
                    line: number,
                    text: format!("a mark that is not imported: {}", line.trim()),
                };
                change.open.push(open);
            }
            // dbmate allows to run the way down alone; a rollback is one transaction.
            change.alone |= words.contains(marks.alone) && is_down != Some(true);
        }
        match (is_down, &mut change.down) {
            (Some(true), Some(down)) => down.text.push_str(line),
            (Some(false), _) => change.up.text.push_str(line),
            _ => {}
        }
    }
    match is_down {
        Some(_) => Ok(change),
        None => Err(ImportError::At {
            file: file.to_owned(),
            line: 1,
            why: format!("no line begins the way up: expected {}", marks.expected),
        }),
    }
}
