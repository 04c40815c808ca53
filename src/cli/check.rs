//! `pgseal check FILE`

use super::args::{BundleArgs, DatabaseArgs, LimitArgs, now};
use super::clone::OnCloneArgs;
use super::database_command::DatabaseCommand;
use super::error;
use super::evidence::{self, About, EvidenceArgs};
use super::interrupt::Command;
use super::progress::Notifier;
use super::settings;
use super::{CliError, Exit, Kind, Output, Paint, escape};
use crate::release::check::{self, CheckError, Checked, Seen};
use crate::release::event::Silent;
use crate::release::preflight::PreflightError;
use crate::release::run_context;
use crate::trust::JudgedAt;
use pgseal_verify::format::evidence::AnswerKind;
use pgseal_verify::format::manifest::{ReleaseState as StateWhen, VerifyMode};
use pgseal_verify::format::receipt::VerifyRecord;
use pgseal_verify::plural::tables_and_sequences;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    on_clone: OnCloneArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Directory of receipts, for --receipt-key
    #[arg(long, value_name = "DIR", default_value_os_t = settings::receipts())]
    receipts: PathBuf,
    #[command(flatten)]
    evidence: EvidenceArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let witness = args.evidence.open(AnswerKind::Check, &args.receipts)?;
    let root = args.bundle.root()?;
    witness.check(&root)?;
    let bundle = args.bundle.authenticate(&root, JudgedAt::At(now()))?;
    let variables = run_context::values(
        bundle.manifest(),
        &args.database.variables(bundle.manifest(), out)?,
        false,
    )?;
    let limits = (&args.limits, &bundle.manifest().limits);
    let ordered = DatabaseCommand::prepare(
        &args.database,
        limits,
        Command::reads("check"),
        out,
        Notifier::plain(out),
    )?;
    let ordered = ordered.on_clone(&args.on_clone, &root)?;
    let order = ordered.order(&bundle, &variables);
    let checked = check::run(&order, &mut Silent);
    if ordered.stop.is_requested() {
        return Err(ordered.command.interrupted());
    }
    let checked = checked.map_err(told)?;
    let document = document(&checked);
    out.document(&document);
    show(&checked, out);
    let (release, id) = (&bundle.manifest().release, bundle.release_id().digest());
    let target = witness.observe(&ordered.connect);
    let about = About::release(evidence::trust(&root), release, id, target);
    witness.conclude(Some(about), document, ended(&checked), out)
}

fn ended(checked: &Checked) -> Result<Exit, CliError> {
    if checked.holds() {
        return Ok(Exit::Done);
    }
    let left = checked
        .scripts
        .iter()
        .any(|seen| !seen.residue.left.is_empty());
    let (text, hint) = match left {
        true => (
            "a verify script left something behind".to_owned(),
            "every line above says what stays: let the script not draw from sequences, and write nothing by other ways",
        ),
        false => (
            format!("the database is not what {:?} says", state(checked)),
            "nothing was changed; every line above says what was found",
        ),
    };
    Err(CliError::new(Kind::CheckFailed, text).hint(hint))
}

/// Error for a check that could not be performed.
pub fn told(error: CheckError) -> CliError {
    match error {
        CheckError::Open(error) => error.into(),
        CheckError::Database(error) => error.into(),
        CheckError::OtherApplied(row) => {
            error::other_applied(&row).hint("check the bundle of the release that is in effect")
        }
        CheckError::HalfWay(row) => PreflightError::Unfinished(row).into(),
        CheckError::Probe(failure) => {
            error::failure(Kind::ProbeFailed, "the probe failed: ", &failure)
        }
    }
}

fn state(checked: &Checked) -> &'static str {
    match checked.state {
        StateWhen::Finalized => "finalized",
        _ => "baseline",
    }
}

fn document(checked: &Checked) -> serde_json::Value {
    serde_json::json!({
        "state": state(checked),
        "holds": checked.holds(),
        "observed": checked.observed,
        "mismatches": checked.mismatches.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "not_compared": checked.not_compared.keys().collect::<Vec<_>>(),
        "verify": checked.records.iter().zip(&checked.scripts).map(|((record, _), seen)| script(record, seen))
            .collect::<Vec<_>>(),
        "held": counts(checked).0,
        "checks": counts(checked).1,
    })
}

fn script(record: &VerifyRecord, seen: &Seen) -> serde_json::Value {
    let mut document = serde_json::json!(record);
    document["mode"] = serde_json::json!(seen.mode);
    document["rows"] = serde_json::json!(seen.rows);
    document["residue"] = serde_json::json!(seen.residue);
    document
}

/// Numbers of passed and of all checks.
fn counts(checked: &Checked) -> (u64, u64) {
    let records = || checked.records.iter().map(|(record, _)| record);
    (
        records().map(|record| record.held).sum(),
        records().map(|record| record.checks).sum(),
    )
}

fn show(checked: &Checked, out: Output) {
    let verdict = |holds: bool| match holds {
        true => out.paint(Paint::Good, "ok"),
        false => out.paint(Paint::Bad, "FAILED"),
    };
    let holds = verdict(checked.mismatches.is_empty());
    out.line(format!("{holds} state {}", state(checked)));
    for mismatch in &checked.mismatches {
        out.line(format!("    {}", escape(&mismatch.to_string())));
    }
    for (column, expected) in &checked.not_compared {
        let value = checked.observed.get(column).and_then(Option::as_deref);
        let value = value.unwrap_or("NULL");
        let line = format!("not compared: {column} is {value}, relative ({expected})");
        out.line(format!("    {}", escape(&line)));
    }
    for ((record, failure), seen) in checked.records.iter().zip(&checked.scripts) {
        let holds = failure.is_none() && record.held == record.checks;
        let how = match seen.mode {
            VerifyMode::ReadOnly => "read-only".to_owned(),
            VerifyMode::RolledBack if failure.is_some() || !seen.residue.left.is_empty() => {
                "rolled back".to_owned()
            }
            VerifyMode::RolledBack => match seen.residue.same.len() {
                0 => "rolled back; wrote to no table".to_owned(),
                same => format!(
                    "rolled back; as before: {} that it wrote to",
                    tables_and_sequences(same)
                ),
            },
        };
        let (verdict, name, held, checks) =
            (verdict(holds), &record.name, record.held, record.checks);
        out.line(format!("{verdict} {name} {held}/{checks} ({how})"));
        for failed in &record.failed {
            out.line(format!("    {}", escape(failed)));
        }
        for unproved in &seen.residue.unproved {
            out.line(format!("    can't be compared: {}", escape(unproved)));
        }
    }
    let (held, checks) = counts(checked);
    if checked.records.is_empty() {
        out.line("no verify script is about this state: nothing but its values was checked");
        return;
    }
    let verdict = verdict(checked.holds());
    out.line(format!("{verdict} {held}/{checks} checks"));
}
