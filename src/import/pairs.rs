//! golang-migrate and its family: `VERSION_NAME.up.sql` and `VERSION_NAME.down.sql`.

use std::path::Path;

use super::ImportError;
use super::files::{list, name, numbered, order, script};
use super::project::{Change, Open, Project, Tool};

pub fn read(dir: &Path) -> Result<Project, ImportError> {
    let mut project = Project::new(Tool::GolangMigrate);
    let mut downs = Vec::new();
    for file in list(dir)? {
        let Some((version, rest)) = numbered(name(&file)) else {
            continue;
        };
        if let Some(title) = rest.strip_suffix("up.sql") {
            let title = title.trim_end_matches('.');
            let mut change = Change::new(version, title, script(dir, &file)?);
            change.note = title.replace('_', " ");
            change.ids.push(version.trim_start_matches('0').to_owned());
            change.ids.push(title.to_owned());
            project.changes.push(change);
        } else if rest.ends_with("down.sql") {
            downs.push((version.to_owned(), file));
        } else {
            project.open.push(Open::file(
                &file,
                "this migration is no SQL file and was not imported: write it as a tier, or do without it",
            ));
        }
    }
    for (version, file) in downs {
        let mut changes = project.changes.iter_mut();
        match changes.find(|change| change.id() == version) {
            Some(change) => change.down = Some(script(dir, &file)?),
            None => {
                let text = "it undoes no migration of this directory";
                project.open.push(Open::file(&file, text));
            }
        }
    }
    if project.changes.is_empty() {
        return Err(ImportError::Empty {
            path: dir.to_owned(),
            tool: Tool::GolangMigrate,
            expected: "VERSION_NAME.up.sql",
        });
    }
    let key = |change: &Change| {
        let (length, digits) = order(change.id());
        (length, digits.to_owned())
    };
    project.changes.sort_by_key(key);
    // The history has the number, not its text.
    for change in &mut project.changes {
        change.ids.swap(0, 1);
    }
    Ok(project)
}
