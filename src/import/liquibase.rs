//! Liquibase's formatted SQL: changesets in files, in the order of the files' names.

use std::path::Path;

use super::ImportError;
use super::files::Source;
use super::project::{Change, Open, Project, Script, Tool};

/// Attributes of a changeset that change nothing here.
const KNOWN: [&str; 7] = [
    "runInTransaction",
    "splitStatements",
    "stripComments",
    "failOnError",
    "logicalFilePath",
    "dbms",
    "runWith",
];

pub fn read(source: &Path) -> Result<Project, ImportError> {
    let mut project = Project::new(Tool::Liquibase);
    let (dir, files) = if source.is_file() {
        let (dir, file) = Source::of_file(source)?;
        (dir, vec![file])
    } else {
        let dir = Source::open(source)?;
        let files = dir.list()?;
        (dir, files)
    };
    for file in files {
        let ending = file.rsplit('.').next().unwrap_or_default();
        if ["xml", "yaml", "yml", "json"].contains(&ending) {
            let text = "a changelog that is no formatted SQL was not imported: `liquibase update-sql` writes its SQL";
            project.open.push(Open::file(&file, text));
        } else if ending == "sql" {
            let script = dir.script(&file)?;
            match is_formatted(&script.text) {
                true => changesets(&mut project, &script),
                false => {
                    let text =
                        "it does not begin with --liquibase formatted sql, and was not imported";
                    project.open.push(Open::file(&file, text));
                }
            }
        }
    }
    match project.changes.is_empty() {
        true => Err(ImportError::Empty {
            path: source.to_owned(),
            tool: Tool::Liquibase,
            expected: "a file that begins with --liquibase formatted sql, and --changeset",
        }),
        false => Ok(project),
    }
}

/// The words of a comment of Liquibase.
fn directive(line: &str) -> Option<&str> {
    line.trim().strip_prefix("--").map(str::trim_start)
}

fn is_formatted(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let words = first.and_then(directive).unwrap_or_default();
    words
        .to_ascii_lowercase()
        .starts_with("liquibase formatted sql")
}

fn changesets(project: &mut Project, file: &Script) {
    let mut current: Option<Change> = None;
    for (line, number) in file.text.split_inclusive('\n').zip(1_u32..) {
        let words = directive(line).unwrap_or_default();
        if let Some(head) = words.strip_prefix("changeset ") {
            project.changes.extend(current.take());
            current = Some(changeset(file, number, head));
            continue;
        }
        let Some(change) = &mut current else { continue };
        if let Some(sql) = words.strip_prefix("rollback ") {
            let down = change.down.get_or_insert_with(|| Script {
                file: file.file.clone(),
                line: number,
                text: String::new(),
                original: String::new(),
            });
            // `--rollback empty` and `not required` say that there is nothing to do.
            if !["empty", "not required"].contains(&sql.trim()) {
                down.text.push_str(sql);
            }
        } else if let Some(note) = words.strip_prefix("comment:") {
            change.note = note.trim().to_owned();
        } else if words.starts_with("precondition") || words.starts_with("rollbackSqlFile") {
            let text = format!("not imported: {}", words.trim());
            change.open.push(file.open(number, text));
        } else {
            change.up.text.push_str(line);
        }
    }
    project.changes.extend(current);
}

fn changeset(file: &Script, line: u32, head: &str) -> Change {
    let mut words = head.split_whitespace();
    let named = words.next().unwrap_or_default();
    let (author, id) = named.split_once(':').unwrap_or(("", named));
    let up = Script {
        file: file.file.clone(),
        line: line.saturating_add(1),
        text: String::new(),
        original: String::new(),
    };
    let mut change = Change::new(id, id, up);
    change.note = format!("changeset {id} by {author}");
    change.ids.push(named.to_owned());
    for word in words {
        let (key, value) = word.split_once(':').unwrap_or((word, ""));
        let is_false = value.eq_ignore_ascii_case("false");
        change.alone |= key == "runInTransaction" && is_false;
        if !KNOWN.contains(&key) && !is_false {
            let text = format!("an attribute of the changeset that is not imported: {word}");
            change.open.push(file.open(line, text));
        }
    }
    change
}
