//! Atlas: versioned directories in its own format, `VERSION_NAME.sql`, without ways back.

use super::ImportError;
use super::files::{Source, name, numbered};
use super::project::{Change, Open, Project, Tool};

pub fn read(source: &Source) -> Result<Project, ImportError> {
    let mut project = Project::new(Tool::Atlas);
    for file in source.list()? {
        let Some((version, rest)) = numbered(name(&file)) else {
            if name(&file) != "atlas.sum" {
                let text = "no migration of Atlas' own format, and not imported";
                project.open.push(Open::file(&file, text));
            }
            continue;
        };
        let Some(title) = rest.strip_suffix(".sql") else {
            project
                .open
                .push(Open::file(&file, "no SQL file, and not imported"));
            continue;
        };
        let mut change = Change::new(version, title, source.script(&file)?);
        change.note = title.replace('_', " ");
        change.ids.push(title.to_owned());
        for (line, number) in change.up.text.lines().zip(1_u32..) {
            let Some(directive) = line.trim().strip_prefix("-- atlas:") else {
                continue;
            };
            match directive.trim() {
                "txmode none" => change.alone = true,
                "txmode file" | "txmode all" | "nolint" => {}
                other if other.starts_with("nolint ") => {}
                other => {
                    let text = format!("a directive that is not imported: atlas:{other}");
                    change.open.push(change.up.open(number, text));
                }
            }
        }
        project.changes.push(change);
    }
    match project.changes.is_empty() {
        true => Err(ImportError::Empty {
            path: source.root.clone(),
            tool: Tool::Atlas,
            expected: "VERSION_NAME.sql",
        }),
        false => Ok(project),
    }
}
