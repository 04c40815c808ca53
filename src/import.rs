//! Reads the directories of other migration tools, and writes a release directory from them.
//!
//! - `release`: the files of the release directory; `manifest`, `probes`, `draft`, `evidence`, `page` write its parts
//! - `history`: the table in which the other tool records what it ran
//! - `pieces`: a script without its outer transaction, cut where statements can't share one
//! - `sqitch`, `flyway`, `liquibase`, `marked` (dbmate, goose), `pairs` (golang-migrate), `atlas`, `psql`: one reader each
//! - `project`: the neutral model; `files`: the files of the source; `path`: schemas of names without one
//!
//! Undecided points are comments that the rule `undecided-import` refuses ([`crate::bundle::undecided`]).

mod atlas;
mod draft;
mod evidence;
mod files;
mod flyway;
mod history;
mod liquibase;
mod manifest;
mod marked;
mod page;
mod pairs;
mod path;
mod pieces;
mod probes;
mod project;
mod psql;
mod release;
mod sqitch;

use std::path::{Path, PathBuf};

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
    #[error("{file} is not UTF-8")]
    Encoding { file: String },
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
pub fn read(tool: Tool, source: &Path) -> Result<Project, ImportError> {
    match tool {
        Tool::Sqitch => sqitch::read(source),
        Tool::Flyway => flyway::read(source),
        Tool::Liquibase => liquibase::read(source),
        Tool::Dbmate => marked::dbmate(source),
        Tool::Goose => marked::goose(source),
        Tool::GolangMigrate => pairs::read(source),
        Tool::Atlas => atlas::read(source),
        Tool::Psql => psql::read(source),
    }
}
