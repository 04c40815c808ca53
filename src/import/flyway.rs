//! Flyway: `V1.1__name.sql`, `U1.1__name.sql`, `R__name.sql`, with `.conf` files and placeholders.

use super::ImportError;
use super::files::{Source, name, order, refused};
use super::placeholders::Placeholders;
use super::project::{Change, Open, Project, Tool};

/// Names of files that Flyway runs by themselves.
const CALLBACKS: [&str; 4] = ["before", "after", "createSchema", "beforeEach"];

pub fn read(source: &Source) -> Result<Project, ImportError> {
    let mut project = Project::new(Tool::Flyway);
    let mut placeholders = Placeholders::default();
    let (mut undos, mut repeatable) = (Vec::new(), Vec::new());
    for file in source.list()? {
        let base = name(&file);
        if base.ends_with(".conf") {
            if base.starts_with("flyway") {
                configure(&mut project, &mut placeholders, &source.text(&file)?)
                    .map_err(|why| refused(&file, &why))?;
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
                let mut change = change(source, &file, &version[1..], title)?;
                change.alone = is_alone(source, &file)?;
                project.changes.push(change);
            }
            (Some('U'), Some((version, _))) => undos.push((dotted(&version[1..]), file)),
            (Some('R'), Some((_, title))) => {
                let mut change = change(source, &file, "", title)?;
                change.ids = vec![title.to_owned()];
                change.alone = is_alone(source, &file)?;
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
            path: source.root.clone(),
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
            Some(change) if change.down.is_some() => {
                return Err(refused(&file, "another file undoes the same version"));
            }
            Some(change) => change.down = Some(source.script(&file)?),
            None => {
                let text = "it undoes no migration of this directory";
                project.open.push(Open::file(&file, text));
            }
        }
    }
    repeatable.sort_by(|a, b| a.note.cmp(&b.note));
    project.changes.append(&mut repeatable);
    for change in &mut project.changes {
        placeholders.replace(&mut change.up, &mut change.open)?;
        if let Some(down) = &mut change.down {
            placeholders.replace(down, &mut change.open)?;
        }
    }
    project.variables = placeholders.variables;
    Ok(project)
}

fn change(source: &Source, file: &str, version: &str, title: &str) -> Result<Change, ImportError> {
    let version = dotted(version);
    let mut change = Change::new(&version, title, source.script(file)?);
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
fn is_alone(source: &Source, file: &str) -> Result<bool, ImportError> {
    let conf = source
        .optional(&format!("{file}.conf"))?
        .unwrap_or_default();
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

fn configure(
    project: &mut Project,
    placeholders: &mut Placeholders,
    conf: &str,
) -> Result<(), String> {
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
                    let variable = placeholders.variable(name)?;
                    let default = Some(value.to_owned());
                    placeholders.variables.insert(variable, default);
                }
            }
        }
    }
    Ok(())
}
