//! Reads the directories of other migration tools, and writes a release directory from them.
//!
//! - `release`: the files of the release directory; `tiers`, `manifest`, `probes`, `draft`, `evidence`, `page` write its
//!   parts, `naming` its names
//! - `seen`: relations and columns before and after
//! - `history`: the table in which the other tool records what it ran; `records`: SQL for its rows
//! - `pieces`: a script cut where statements can't share a transaction; `transaction`: what it has to do with one;
//!   `statements`: what it has, by psql's scanner
//! - `sqitch`, `flyway`, `liquibase`, `marked` (dbmate, goose), `pairs` (golang-migrate), `atlas`, `alembic`, `django`,
//!   `psql`: one reader each
//! - `placeholders`: those of Flyway, as variables
//! - `project`: the neutral model; `files`: the files of the source; `path`: schemas of names without one
//!
//! Undecided points are comments that the rule `undecided-import` refuses ([`crate::bundle::undecided`]).

mod alembic;
mod atlas;
mod django;
mod draft;
mod evidence;
mod files;
mod flyway;
mod history;
mod liquibase;
mod manifest;
mod marked;
mod naming;
mod page;
mod pairs;
mod path;
mod pieces;
mod placeholders;
mod probes;
mod project;
mod psql;
mod records;
mod release;
mod seen;
mod sqitch;
mod statements;
mod tiers;
mod transaction;

use std::path::{Path, PathBuf};

use files::Source;

pub use project::{Change, Open, Project, Range, Script, Tool};
pub use release::{Order, Written, write};

/// Reason why a source is not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{path}: {source}", path = path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{file}:{line}: the file is not UTF-8")]
    Encoding { file: String, line: u32 },
    #[error("{file}: {why}")]
    File { file: String, why: String },
    #[error("{file}:{line}: {why}")]
    At {
        file: String,
        line: u32,
        why: String,
    },
    #[error("{path} has no change of {tool}: expected {expected}", path = path.display(), tool = tool.as_str())]
    Empty {
        path: PathBuf,
        tool: Tool,
        expected: &'static str,
    },
    #[error("no change is called {name}; the last is {last}")]
    NoChange { name: String, last: String },
    #[error("no change is left between --from {from} and --to {to}")]
    EmptyRange { from: String, to: String },
    #[error("--keep-history can't write the history of {0}: {1}")]
    NoHistory(&'static str, &'static str),
}

/// Reads a source.
pub fn read(tool: Tool, path: &Path) -> Result<Project, ImportError> {
    let source = || Source::open(path);
    let project = match tool {
        Tool::Sqitch => sqitch::read(&source()?),
        Tool::Flyway => flyway::read(&source()?),
        Tool::Liquibase => liquibase::read(path),
        Tool::Dbmate => marked::dbmate(&source()?),
        Tool::Goose => marked::goose(&source()?),
        Tool::GolangMigrate => pairs::read(&source()?),
        Tool::Atlas => atlas::read(&source()?),
        Tool::Alembic => alembic::read(&source()?),
        Tool::Django => django::read(&source()?),
        Tool::Psql => psql::read(path),
    }?;
    project.check_unique()?;
    Ok(project)
}
