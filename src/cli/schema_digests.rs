//! Definitions before and after `run --fingerprint` and `rollback --fingerprint`: digests for the
//! receipt, files beside it, and for a rollback the differences from the start of the run that it
//! undoes.

use std::num::NonZeroUsize;
use std::path::Path;

use super::args::now;
use super::progress::Notifier;
use super::recording::Prepared;
use super::{CliError, Kind, Output, Paint, ResultExt as _, display_path, escape};
use crate::fingerprint;
use crate::record::definitions::{self, When};
use crate::record::receipt;
use crate::release::report::Report;
use crate::release::restored::StartOfRun;
use crate::release::run_context::RunContext;
use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::format::fingerprint::{Fingerprint, Scope};
use pgseal_verify::format::receipt::{Outcome, SchemaDigests};
use pgseal_verify::plural::count;

#[derive(clap::Args, Debug)]
pub struct SchemaDigestArgs {
    /// Keep all definitions before and after beside the receipt, as `pgseal fingerprint --schema-only` reads them, and their digests in it
    #[arg(long)]
    pub fingerprint: bool,
}

impl SchemaDigestArgs {
    /// Reads the definitions before anything begins; an error stops the command. A release that
    /// demands that nothing drifted always keeps them, for the next comparison.
    pub fn before(&self, order: &RunContext<'_>) -> Result<Option<Fingerprint>, CliError> {
        let is_kept = self.fingerprint || order.manifest().require_no_drift;
        is_kept.then(|| take(order)).transpose()
    }

    /// Adds both digests to the receipt. The second one is left out if nothing changed or the
    /// outcome is unknown. If it cannot be taken, a warning replaces it, because the run is over.
    pub fn add(
        &self,
        before: Option<Fingerprint>,
        order: &RunContext<'_>,
        prepared: &Prepared,
        report: &mut Report,
        out: Output,
    ) {
        let Some(before) = before else { return };
        let after = match report.receipt.outcome {
            Outcome::Unchanged | Outcome::Unknown => None,
            Outcome::Committed | Outcome::Partial => take(order)
                .and_then(|after| {
                    prepared.keep(When::After, &after)?;
                    Ok(after.sha256)
                })
                .map_err(|error| {
                    let why = escape(&error.lines.join(" "));
                    out.warning(format!(
                        "the definitions could not be kept again, so the receipt has no digest of them: {why}"
                    ));
                })
                .ok(),
        };
        report.receipt.schema = Some(SchemaDigests {
            before: before.sha256,
            after,
        });
    }
}

fn take(order: &RunContext<'_>) -> Result<Fingerprint, CliError> {
    let (connect, one) = (order.connect, NonZeroUsize::MIN);
    let taken = fingerprint::take(connect, &Scope::Schema, one, now(), &|_| ())?;
    Ok(taken)
}

/// Finds the definitions before a run. Without them, the rollback is refused if they are required,
/// and else not compared.
pub fn start_of(
    run_id: &str,
    receipts: &Path,
    root: &TrustRoot,
    is_required: bool,
    notifier: &Notifier,
) -> Result<Option<StartOfRun>, CliError> {
    if let Some(found) = find(run_id, receipts, root)? {
        let (definitions, is_signed) = found;
        if !is_signed {
            let text = "the definitions before the run are those of a receipt without a signature";
            notifier.warning(text.to_owned());
        }
        return Ok(Some(StartOfRun {
            definitions,
            is_required,
        }));
    }
    let dir = display_path(receipts);
    let why = format!(
        "{dir}: no definitions from before the run {run_id}, so the end of this rollback is not compared with its start"
    );
    if !is_required {
        notifier.warning(why);
        return Ok(None);
    }
    Err(CliError::new(Kind::NoDefinitions, why).hint(
        "`run --fingerprint` keeps them beside its receipt; name the directory by --receipts, or leave out --require-exact",
    ))
}

/// The definitions of the run's receipt, and whether it is signed. A receipt whose signature does
/// not count is none.
fn find(
    run_id: &str,
    receipts: &Path,
    root: &TrustRoot,
) -> Result<Option<(Fingerprint, bool)>, CliError> {
    let files = definitions::receipts_in(receipts).at(receipts)?;
    let of_run = files.iter().filter_map(|path| {
        let read = receipt::read(path, root, JudgedAt::Undo).ok()?;
        let receipt = read.statement.predicate;
        let digest = receipt.schema?.before;
        let of_run = (receipt.run_id == run_id)
            .then(|| definitions::of_receipt(path, When::Before, digest))?;
        Some((of_run?, read.signed.is_some()))
    });
    Ok(of_run.max_by_key(|(_, is_signed)| *is_signed))
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
