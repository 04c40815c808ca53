//! `pgseal report FILE`: GO or NO-GO from evidence, for people (Markdown, HTML) and programs
//! (JSON). Read-only; it uses the code of `verify`, `gate`, `plan`, `check` and `status`.

mod brief;
mod document;
mod gather;
mod local_evidence;
mod markdown;
mod operator;
mod owner;
mod page;
mod questions;
mod sections;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;

use super::args::{ApprovalArgs, BundleArgs, DatabaseArgs, LimitArgs};
use super::clone::OnCloneArgs;
use super::error::CliError;
use super::evidence::{About, EvidenceArgs};
use super::exit::Exit;
use super::lines::{self, LineArgs};
use super::output::{Output, display_path, stdout_is_terminal};
use super::settings;
use crate::durable;
use crate::readiness::{self, Matrix, ReadinessFacts, Verdict};
use crate::runbook::Known;
use crate::runbook::line::quoted;
use pgseal_verify::format::evidence::AnswerKind;

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
    #[command(flatten)]
    approvals: ApprovalArgs,
    /// Where journals, receipts and rehearsal receipts are
    #[arg(long, value_name = "DIR", default_value_os_t = settings::receipts())]
    receipts: PathBuf,
    #[command(flatten)]
    evidence: EvidenceArgs,
    /// A rehearsal receipt that is somewhere else
    #[arg(long, value_name = "FILE")]
    rehearsal: Vec<PathBuf>,
    #[command(flatten)]
    lines: LineArgs,
    /// How it is written [default: by the ending of -o FILE, else text on a terminal and md elsewhere; with --json: json]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Where to write it, over an older one [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The word, the reasons and the commands
    Text,
    /// Markdown
    Md,
    /// One page without scripts, fonts or anything else from elsewhere
    Html,
    /// One document
    Json,
}

/// A report ready to be rendered.
struct Report {
    facts: ReadinessFacts,
    matrix: Matrix,
    verdict: Verdict,
}

impl Args {
    /// The database to ask. Without one nothing is known of it, and the word can't be READY or DONE.
    fn database(&self) -> Option<&DatabaseArgs> {
        let is_given = self.database.connection().is_given();
        is_given.then_some(&self.database)
    }

    fn format(&self, out: Output) -> Result<Format, CliError> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        let Some(path) = &self.output else {
            return Ok(match out.json {
                true => Format::Json,
                false if stdout_is_terminal() => Format::Text,
                false => Format::Md,
            });
        };
        match path.extension().and_then(|name| name.to_str()) {
            Some("html" | "htm") => Ok(Format::Html),
            Some("json") => Ok(Format::Json),
            Some("txt") => Ok(Format::Text),
            None if out.json => Ok(Format::Json),
            Some("md") | None => Ok(Format::Md),
            Some(_) => Err(CliError::usage("no format of a report has this ending")
                .about(path)
                .hint("name it .html, .md, .txt or .json, or add --format")),
        }
    }

    /// Arguments to repeat on the command lines in the report.
    fn known(&self, values: BTreeMap<String, String>) -> Known {
        let words = |paths: &[PathBuf]| paths.iter().map(|path| lines::word(path)).collect();
        Known {
            // Most of the lines are for the target, and would be refused on a clone.
            db: self
                .database()
                .filter(|_| !self.on_clone.clone)
                .and_then(|database| database.connection().shown())
                .map(|db| quoted(&db)),
            gate_user: self.database.gate_user_given().map(str::to_owned),
            approvals: words(self.approvals.paths()),
            receipts: (self.receipts != settings::receipts()).then(|| lines::word(&self.receipts)),
            rehearsals: words(&self.rehearsal),
            ..self.lines.known(&self.bundle, self.evidence.key(), values)
        }
    }
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let format = args.format(out)?;
    if out.json && format != Format::Json && args.output.is_none() {
        return Err(CliError::new(
            Exit::Usage,
            "--json and another --format both want standard output",
        )
        .hint("name a file for the report: -o FILE"));
    }
    if args.on_clone.clone && args.database().is_none() {
        return Err(CliError::usage("--clone without --db").hint("--db names the clone"));
    }
    let witness = args.evidence.open(AnswerKind::Report, &args.receipts)?;
    if args.evidence.is_given() {
        witness.check(&args.bundle.root()?)?;
    }
    let facts = gather::gather(args, out)?;
    let matrix = Matrix::of(&facts);
    let verdict = readiness::verdict(&facts, &matrix);
    let report = Report {
        facts,
        matrix,
        verdict,
    };
    let document = document::value(&report);
    let text = match format {
        Format::Text => format!("{}\n", brief::lines(&report, plain(out)).join("\n")),
        Format::Md => markdown::text(&report),
        Format::Html => page::text(&report),
        Format::Json => format!("{document}\n"),
    };
    match &args.output {
        Some(path) => {
            let written = durable::replace(path, |file| file.write_all(text.as_bytes()));
            written.map_err(|error| CliError::io(path, &error))?;
            out.document(&document);
            out.line(brief::headline(&report, out));
            out.line(format!("report: {}", display_path(path)));
        }
        None if out.json => out.document(&document),
        None if format == Format::Text => {
            let lines = brief::lines(&report, out);
            lines.into_iter().for_each(|line| out.line(line));
        }
        None => out.content(text.as_bytes())?,
    }
    let release = report.facts.release.as_deref();
    let about = release.map(|facts| {
        let target = facts.answers().map(|answers| answers.target.clone());
        let (release, id) = (&facts.manifest.release, facts.release_id);
        About::release(facts.trust.clone(), release, id, target)
    });
    witness.conclude(about, document, Ok(exit(&report.verdict)), out)
}

/// The same without colours, for a file.
fn plain(out: Output) -> Output {
    Output {
        color: false,
        ..out
    }
}

/// Converts the verdict's exit code.
fn exit(verdict: &Verdict) -> Exit {
    let all = [
        Exit::Done,
        Exit::Internal,
        Exit::Usage,
        Exit::Malformed,
        Exit::NotAuthentic,
        Exit::Blocked,
        Exit::Unanswered,
        Exit::Preflight,
        Exit::Failed,
        Exit::Partial,
        Exit::Unknown,
    ];
    all.into_iter()
        .find(|exit| exit.code() == verdict.exit)
        .unwrap_or(Exit::Internal)
}
