//! `pgseal runbook FILE [AUDIENCE]`

mod page;
mod rehearsed;

use std::io::Write;
use std::path::PathBuf;

use super::args::{BundleArgs, VariableArgs, now};
use super::lines::{self, LineArgs};
use super::measured;
use super::settings;
use super::{CliError, Exit, Output, ResultExt, display_path, escape_lines};
use crate::bundle::ReleaseFiles;
use crate::bundle::lint::declared;
use crate::durable;
use crate::release::run_context;
use crate::runbook::{Known, RunbookFacts, Scripts};
use crate::trust::JudgedAt;
use pgseal_verify::format::manifest::Audience;
use pgseal_verify::format::statement::title;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// owner, operator or auditor
    #[arg(default_value = "operator")]
    audience: Audience,
    #[command(flatten)]
    variables: VariableArgs,
    /// Show commands with this key for receipts; it isn't read
    #[arg(long, value_name = "KEY")]
    receipt_key: Option<PathBuf>,
    #[command(flatten)]
    lines: LineArgs,
    /// Write one self-contained HTML page [default if -o names an .html file]
    #[arg(long)]
    html: bool,
    /// The template, without the release's facts in it
    #[arg(long, conflicts_with = "html")]
    raw: bool,
    /// Directory of the receipts
    #[arg(long, value_name = "DIR", default_value_os_t = settings::receipts())]
    receipts: PathBuf,
    /// A signed rehearsal of this release: *.rehearsal.json [default: the relevant one among the receipts]
    #[arg(long, value_name = "FILE", conflicts_with = "raw")]
    rehearsal: Option<PathBuf>,
    /// Where to write it, over an older one [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Args {
    fn is_html(&self) -> bool {
        let name = self.output.as_ref().and_then(|path| path.extension());
        self.html || name.is_some_and(|name| name == "html" || name == "htm")
    }
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let when = JudgedAt::At(now());
    let root = args.bundle.root()?;
    let bundle = args.bundle.authenticate(&root, when)?;
    let manifest = bundle.manifest();
    let mut texts = Vec::new();
    for runbook in &manifest.runbooks {
        if runbook.audience == args.audience {
            texts.push(bundle.content(&runbook.file)?);
        }
    }
    if texts.is_empty() {
        let message = format!("the release has no runbook for the {}", args.audience);
        return Err(CliError::usage(message).hint("`pgseal inspect FILE` lists its runbooks"));
    }
    let given = args.variables.values(manifest)?;
    let with_defaults = run_context::values(manifest, &given, false)?;
    let values = lines::values(given, &root, &bundle, when);
    let of_run = run_context::values(manifest, &values, true).ok();
    // A page contains no database of its own; its reader sets the URLs in the shell.
    let shell = |name: &str| Some(format!("\"${name}\""));
    let known = Known {
        db: shell("DB"),
        admin: shell("ADMIN"),
        ..args
            .lines
            .known(&args.bundle, args.receipt_key.as_deref(), values)
    };
    let mut variables = declared(manifest);
    for (name, value) in with_defaults.iter().chain(&known.values) {
        // The manifest allows fewer variable names than psql.
        let _ = variables.set(name, value);
    }
    let (named, of) = (args.rehearsal.as_deref(), (&root, &bundle));
    let rehearsed = measured::find_signed(named, &args.receipts, of, of_run.as_ref(), when, out)?;
    let rehearse = known.command("rehearse", manifest).unwrap_or_default();
    let measured = rehearsed::Facts {
        bundle: &bundle,
        rehearsed: rehearsed.as_ref(),
        values: of_run.as_ref(),
        command: &rehearse,
    };
    let files = ReleaseFiles::of(&bundle);
    let facts = RunbookFacts {
        manifest,
        id: bundle.release_id(),
        files: bundle.file_count(),
        known: &known,
        scripts: Scripts {
            files: &files,
            variables,
        },
        duration: measured.duration(),
        rollback: measured.rollback(),
    };
    let (form, text) = if args.raw {
        ("template", texts.concat())
    } else {
        let texts = texts
            .iter()
            .map(|text| facts.render(&String::from_utf8_lossy(text)));
        let texts: Vec<String> = texts.collect();
        if args.is_html() {
            let release = &manifest.release;
            let release = title(&release.name, &release.version);
            let title = format!("{release}: for the {}", args.audience);
            let text = escape_lines(&texts.join("\n\n---\n\n"));
            ("html", page::page(&title, &text).into_bytes())
        } else {
            ("text", texts.concat().into_bytes())
        }
    };
    let words = String::from_utf8_lossy(&text);
    let file = args.output.as_ref().map(|path| path.to_string_lossy());
    if let Some(path) = &args.output {
        durable::replace(path, |file| file.write_all(&text)).at(path)?;
    }
    out.document(&serde_json::json!({ "audience": args.audience, "form": form, "text": words, "file": file }));
    match &args.output {
        Some(path) => out.line(format!("runbook: {}", display_path(path))),
        None if out.json => {}
        None => out.content(&text)?,
    }
    Ok(Exit::Done)
}
