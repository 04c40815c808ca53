//! `pgseal rollout status`

use std::path::PathBuf;

use super::document::Shown;
use crate::cli::error::authentic::receipt_exit;
use crate::cli::settings;
use crate::cli::{CliError, Exit, Kind, Output, ResultExt as _, display_path};
use crate::record::rollout;
use crate::rollout::journal;
use pgseal_verify::format::rollout::Tally;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// A journal (*.rollout.jsonl) or a receipt (*.rollout.json) [default: the newest journal in --receipts]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Directory of the journals
    #[arg(long, value_name = "DIR", default_value_os_t = settings::receipts())]
    receipts: PathBuf,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let receipt = args.file.as_ref().filter(|file| rollout::is_one(file));
    if let Some(file) = receipt {
        let statement = rollout::claimed(file)
            .map_err(|error| CliError::new(receipt_exit(&error), &error).about(file))?;
        let id = statement
            .subject
            .first()
            .map(|subject| subject.digest.sha256);
        let shown = Shown::of(&statement.predicate, id);
        out.note("as the receipt says; `pgseal receipt verify FILE` authenticates it");
        return Ok(told(&shown, "ended", Some(file), out));
    }
    let found = match &args.file {
        Some(file) => journal::read(file).at(file)?,
        None => journal::newest(&args.receipts, |_| true).at(&args.receipts)?,
    };
    let Some(found) = found else {
        let place = display_path(args.file.as_ref().unwrap_or(&args.receipts)).to_string();
        return Err(
            CliError::new(Kind::Malformed, format!("{place}: no journal of a rollout"))
                .hint("name its directory by --receipts DIR"),
        );
    };
    let course = found.course;
    let state = match (found.is_running, course.exit) {
        (true, _) => "running",
        (false, Some(_)) => "ended",
        (false, None) => "killed",
    };
    let shown = Shown {
        rollout_id: &course.begin.rollout_id,
        action: course.begin.action,
        release: &course.begin.release,
        release_id: Some(course.begin.release_id),
        plan_sha256: Some(course.begin.plan_sha256),
        stopped: course.stopped.as_deref(),
        databases: &course.databases,
    };
    let (path, at, last) = (display_path(&found.path), course.at, course.last);
    out.line(format!("{path}: {state}, {at} to {last}"));
    Ok(told(&shown, state, None, out))
}

fn told(shown: &Shown<'_>, state: &str, receipt: Option<&PathBuf>, out: Output) -> Exit {
    out.document(&shown.document(state, receipt.map(PathBuf::as_path)));
    shown.show(out);
    if let Some(why) = shown.stopped {
        out.line(crate::cli::escape(&format!(
            "no further database was begun: {why}"
        )));
    }
    let tally = Tally::of(shown.databases);
    match tally.done == tally.databases && tally.failed == 0 {
        true => Exit::Done,
        false => Exit::Partial,
    }
}
