//! `pgseal check FILE`

use super::args::{BundleArgs, DatabaseArgs, LimitArgs, now};
use super::error::{self, CliError};
use super::exit::Exit;
use super::interrupt::Command;
use super::ordered::Ordered;
use super::output::{Output, Paint, escape};
use super::progress::Beside;
use crate::format::manifest::When as StateWhen;
use crate::release::check::{self, CheckError, Checked};
use crate::release::event::Silent;
use crate::release::order;
use crate::release::preflight::PreflightError;
use crate::trust::When;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let (root, bundle) = args.bundle.authenticate(When::At(now()))?;
    let variables = order::values(bundle.manifest(), &args.database.variables()?, false)?;
    let limits = (&args.limits, &bundle.manifest().limits);
    let ordered = Ordered::prepare(&args.database, limits, Command::reads("check"), out, Beside::plain(out))?;
    let order = ordered.order(&bundle, &root, &variables);
    let checked = check::run(&order, &mut Silent);
    if ordered.stop.is_requested() {
        return Err(ordered.command.interrupted());
    }
    let checked = checked.map_err(told)?;
    out.document(&document(&checked));
    show(&checked, out);
    if checked.holds() {
        return Ok(Exit::Done);
    }
    let text = format!("the database is not what {:?} says", state(&checked));
    Err(CliError::new(Exit::Preflight, text)
        .hint("nothing was changed; every line above says what was found")
        .answered())
}

/// Why nothing could be checked.
pub fn told(error: CheckError) -> CliError {
    match error {
        CheckError::Open(error) => error.into(),
        CheckError::Database(error) => error.into(),
        CheckError::OtherApplied(row) => {
            error::other_applied(&row).hint("check the bundle of the release that is in effect")
        }
        CheckError::HalfWay(row) => PreflightError::Unfinished(row).into(),
        CheckError::Probe(failure) => error::failure(Exit::Preflight, "the probe failed: ", &failure),
    }
}

fn state(checked: &Checked) -> &'static str {
    if checked.state == StateWhen::Finalized { "finalized" } else { "baseline" }
}

fn document(checked: &Checked) -> serde_json::Value {
    serde_json::json!({
        "state": state(checked),
        "holds": checked.holds(),
        "observed": checked.observed,
        "mismatches": checked.mismatches.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "verify": checked.records.iter().map(|(record, _)| record).collect::<Vec<_>>(),
    })
}

fn show(checked: &Checked, out: Output) {
    let verdict = |holds: bool| if holds { out.paint(Paint::Good, "ok") } else { out.paint(Paint::Bad, "FAILED") };
    out.line(format!("{} state {}", verdict(checked.mismatches.is_empty()), state(checked)));
    for mismatch in &checked.mismatches {
        out.line(format!("    {}", escape(&mismatch.to_string())));
    }
    for (record, failure) in &checked.records {
        let holds = failure.is_none() && record.held == record.checks;
        out.line(format!("{} {} {}/{}", verdict(holds), record.name, record.held, record.checks));
        for failed in &record.failed {
            out.line(format!("    {}", escape(failed)));
        }
    }
}
