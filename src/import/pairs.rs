//! golang-migrate and its family: `VERSION_NAME.up.sql` and `VERSION_NAME.down.sql`, and the directories
//! `VERSION_NAME/up.sql` of Diesel and Hasura.

use super::ImportError;
use super::files::{Source, name, numbered, order, refused};
use super::project::{Change, Open, Project, Tool};

pub fn read(source: &Source) -> Result<Project, ImportError> {
    let mut project = Project::new(Tool::GolangMigrate);
    let mut downs: Vec<(String, String)> = Vec::new();
    for file in source.list()? {
        let Some(named) = Named::of(&file) else {
            continue;
        };
        if named.is_dir {
            // Each of these tools has a history of its own.
            project.history_table.clear();
        }
        match named.way {
            Some(Way::Up) => {
                let mut change = Change::new(&named.version, named.title, source.script(&file)?);
                change.note = named.title.replace('_', " ");
                let number = named.version.trim_start_matches('0');
                change.ids.push(if number.is_empty() { "0" } else { number }.to_owned());
                change.ids.push(named.title.to_owned());
                project.changes.push(change);
            }
            Some(Way::Down) => downs.push((named.version, file)),
            None => project.open.push(Open::file(
                &file,
                "neither .up.sql nor .down.sql, and not imported: write it as a tier, or do without it",
            )),
        }
    }
    for (version, file) in downs {
        let mut changes = project.changes.iter_mut();
        match changes.find(|change| change.id() == version) {
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
    if project.changes.is_empty() {
        return Err(ImportError::Empty {
            path: source.root.clone(),
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

enum Way {
    Up,
    Down,
}

/// A file of a migration, by its name.
struct Named<'a> {
    version: String,
    title: &'a str,
    way: Option<Way>,
    /// Version and title are those of its directory.
    is_dir: bool,
}

impl<'a> Named<'a> {
    fn of(file: &'a str) -> Option<Self> {
        let base = name(file);
        if let Some((dir, way)) = [("up.sql", Way::Up), ("down.sql", Way::Down)]
            .into_iter()
            .find_map(|(ending, way)| Some((file.strip_suffix(ending)?.strip_suffix('/')?, way)))
        {
            let (version, title) = name(dir).split_once('_').unwrap_or((name(dir), ""));
            let version = version.replace('-', "");
            let is_number = !version.is_empty() && version.bytes().all(|c| c.is_ascii_digit());
            return is_number.then_some(Self {
                version,
                title,
                way: Some(way),
                is_dir: true,
            });
        }
        let (version, rest) = numbered(base)?;
        // `1_setup.sql` is no way up.
        let titled = |ending| {
            let title = rest.strip_suffix(ending)?;
            (title.is_empty() || title.ends_with(['.', '-'])).then_some(title)
        };
        let (title, way) = match (titled("up.sql"), titled("down.sql")) {
            (Some(title), _) => (title, Some(Way::Up)),
            (_, Some(title)) => (title, Some(Way::Down)),
            _ => (rest, None),
        };
        Some(Self {
            version: version.to_owned(),
            title: title.trim_end_matches(['.', '-']),
            way,
            is_dir: false,
        })
    }
}
