//! `pgseal audit PATH...`

mod document;
mod files;
mod logs;
mod page;
mod places;
mod progress;
mod stores;
mod text;

use std::io::Write;
use std::path::PathBuf;

use super::args::{TrustArgs, now, time};
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, display_path};
use crate::audit::cross_checks::{self, Coverage};
use crate::audit::sweep;
use crate::audit::{Finding, Judge, Report};
use crate::durable;
use crate::trust::policy;
use pgseal_verify::format::timestamp::Timestamp;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Bundles, approvals, receipts, trust roots and tar files of them; directories, and object stores (s3://, gs://, az://), with such files
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Judge by this time instead of now: keys by their windows, signatures by their proven time where it is older
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<Timestamp>,
    /// One finding a line, as JSON, for other tools
    #[arg(long)]
    jsonl: bool,
    /// Only files written since
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// A checkpoint of an archive's log that was kept elsewhere; may be repeated
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Show every file, also where there are many
    #[arg(long)]
    all: bool,
    /// Write the answer to a file, and only the sum to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    files: files::FileArgs,
}

/// Output format.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
    Lines,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let form = form(args, out)?;
    let paths = args
        .paths
        .iter()
        .map(|path| places::plain(path))
        .collect::<Result<Vec<_>, _>>()?;
    let read = [&paths[..], &args.checkpoint, &[args.trust.path()]].concat();
    args.files.check(args.output.as_ref(), &read)?;
    let root = args.trust.load()?;
    let now = now();
    let judge = Judge {
        root: &root,
        as_of: args.as_of.unwrap_or(now),
        now,
    };
    let report = report(args, &paths, &judge, out)?;
    let summary = report.summary();
    args.files.write(&report, &summary, &judge)?;
    let answer = match form {
        Form::Text => text::lines(
            &report,
            &summary,
            args.all,
            Output {
                color: out.color && args.output.is_none(),
                ..out
            },
        ),
        Form::Json => format!("{}\n", document::document(&report, &summary)),
        Form::Lines => jsonl(&report)?,
    };
    let sum = text::sum(&summary);
    match (&args.output, form) {
        (Some(path), _) => {
            let written = durable::replace(path, |file| {
                file.write_all(answer.as_bytes())?;
                if form == Form::Text {
                    writeln!(file, "{sum}")
                } else {
                    Ok(())
                }
            });
            written.map_err(|error| CliError::io(path, &error))?;
            Output { json: false, ..out }.line(format!("{sum}; written to {}", display_path(path)));
        }
        (None, Form::Json) => out.document(&document::document(&report, &summary)),
        (None, Form::Text) => out.line(format!("{answer}{sum}")),
        (None, _) => out.bytes(answer.as_bytes())?,
    }
    if report.findings.iter().all(Finding::is_passed_over) && args.since.is_none() {
        let text = "nothing that an audit reads was found below the given paths: no bundle (*.pgseal), approval (*.approval), \
                    receipt (*.receipt.json, *.rehearsal.json), trust root (trust.json, trust.*.json, *.trust.json) or *.tar";
        return Err(CliError::new(Exit::Usage, text).hint("is it the right directory?"));
    }
    Ok(if summary.faults == 0 {
        Exit::Done
    } else {
        Exit::Faults
    })
}

fn form(args: &Args, out: Output) -> Result<Form, CliError> {
    match (out.json, args.jsonl) {
        (true, true) => Err(CliError::new(
            Exit::Usage,
            "--json is one document, --jsonl is a line for each file",
        )
        .hint("give one of them")),
        (true, false) => Ok(Form::Json),
        (false, true) => Ok(Form::Lines),
        (false, false) => Ok(Form::Text),
    }
}

/// Audits the paths and their logs, then runs the checks across all files.
fn report(
    args: &Args,
    paths: &[PathBuf],
    judge: &Judge<'_>,
    out: Output,
) -> Result<Report, CliError> {
    if let Some(since) = args
        .since
        .filter(|since| policy::is_behind(judge.now, *since))
    {
        let text = format!(
            "--since {since} is in the future by this host's clock ({}): nothing was written since then",
            judge.now
        );
        return Err(CliError::new(Exit::Usage, text).hint("is the date right? is the clock?"));
    }
    let places = paths
        .iter()
        .map(|path| places::place(path))
        .collect::<Result<Vec<_>, _>>()?;
    let progress = progress::Progress::new(out);
    let mut findings = sweep::sweep(places, judge, args.since, &|finding| progress.seen(finding));
    progress.finish();
    logs::ask(&mut findings, paths, &args.checkpoint, judge, out)?;
    let extent = if args.since.is_some() {
        Coverage::Part
    } else {
        Coverage::Whole
    };
    cross_checks::check(&mut findings, judge.root, extent);
    Ok(Report {
        as_of: judge.as_of,
        findings,
    })
}

fn jsonl(report: &Report) -> Result<String, CliError> {
    let mut text = String::new();
    for finding in &report.findings {
        let line = serde_json::to_string(finding)
            .map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}
