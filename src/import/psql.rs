//! A psql script that includes others by `\i`: one change, with everything that it reads.

use std::collections::BTreeMap;
use std::path::Path;

use super::ImportError;
use super::files::Source;
use super::project::{Change, Project, Tool};
use psql_script::{CopySource, OF_THE_CONNECTION, ScriptError, Step, Variables, explore};

pub fn read(driver: &Path) -> Result<Project, ImportError> {
    let (source, file) = Source::of_file(driver)?;
    let mut project = Project::new(Tool::Psql);
    let name = file.strip_suffix(".sql").unwrap_or(&file).to_owned();
    let mut change = Change::new(&name, &name, source.script(&file)?);
    let mut variables = Variables::default();
    for name in OF_THE_CONNECTION {
        let _ = variables.set_unknown(name, true);
    }
    let (mut included, mut unset) = (Vec::new(), BTreeMap::new());
    let mut refusal = None;
    explore(&source, &file, &variables, |_, step| {
        let (script, step) = match step {
            Ok(found) => found,
            Err(error) => {
                refusal = refusal.take().or_else(|| unreadable(&error));
                return;
            }
        };
        if let Step::Statement(statement) = &step {
            for (name, _) in &statement.undefined {
                unset.insert(name.clone(), None);
            }
            if let Some(CopySource::File(path)) = &statement.copy {
                included.push(path.clone());
            }
        }
        included.extend(script.included().iter().cloned());
    });
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    project.variables = unset;
    included.sort();
    included.dedup();
    for path in included.into_iter().filter(|path| *path != file) {
        let content = source.text(&path)?;
        project.included.insert(path, content);
    }
    change.note = format!("runs {file}");
    project.changes.push(change);
    Ok(project)
}

/// The refusal of a script that can't be read as a whole. Other errors are left to `lint`, since an edit of the release
/// settles them.
fn unreadable(error: &ScriptError) -> Option<ImportError> {
    let is_of_files = matches!(
        error,
        ScriptError::Read { .. }
            | ScriptError::Path { .. }
            | ScriptError::Cycle { .. }
            | ScriptError::TooDeep { .. }
            | ScriptError::Encoding { .. }
    );
    let at = &error.origin().filter(|_| is_of_files)?.at;
    Some(ImportError::At {
        file: at.file.to_string(),
        line: at.line,
        why: error.to_string(),
    })
}
