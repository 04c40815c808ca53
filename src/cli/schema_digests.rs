//! Digests of all definitions before and after, for the receipt of `run --fingerprint` and
//! `rollback --fingerprint`.

use std::num::NonZeroUsize;

use super::args::now;
use super::{CliError, Output, escape};
use crate::fingerprint;
use crate::release::report::Report;
use crate::release::run_context::RunContext;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::fingerprint::Scope;
use pgseal_verify::format::receipt::{Outcome, SchemaDigests};

#[derive(clap::Args, Debug)]
pub struct SchemaDigestArgs {
    /// Record digests of all definitions before and after in the receipt, as `pgseal fingerprint --schema-only` computes them
    #[arg(long)]
    fingerprint: bool,
}

impl SchemaDigestArgs {
    /// Takes the digest before anything begins; an error stops the command.
    pub fn before(&self, order: &RunContext<'_>) -> Result<Option<Digest>, CliError> {
        self.fingerprint.then(|| take(order)).transpose()
    }

    /// Adds both digests to the receipt. The second one is left out if nothing changed or the
    /// outcome is unknown. If it cannot be taken, a warning replaces it, because the run is over.
    pub fn add(
        &self,
        before: Option<Digest>,
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
        report.receipt.schema = Some(SchemaDigests { before, after });
    }
}

fn take(order: &RunContext<'_>) -> Result<Digest, CliError> {
    let (connect, one) = (order.connect, NonZeroUsize::MIN);
    Ok(fingerprint::take(connect, &Scope::Schema, one, now(), &|_| ())?.sha256)
}
