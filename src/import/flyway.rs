//! Flyway: `V1.1__name.sql`, `U1.1__name.sql`, `R__name.sql`, with `.conf` files and placeholders.

use std::collections::BTreeMap;
use std::path::Path;

use super::ImportError;
use super::files::{list, name, optional, order, script, text};
use super::project::{Change, Open, Project, Script, Tool};
use psql_script::{Kind, Tokens};

/// Names of files that Flyway runs by themselves.
const CALLBACKS: [&str; 4] = ["before", "after", "createSchema", "beforeEach"];

pub fn read(dir: &Path) -> Result<Project, ImportError> {
    let mut project = Project::new(Tool::Flyway);
    let (mut undos, mut repeatable) = (Vec::new(), Vec::new());
    for file in list(dir)? {
        let base = name(&file);
        if base.ends_with(".conf") {
            if base.starts_with("flyway") {
                configure(&mut project, &text(dir, &file)?);
            }
            continue;
        }
        let Some(stem) = base.strip_suffix(".sql") else {
            let is_code = ["java", "class", "kt", "groovy", "jar", "py", "sh", "ps1"];
            let ending = base.rsplit('.').next().unwrap_or_default();
            if is_code.contains(&ending) {
                let text = "this migration or callback is no SQL file and was not imported: write it as a tier, or do without it";
                project.open.push(Open::file(&file, text));
            }
            continue;
        };
        match (stem.chars().next(), stem.split_once("__")) {
            (Some('V'), Some((version, title))) => {
                let mut change = change(dir, &file, &version[1..], title)?;
                change.alone = is_alone(dir, &file)?;
                project.changes.push(change);
            }
            (Some('U'), Some((version, _))) => undos.push((dotted(&version[1..]), file)),
            (Some('R'), Some((_, title))) => {
                let mut change = change(dir, &file, "", title)?;
                change.ids = vec![title.to_owned()];
                change.alone = is_alone(dir, &file)?;
                change.repeatable = true;
                repeatable.push(change);
            }
            _ => {
                let text = match CALLBACKS.iter().any(|word| stem.starts_with(word)) {
                    true => {
                        "a callback of Flyway, not imported: put its statements into tiers or gates, or do without it"
                    }
                    false => "no versioned, undo or repeatable migration, and not imported",
                };
                project.open.push(Open::file(&file, text));
            }
        }
    }
    if project.changes.is_empty() && repeatable.is_empty() {
        return Err(ImportError::Empty {
            path: dir.to_owned(),
            tool: Tool::Flyway,
            expected: "V1__name.sql",
        });
    }
    project.changes.sort_by_key(|change| parts(change.id()));
    let mut pairs = project.changes.windows(2);
    if let Some([first, second]) = pairs.find(|pair| parts(pair[0].id()) == parts(pair[1].id())) {
        return Err(ImportError::At {
            file: second.up.file.clone(),
            line: 1,
            why: format!("{} has the same version", first.up.file),
        });
    }
    for (version, file) in undos {
        let undone = |change: &&mut Change| parts(change.id()) == parts(&version);
        match project.changes.iter_mut().find(undone) {
            Some(change) => change.down = Some(script(dir, &file)?),
            None => {
                let text = "it undoes no migration of this directory";
                project.open.push(Open::file(&file, text));
            }
        }
    }
    repeatable.sort_by(|a, b| a.note.cmp(&b.note));
    project.changes.append(&mut repeatable);
    for change in &mut project.changes {
        let mut open = Vec::new();
        placeholders(&mut change.up, &mut project.variables, &mut open);
        if let Some(down) = &mut change.down {
            placeholders(down, &mut project.variables, &mut open);
        }
        change.open.append(&mut open);
    }
    Ok(project)
}

fn change(dir: &Path, file: &str, version: &str, title: &str) -> Result<Change, ImportError> {
    let version = dotted(version);
    let mut change = Change::new(&version, title, script(dir, file)?);
    change.note = title.replace('_', " ");
    change.ids.push(title.to_owned());
    Ok(change)
}

/// Flyway writes `1_1` as 1.1.
fn dotted(version: &str) -> String {
    version.replace('_', ".")
}

/// The numbers of a version, without zeros that say nothing.
fn parts(version: &str) -> Vec<(usize, String)> {
    let parts = version.split('.').map(|part| {
        let (length, digits) = order(part);
        (length, digits.to_owned())
    });
    let mut parts: Vec<_> = parts.collect();
    while parts.last().is_some_and(|(length, _)| *length == 0) {
        parts.pop();
    }
    parts
}

/// `executeInTransaction=false` in the file beside the script.
fn is_alone(dir: &Path, file: &str) -> Result<bool, ImportError> {
    let conf = optional(dir, &format!("{file}.conf"))?.unwrap_or_default();
    let mut keys = settings(&conf);
    Ok(keys
        .any(|(key, value)| key == "executeInTransaction" && value.eq_ignore_ascii_case("false")))
}

fn settings(conf: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = conf.lines().map(str::trim);
    let lines = lines.filter(|line| !line.starts_with(['#', '!']));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim(), value.trim()))
}

fn configure(project: &mut Project, conf: &str) {
    for (key, value) in settings(conf) {
        match key.strip_prefix("flyway.").unwrap_or_default() {
            "url" => {
                let path = value.split(['?', ';']).next().unwrap_or_default();
                let database = path.rsplit('/').next().unwrap_or_default();
                project.database = Some(database.to_owned()).filter(|name| !name.is_empty());
            }
            "table" => project.history_table = value.to_owned(),
            "defaultSchema" => project.history_schema = value.to_owned(),
            "schemas" => {
                let first = value.split(',').next().unwrap_or_default();
                project.history_schema = first.trim().to_owned();
            }
            other => {
                if let Some(name) = other.strip_prefix("placeholders.") {
                    let default = Some(value.to_owned());
                    project.variables.insert(variable(name), default);
                }
            }
        }
    }
}

/// A placeholder's name as a psql variable.
fn variable(name: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(fits).collect()
}

/// Writes `${x}` as `:x`, and `'${x}'` as `:'x'`. Inside of longer strings and bodies psql replaces nothing, so those stay
/// for a person.
fn placeholders(
    script: &mut Script,
    variables: &mut BTreeMap<String, Option<String>>,
    open: &mut Vec<Open>,
) {
    let text = script.text.clone();
    let tokens = Tokens::new(&text);
    let mut edits: Vec<(usize, usize, String)> = Vec::new();
    for (i, token) in tokens.list.iter().enumerate() {
        let word = tokens.text(i);
        let rest = &text[token.start..];
        let (end, instead) = match token.kind {
            Kind::Mark(b'$') => match named(rest) {
                Some((name, length)) => (token.start + length, (name, false)),
                None => continue,
            },
            Kind::Text if whole(word).is_some() => {
                (token.end, (whole(word).unwrap_or_default(), true))
            }
            Kind::Text | Kind::Dollar | Kind::Quoted { .. } | Kind::Broken => {
                for (at, _) in word.match_indices("${") {
                    let line = text[..token.start + at].matches('\n').count() + 1;
                    let text = "a placeholder inside of a string or body, where psql replaces nothing: write its value, or build the string by format()";
                    open.push(script.open(u32::try_from(line).unwrap_or(u32::MAX), text));
                }
                continue;
            }
            _ => continue,
        };
        let (name, is_text) = instead;
        let name = variable(name);
        variables.entry(name.clone()).or_insert(None);
        let by = if is_text {
            format!(":'{name}'")
        } else {
            format!(":{name}")
        };
        edits.push((token.start, end, by));
    }
    for (start, end, by) in edits.into_iter().rev() {
        script.text.replace_range(start..end, &by);
    }
}

/// The name of a placeholder at the beginning, and its length with `${}`.
fn named(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix("${")?;
    let (name, _) = rest.split_once('}')?;
    let fits = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c));
    (fits && !name.is_empty()).then_some((name, name.len() + 3))
}

/// The name of a placeholder that is a whole string.
fn whole(literal: &str) -> Option<&str> {
    let inner = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    named(inner)
        .filter(|(_, length)| *length == inner.len())
        .map(|(name, _)| name)
}
