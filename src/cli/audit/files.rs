//! Additional output files of an audit: Parquet for other tools, a page for people. Each is written
//! completely or not at all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::page;
use crate::audit::report::Summary;
use crate::audit::{Judge, Report};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::display_path;
use crate::durable;
use crate::tlog::{self, CHECKPOINT, TILE};
use pgseal_verify::format::file_name::Named;

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
    /// Validates the output paths before an audit that may take hours. Each must be writable, and
    /// must not replace a file that an audit reads, another output or a secret key. Links and
    /// relative paths are resolved. `read` are the paths given to the audit.
    pub fn check(&self, answer: Option<&PathBuf>, read: &[PathBuf]) -> Result<(), CliError> {
        if self.parquet.is_some() && cfg!(not(feature = "parquet")) {
            return Err(CliError::new(Exit::Usage, "this pgseal was built without Parquet")
                .hint("building pgseal with `--features parquet` puts it in; or read --jsonl with the same tools"));
        }
        let files: Vec<&PathBuf> = [answer, self.parquet.as_ref(), self.html.as_ref()]
            .into_iter()
            .flatten()
            .collect();
        let mut taken: BTreeMap<PathBuf, &str> = read
            .iter()
            .map(|path| (real(path), "is what this audit reads"))
            .collect();
        for path in files {
            let refused =
                |why: &str| CliError::new(Exit::Usage, format!("{} {why}", display_path(path)));
            let real = real(path);
            if [path, &real].into_iter().any(|path| is_evidence(path)) {
                return Err(refused(
                    "has the name of what an audit reads, so nothing is written there",
                )
                .hint(OWN_NAME));
            }
            if [path, &real].into_iter().any(|path| is_key(path)) {
                return Err(
                    refused("has the name of a secret key, so nothing is written there")
                        .hint(OWN_NAME),
                );
            }
            if let Some(what) = taken.insert(real, "is to be written twice") {
                return Err(refused(what).hint("give each answer a file of its own"));
            }
            let dir = path
                .parent()
                .filter(|dir| !dir.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            if !dir.is_dir() || path.is_dir() {
                return Err(CliError::new(
                    Exit::Internal,
                    format!("{} can't be written", display_path(path)),
                )
                .hint("name a file in a directory that is there"));
            }
        }
        Ok(())
    }

    /// Writes the requested files.
    pub fn write(
        &self,
        report: &Report,
        summary: &Summary,
        judge: &Judge<'_>,
    ) -> Result<(), CliError> {
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

/// Hint for a name that is already in use.
const OWN_NAME: &str =
    "give the answer a name of its own: audit.txt, audit.jsonl, audit.html, audit.parquet";

/// True if audits read files with such a path.
fn is_evidence(path: &Path) -> bool {
    Named::of(path).is_some() || is_of_log(path)
}

/// True for the name of a key as `keygen` writes it.
fn is_key(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "key")
}

/// True for a file of an archive's log.
fn is_of_log(path: &Path) -> bool {
    let has_log = |dir: &Path| {
        tlog::has_log(if dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            dir
        })
    };
    let is_checkpoint = path.file_name().is_some_and(|name| name == CHECKPOINT)
        && path.parent().is_some_and(has_log);
    let above = path
        .ancestors()
        .skip(1)
        .filter(|dir| dir.file_name().is_some_and(|name| name == TILE));
    is_checkpoint || above.filter_map(Path::parent).any(has_log)
}

/// Resolves links in the path of a file, which need not exist.
fn real(path: &Path) -> PathBuf {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let by_dir = || Some(dir.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize()
        .ok()
        .or_else(by_dir)
        .unwrap_or_else(|| path.to_owned())
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
