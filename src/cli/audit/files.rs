//! What an audit writes beside its answer: Parquet for other tools, a page for people. Each is there whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::page;
use crate::audit::report::Summary;
use crate::audit::{Judge, Report};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::shown;
use crate::durable;

#[derive(clap::Args, Debug)]
pub struct FileArgs {
    /// Also write the findings as Parquet, a row a finding, for DuckDB, DataFusion and Spark
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
    /// Also write a summary as one HTML page, without scripts or anything from elsewhere
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl FileArgs {
    /// What can be known before an audit that may take hours: whether files of these kinds can be written where they belong.
    pub fn check(&self) -> Result<(), CliError> {
        if self.parquet.is_some() && cfg!(not(feature = "parquet")) {
            return Err(CliError::new(Exit::Usage, "this pgseal was built without Parquet")
                .hint("building pgseal with `--features parquet` puts it in; or read --jsonl with the same tools"));
        }
        for path in [&self.parquet, &self.html].into_iter().flatten() {
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if !dir.is_dir() || path.is_dir() {
                return Err(CliError::new(Exit::Usage, format!("{} can't be written", shown(path)))
                    .hint("name a file in a directory that is there"));
            }
        }
        Ok(())
    }

    /// Writes what was asked for.
    pub fn write(&self, report: &Report, summary: &Summary, judge: &Judge<'_>) -> Result<(), CliError> {
        if let Some(path) = &self.parquet {
            replace(path, |file| parquet(report, file))?;
        }
        if let Some(path) = &self.html {
            let text = page::text(report, summary, judge);
            replace(path, |file| file.write_all(text.as_bytes()))?;
        }
        Ok(())
    }
}

fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), CliError> {
    durable::replace(path, write).map_err(|error| CliError::io(path, &error))
}

#[cfg(feature = "parquet")]
fn parquet(report: &Report, file: &mut File) -> io::Result<()> {
    crate::audit::columns::write(&report.findings, file)
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &Report, _: &mut File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
