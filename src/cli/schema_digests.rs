//! Definitions before and after `run --fingerprint` and `rollback --fingerprint`: digests for the
//! receipt, and for a rollback the differences from the start of the run that it undoes.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::args::now;
use super::{CliError, Output, Paint, ResultExt as _, display_path, escape};
use crate::durable;
use crate::fingerprint;
use crate::record::receipt;
use crate::release::report::Report;
use crate::release::restored::StartOfRun;
use crate::release::run_context::RunContext;
use pgseal_verify::format::fingerprint::{Fingerprint, Scope};
use pgseal_verify::format::json;
use pgseal_verify::format::receipt::{Outcome, SchemaDigests};
use pgseal_verify::limits;
use pgseal_verify::plural::count;

#[derive(clap::Args, Debug)]
pub struct SchemaDigestArgs {
    /// Record digests of all definitions before and after in the receipt, as `pgseal fingerprint --schema-only` computes them
    #[arg(long)]
    pub fingerprint: bool,
}

impl SchemaDigestArgs {
    /// Reads the definitions before anything begins; an error stops the command.
    pub fn before(&self, order: &RunContext<'_>) -> Result<Option<Fingerprint>, CliError> {
        self.fingerprint.then(|| take(order)).transpose()
    }

    /// Adds both digests to the receipt. The second one is left out if nothing changed or the
    /// outcome is unknown. If it cannot be taken, a warning replaces it, because the run is over.
    pub fn add(
        &self,
        before: Option<Fingerprint>,
        order: &RunContext<'_>,
        report: &mut Report,
        out: Output,
    ) {
        let Some(before) = before else { return };
        let after = match report.receipt.outcome {
            Outcome::Unchanged | Outcome::Unknown => None,
            Outcome::Committed | Outcome::Partial => take(order)
                .map_err(|error| {
                    let why = escape(&error.lines.join(" "));
                    out.warning(format!(
                        "the definitions could not be read again, so the receipt has no digest of them: {why}"
                    ));
                })
                .ok(),
        };
        report.receipt.schema = Some(SchemaDigests {
            before: before.sha256,
            after: after.map(|after| after.sha256),
        });
    }
}

fn take(order: &RunContext<'_>) -> Result<Fingerprint, CliError> {
    let (connect, one) = (order.connect, NonZeroUsize::MIN);
    let taken = fingerprint::take(connect, &Scope::Schema, one, now(), &|_| ())?;
    Ok(taken)
}

/// End of the name of the file with the definitions before a run.
const ENDING: &str = ".fingerprint.json";

/// Stores the definitions before a run beside its receipt, for its rollback.
pub fn keep(dir: &Path, stem: &str, fingerprint: &Fingerprint) -> Result<(), CliError> {
    let path = dir.join(format!("{stem}{ENDING}"));
    let bytes = json::to_canonical(fingerprint).map_err(CliError::internal)?;
    durable::create_new(&path, |file| file.write_all(&bytes)).at(&path)
}

/// Finds the definitions before a run, by the digest in its receipt.
pub fn start_of(
    run_id: &str,
    receipts: &Path,
    is_required: bool,
    out: Output,
) -> Result<Option<StartOfRun>, CliError> {
    match find(run_id, receipts)? {
        Ok(definitions) => Ok(Some(StartOfRun {
            definitions,
            is_required,
        })),
        Err(why) if is_required => Err(CliError::usage(why).hint(
            "`run --fingerprint` keeps them beside its receipt; name the directory by --receipts, or leave out --require-exact",
        )),
        Err(why) => {
            out.warning(why);
            Ok(None)
        }
    }
}

/// The definitions before a run, or the reason why there are none to compare with.
fn find(run_id: &str, receipts: &Path) -> Result<Result<Fingerprint, String>, CliError> {
    let dir = display_path(receipts);
    let missing = |what: &str| {
        format!(
            "{dir}: no {what} of the run {run_id}, so the end of this rollback is not compared with its start"
        )
    };
    let files: Vec<PathBuf> = match std::fs::read_dir(receipts) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .at(receipts)?,
        Err(_) => return Ok(Err(missing("receipt"))),
    };
    let ends = |path: &&PathBuf, ending: &str| path.to_string_lossy().ends_with(ending);
    let mut documents = files.iter().filter(|path| ends(path, ".receipt.json"));
    let receipt = documents.find_map(|path| {
        let receipt = receipt::claimed(path).ok()?.predicate;
        (receipt.run_id == run_id).then_some(receipt)
    });
    let Some(receipt) = receipt else {
        return Ok(Err(missing("receipt")));
    };
    let Some(digest) = receipt.schema.map(|schema| schema.before) else {
        return Ok(Err(missing("fingerprint")));
    };
    let kept = files.iter().filter(|path| ends(path, ENDING));
    let found = kept
        .filter_map(|path| read(path))
        .find(|found| found.sha256 == digest);
    Ok(found.ok_or_else(|| missing("fingerprint file")))
}

fn read(path: &Path) -> Option<Fingerprint> {
    let file = durable::open_regular(path).ok()?;
    let bytes = durable::read_limited(file, limits::FINGERPRINT_BYTES).ok()?;
    fingerprint::parse(&bytes).ok()
}

/// Prints the differences from the start of the run that was undone.
pub fn show_restored(report: &Report, out: Output) {
    let Some(differs) = &report.receipt.not_restored else {
        return;
    };
    if differs.is_empty() {
        let as_before = out.paint(Paint::Good, "as before the run");
        out.line(format!("definitions: {as_before}"));
        return;
    }
    let differences = count(differs.len(), "difference");
    out.warning(format!(
        "{differences} from the definitions before the run:"
    ));
    for line in differs {
        out.warning(format!("    {}", escape(line)));
    }
}
