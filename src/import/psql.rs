//! A psql script that includes others by `\i`: one change, with everything that it reads.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use super::ImportError;
use super::files::{script, text};
use super::project::{Change, Project, Tool};
use psql_script::{CopySource, FileError, Files, OF_THE_CONNECTION, Step, Variables, explore};

/// Files below the driver's directory.
struct Below<'a>(&'a Path);

impl Files for Below<'_> {
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError> {
        match std::fs::File::open(self.0.join(path)) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(FileError::NotFound),
            Err(error) => Err(FileError::Other(Box::new(error))),
        }
    }
}

pub fn read(driver: &Path) -> Result<Project, ImportError> {
    let dir = driver.parent().unwrap_or(Path::new(""));
    let file = driver
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut project = Project::new(Tool::Psql);
    let name = file.strip_suffix(".sql").unwrap_or(&file).to_owned();
    let mut change = Change::new(&name, &name, script(dir, &file)?);
    let mut variables = Variables::default();
    for name in OF_THE_CONNECTION {
        let _ = variables.set_unknown(name, true);
    }
    let (mut included, mut unset) = (Vec::new(), BTreeMap::new());
    explore(&Below(dir), &file, &variables, |_, step| {
        let Ok((script, step)) = step else { return };
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
    project.variables = unset;
    included.sort();
    included.dedup();
    for path in included.into_iter().filter(|path| *path != file) {
        let content = text(dir, &path)?;
        project.included.insert(path, content);
    }
    change.note = format!("runs {file}");
    project.changes.push(change);
    Ok(project)
}
