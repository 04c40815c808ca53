//! `pgseal trust set-policy`: drafts the next version with other thresholds or another policy.

use std::num::NonZeroU32;

use super::super::{CliError, Exit, Output};
use super::next::{self, NextArgs};
use super::{gate_role, named_number, requirement};
use crate::trust::draft::NextVersion;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::database_pattern::DatabasePattern;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::release_source::RepositoryPattern;
use pgseal_verify::format::timestamp::{Timestamp, TimestampError};
use pgseal_verify::format::trust_document::GateRole;
use pgseal_verify::format::window::{Freeze, Window, WindowError};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    next: NextArgs,
    /// How many root, release or notary keys must sign; for approvals use --require; may be repeated
    #[arg(long, value_name = "ROLE=N", value_parser = named_number::<u8>)]
    threshold: Vec<(Name, u8)>,
    /// A run needs approvals of this role: so many (0: none), or as many as its threshold; may be repeated
    #[arg(long, value_name = "ROLE[=N]", value_parser = requirement)]
    require: Vec<(Name, Option<u8>)>,
    /// Whether every run needs the receipt of a rehearsal
    #[arg(long, value_name = "WHAT", value_parser = clap::builder::PossibleValuesParser::new(["required", "optional"]))]
    rehearsal: Option<String>,
    /// That rehearsal may be at most so many days old (0: any age)
    #[arg(long, value_name = "DAYS")]
    rehearsal_max_age: Option<u32>,
    /// Whether every run needs a key that signs its receipt
    #[arg(long, value_name = "WHAT", value_parser = clap::builder::PossibleValuesParser::new(["signed", "any"]))]
    receipts: Option<String>,
    /// Releases may run only on this database: a name, * for any characters (may be repeated); replaces the ones before
    #[arg(long, value_name = "NAME[@SYSTEM_IDENTIFIER]")]
    target: Vec<DatabasePattern>,
    /// Releases may run on any database
    #[arg(long, conflicts_with = "target")]
    any_target: bool,
    /// A release must run on this database first, proved by the signed receipt (may be repeated); replaces the ones before
    #[arg(long, value_name = "NAME[@SYSTEM_IDENTIFIER]")]
    require_run_on: Vec<DatabasePattern>,
    /// A release need not run on another database first
    #[arg(long, conflicts_with = "require_run_on")]
    no_run_on: bool,
    /// Only releases of this repository may run: a URL, * for any characters (may be repeated); replaces the ones before
    #[arg(long, value_name = "URL")]
    source_repository: Vec<RepositoryPattern>,
    /// Releases of any repository may run, also those that name none
    #[arg(long, conflicts_with = "source_repository")]
    any_source: bool,
    /// Runs may begin only then: "Sat 02:00-06:00 UTC", "Mon-Fri 22:00-04:00 UTC", "daily 01:00-03:00 UTC" (may be repeated); replaces the ones before
    #[arg(long, value_name = "WINDOW")]
    window: Vec<Window>,
    /// Runs may begin at any time outside of freezes
    #[arg(long, conflicts_with = "window")]
    any_time: bool,
    /// No run may begin from the first date until the second one (may be repeated); replaces the ones before
    #[arg(long, value_name = "FROM..TO", value_parser = freeze)]
    freeze: Vec<Freeze>,
    /// Removes all freezes
    #[arg(long, conflicts_with = "freeze")]
    no_freeze: bool,
    /// The role that gates and probes are asked as: one that may only read, or any, also a superuser
    #[arg(long, value_name = "WHAT", value_parser = gate_role())]
    gate_role: Option<GateRole>,
    /// The lowest sequence of a release that may still run (0: any); may be repeated
    #[arg(long, value_name = "NAME=N", value_parser = named_number::<u32>)]
    minimum_sequence: Vec<(Name, u32)>,
    /// This release never runs; may be repeated
    #[arg(long, value_name = "RELEASE-ID")]
    block: Vec<Digest>,
    /// This release may run again; may be repeated
    #[arg(long, value_name = "RELEASE-ID")]
    unblock: Vec<Digest>,
}

/// Parses `FROM..TO`, each a time or a date.
fn freeze(text: &str) -> Result<Freeze, String> {
    let ends = text.split_once("..");
    let ends = ends.map(|(from, to)| {
        let [from, to] = [from, to].map(Timestamp::from_time_or_date);
        Ok::<_, TimestampError>(format!("{}..{}", from?, to?))
    });
    let spelled = match ends {
        Some(spelled) => spelled.map_err(|error| error.to_string())?,
        None => text.to_owned(),
    };
    spelled
        .parse()
        .map_err(|error: WindowError| error.to_string())
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let edit = |next: &mut NextVersion| {
        // Thresholds first: they are the default number of required approvals.
        for (role, threshold) in &args.threshold {
            next.set_threshold(role, *threshold)?;
        }
        for (role, count) in &args.require {
            next.require(role, *count)?;
        }
        if let Some(rehearsal) = &args.rehearsal {
            next.set_require_rehearsal(rehearsal == "required");
        }
        if let Some(days) = args.rehearsal_max_age {
            next.set_rehearsal_max_age(NonZeroU32::new(days))?;
        }
        if let Some(receipts) = &args.receipts {
            next.set_require_signed_receipts(receipts == "signed")?;
        }
        if args.any_target || !args.target.is_empty() {
            next.set_targets(args.target.clone());
        }
        if args.no_run_on || !args.require_run_on.is_empty() {
            next.set_require_run_on(args.require_run_on.clone());
        }
        if args.any_source || !args.source_repository.is_empty() {
            next.set_source_repositories(args.source_repository.clone());
        }
        if args.any_time || !args.window.is_empty() {
            next.set_windows(args.window.clone());
        }
        if args.no_freeze || !args.freeze.is_empty() {
            next.set_freezes(args.freeze.clone());
        }
        if let Some(role) = args.gate_role {
            next.set_gate_role(role);
        }
        for (release, sequence) in &args.minimum_sequence {
            next.set_minimum_sequence(release.clone(), *sequence);
        }
        for release in &args.block {
            next.block(*release);
        }
        for release in &args.unblock {
            next.unblock(*release)?;
        }
        Ok(())
    };
    next::make("set-policy", &args.next, edit, out)
}
