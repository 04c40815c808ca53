//! Changes of another tool, in order, in one form for all tools.

use std::collections::BTreeMap;

use super::ImportError;

/// A migration tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Sqitch,
    Flyway,
    Liquibase,
    Dbmate,
    Goose,
    GolangMigrate,
    Atlas,
    Alembic,
    Django,
    Psql,
}

impl Tool {
    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqitch => "sqitch",
            Self::Flyway => "flyway",
            Self::Liquibase => "liquibase",
            Self::Dbmate => "dbmate",
            Self::Goose => "goose",
            Self::GolangMigrate => "golang-migrate",
            Self::Atlas => "atlas",
            Self::Alembic => "alembic",
            Self::Django => "django",
            Self::Psql => "psql",
        }
    }
}

/// The content of a source.
#[derive(Debug)]
pub struct Project {
    pub tool: Tool,
    /// In the order in which the tool runs them.
    pub changes: Vec<Change>,
    /// Those before the range.
    pub before: Vec<Change>,
    /// Points about the whole project that a person has to decide.
    pub open: Vec<Open>,
    /// psql variables of its scripts, with their defaults.
    pub variables: BTreeMap<String, Option<String>>,
    /// Database that its configuration names.
    pub database: Option<String>,
    /// Schema of the tool's history.
    pub history_schema: String,
    /// Table of the tool's history; for sqitch, the project.
    pub history_table: String,
    /// SQL that makes the tool's history, if the source has it.
    pub history_begins: String,
    /// Files that the scripts include, by path from the root of the release.
    pub included: BTreeMap<String, String>,
}

impl Project {
    pub fn new(tool: Tool) -> Self {
        let (schema, table) = match tool {
            Tool::Sqitch => ("sqitch", ""),
            Tool::Flyway => ("public", "flyway_schema_history"),
            Tool::Liquibase => ("public", "databasechangelog"),
            Tool::Dbmate | Tool::GolangMigrate => ("public", "schema_migrations"),
            Tool::Goose => ("public", "goose_db_version"),
            Tool::Atlas => ("atlas_schema_revisions", "atlas_schema_revisions"),
            Tool::Alembic => ("public", "alembic_version"),
            Tool::Django => ("public", "django_migrations"),
            Tool::Psql => ("", ""),
        };
        Self {
            tool,
            changes: Vec::new(),
            before: Vec::new(),
            open: Vec::new(),
            variables: BTreeMap::new(),
            database: None,
            history_schema: schema.to_owned(),
            history_table: table.to_owned(),
            history_begins: String::new(),
            included: BTreeMap::new(),
        }
    }

    /// Refuses two changes with one name in the tool's history: only one of them would ever run.
    pub fn check_unique(&self) -> Result<(), ImportError> {
        let mut known: BTreeMap<(bool, &str, &str), &Script> = BTreeMap::new();
        for change in &self.changes {
            let (id, file) = match self.tool {
                // Its changesets have an author and a file too.
                Tool::Liquibase => (
                    change.ids.last().map_or("", String::as_str),
                    &*change.up.file,
                ),
                _ => (change.id(), ""),
            };
            if let Some(first) = known.insert((change.repeatable, id, file), &change.up) {
                return Err(ImportError::At {
                    file: change.up.file.clone(),
                    line: change.up.line,
                    why: format!("{}:{} is {id} already", first.file, first.line),
                });
            }
        }
        Ok(())
    }

    /// Keeps only the changes of a range.
    pub fn narrow(&mut self, range: &Range) -> Result<(), ImportError> {
        let versions = || self.changes.iter().filter(|change| !change.repeatable);
        let find = |name: &String| {
            let found = versions().position(|change| change.ids.contains(name));
            found.ok_or_else(|| ImportError::NoChange {
                name: name.clone(),
                last: versions()
                    .next_back()
                    .map_or("none", |change| change.id())
                    .to_owned(),
            })
        };
        let count = versions().count();
        let first = range
            .from
            .as_ref()
            .map_or(Ok(0), |name| Ok(find(name)? + 1))?;
        let behind = range
            .to
            .as_ref()
            .map_or(Ok(count), |name| Ok(find(name)? + 1))?;
        let mut at = 0;
        for change in std::mem::take(&mut self.changes) {
            if change.repeatable || (first..behind).contains(&at) {
                at += usize::from(!change.repeatable);
                self.changes.push(change);
                continue;
            }
            if at < first {
                self.before.push(change);
            }
            at += 1;
        }
        if self.changes.is_empty() {
            let text = |name: &Option<String>| name.clone().unwrap_or_else(|| "the end".to_owned());
            return Err(ImportError::EmptyRange {
                from: text(&range.from),
                to: text(&range.to),
            });
        }
        Ok(())
    }
}

/// The changes to import.
#[derive(Debug, Default)]
pub struct Range {
    /// The last change that the database has.
    pub from: Option<String>,
    /// The last change to import.
    pub to: Option<String>,
}

/// One change.
#[derive(Debug)]
pub struct Change {
    /// Names for `--from` and `--to`; the first is the one in the tool's history.
    pub ids: Vec<String>,
    /// Words for the tier's name.
    pub name: String,
    pub note: String,
    pub up: Script,
    pub down: Option<Script>,
    pub verify: Option<Script>,
    /// The tool runs it without a transaction.
    pub alone: bool,
    /// The tool repeats it when it changes, and it is in every range.
    pub repeatable: bool,
    pub open: Vec<Open>,
    /// SQL with which the tool records it, and with which it takes the record back, if the source has it.
    pub history: Option<(String, String)>,
}

impl Change {
    pub fn new(id: &str, name: &str, up: Script) -> Self {
        Self {
            ids: vec![id.to_owned()],
            name: name.to_owned(),
            note: String::new(),
            up,
            down: None,
            verify: None,
            alone: false,
            repeatable: false,
            open: Vec::new(),
            history: None,
        }
    }

    /// The name in the tool's history.
    pub fn id(&self) -> &str {
        self.ids.first().map_or("", String::as_str)
    }
}

/// A script, or the part of a file that is one.
#[derive(Clone, Debug)]
pub struct Script {
    /// Relative to the source.
    pub file: String,
    /// The file's line on which it begins.
    pub line: u32,
    pub text: String,
    /// The file as the tool reads it, for its checksum.
    pub original: String,
}

impl Script {
    /// A whole file.
    pub fn whole(file: &str, text: String) -> Self {
        Self {
            file: file.to_owned(),
            line: 1,
            original: text.clone(),
            text,
        }
    }

    /// An undecided point at one of its lines, from 1.
    pub fn open(&self, line: u32, text: impl Into<String>) -> Open {
        Open {
            file: self.file.clone(),
            line: self.line.saturating_add(line).saturating_sub(1),
            text: text.into(),
        }
    }
}

/// A point that a person has to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// File of the source.
    pub file: String,
    /// 0: the whole file.
    pub line: u32,
    pub text: String,
}

impl Open {
    /// A point about a whole file.
    pub fn file(file: &str, text: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            text: text.into(),
        }
    }
}

impl std::fmt::Display for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.text),
            line => write!(f, "{}:{line}: {}", self.file, self.text),
        }
    }
}
