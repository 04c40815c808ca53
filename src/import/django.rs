//! Django: `N_APP.NAME.up.sql` and `N_APP.NAME.down.sql`, which `manage.py sqlmigrate` wrote, in the order of
//! `manage.py showmigrations --plan`.

use super::ImportError;
use super::files::Source;
use super::pairs;
use super::project::{Open, Project, Script, Tool};

/// Django's comment for Python in a migration.
const PYTHON: &str = "CANNOT BE WRITTEN AS SQL";

pub fn read(source: &Source) -> Result<Project, ImportError> {
    let from = pairs::read(source).map_err(|error| match error {
        ImportError::Empty { path, .. } => ImportError::Empty {
            path,
            tool: Tool::Django,
            expected: "N_APP.NAME.up.sql, which `manage.py sqlmigrate APP NAME` writes",
        },
        error => error,
    })?;
    let mut project = Project::new(Tool::Django);
    project.open = from.open;
    for mut change in from.changes {
        let name = change.name.clone();
        if !name.contains('.') {
            let why = "expected N_APP.NAME.up.sql".to_owned();
            return Err(ImportError::File {
                file: change.up.file,
                why,
            });
        }
        change.note = format!("Django's migration {name}");
        change.ids = vec![name];
        change.open.extend(python(&change.up));
        change.open.extend(change.down.iter().flat_map(python));
        project.changes.push(change);
    }
    Ok(project)
}

fn python(script: &Script) -> Vec<Open> {
    let lines = script.text.lines().zip(1_u32..);
    let lines = lines.filter(|(line, _)| line.starts_with("--") && line.contains(PYTHON));
    let text = "Python runs here, and was not imported: write it in SQL, or do without it";
    lines.map(|(_, line)| script.open(line, text)).collect()
}
