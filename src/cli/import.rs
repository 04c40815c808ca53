//! `pgseal import TOOL SOURCE -o DIR`

use std::path::PathBuf;

use clap::ValueEnum;

use super::init::release_name;
use super::new_dir::NewDir;
use super::{CliError, Exit, Kind, Output, display_path, escape};
use crate::import::{self, ImportError, Order, Range, Tool};
use pgseal_verify::plural::count;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The tool that the source belongs to
    tool: ToolName,
    /// Its directory: of migrations, of the plan (sqitch), of SQL that alembic or django wrote; for psql, the script that
    /// includes the others
    source: PathBuf,
    /// The release directory to make; must not exist, or be empty. The release is called like it
    #[arg(short, long = "output", value_name = "DIR")]
    output: PathBuf,
    /// The last change that the database has, by version, name or @tag [default: none]
    #[arg(long, value_name = "CHANGE")]
    from: Option<String>,
    /// The last change to import [default: the last of the source]
    #[arg(long, value_name = "CHANGE")]
    to: Option<String>,
    /// The database that the release is for
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Let the release write the other tool's history too, and its rollback take it back
    #[arg(long)]
    keep_history: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ToolName {
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

impl From<ToolName> for Tool {
    fn from(name: ToolName) -> Self {
        match name {
            ToolName::Sqitch => Self::Sqitch,
            ToolName::Flyway => Self::Flyway,
            ToolName::Liquibase => Self::Liquibase,
            ToolName::Dbmate => Self::Dbmate,
            ToolName::Goose => Self::Goose,
            ToolName::GolangMigrate => Self::GolangMigrate,
            ToolName::Atlas => Self::Atlas,
            ToolName::Alembic => Self::Alembic,
            ToolName::Django => Self::Django,
            ToolName::Psql => Self::Psql,
        }
    }
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let name = release_name(&args.output)?;
    let dir = NewDir::begin(&args.output, out)?;
    let project = import::read(args.tool.into(), &args.source)?;
    let order = Order {
        name,
        range: Range {
            from: args.from.clone(),
            to: args.to.clone(),
        },
        database: args.database.clone(),
        keep_history: args.keep_history,
        from_id: None,
    };
    let written = import::write(project, order)?;
    let files = written.files.iter();
    dir.fill(files.map(|(file, text)| (file.as_str(), text.as_bytes())))?;
    let open = written.open.iter().map(|open| {
        let line = Some(open.line).filter(|line| *line > 0);
        serde_json::json!({ "file": open.file, "line": line, "text": open.text })
    });
    out.document(&serde_json::json!({
        "directory": args.output.to_string_lossy(),
        "changes": written.changes,
        "undecided": open.collect::<Vec<_>>(),
    }));
    let dir = display_path(&args.output);
    for open in &written.open {
        out.line(escape(&open.to_string()));
    }
    let (changes, undecided) = (
        count(written.changes, "change"),
        count(written.open.len(), "point"),
    );
    out.line(format!("{dir}: {changes} imported, {undecided} to decide"));
    out.line(format!(
        "next: read {dir}/IMPORT.md, then `pgseal lint {dir}`"
    ));
    Ok(Exit::Done)
}

impl From<ImportError> for CliError {
    fn from(error: ImportError) -> Self {
        let (kind, hint) = match &error {
            ImportError::Io { .. } => (Kind::Io, ""),
            ImportError::Encoding { .. } => (Kind::Usage, "convert the file to UTF-8"),
            ImportError::At { .. } | ImportError::File { .. } => {
                (Kind::Usage, "correct the source")
            }
            ImportError::Empty { .. } => (Kind::Usage, "name the directory that has them"),
            ImportError::NoChange { .. } => (
                Kind::Usage,
                "a change is named by its version, its name or a @tag",
            ),
            ImportError::EmptyRange { .. } => (
                Kind::Usage,
                "--from is the last change that is not imported",
            ),
            ImportError::NoHistory(..) => (Kind::Usage, "leave --keep-history out"),
        };
        Self::new(kind, &error).hint(hint)
    }
}
