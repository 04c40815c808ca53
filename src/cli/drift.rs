//! `pgseal drift`

use std::path::{Path, PathBuf};

use super::args::ConnectionArgs;
use super::args::{TrustArgs, authenticate, now};
use super::evidence::{self, About, EvidenceArgs};
use super::fingerprint::diff;
use super::settings;
use super::{CliError, Exit, Kind, Output, Paint, display_path, escape};
use crate::database::{Connect as _, Purpose};
use crate::fingerprint;
use crate::record::receipt::ReceiptError;
use crate::release::drift::{self, DriftError, Proven};
use crate::release::target;
use crate::trust::JudgedAt;
use pgseal_verify::format::evidence::AnswerKind;
use pgseal_verify::format::statement::title;
use pgseal_verify::plural::count;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Compare with the newest receipt of this release only
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Directory of the receipts
    #[arg(long, value_name = "DIR", default_value_os_t = settings::receipts())]
    receipts: PathBuf,
    #[command(flatten)]
    evidence: EvidenceArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let witness = args.evidence.open(AnswerKind::Drift, &args.receipts)?;
    let root = args.trust.load()?;
    witness.check(&root)?;
    // As for a rollback: a release that ran can be asked about after its keys have expired.
    let bundle = args.file.as_deref();
    let bundle = bundle
        .map(|file| authenticate(file, &root, JudgedAt::Undo))
        .transpose()?;
    let release = bundle.as_ref().map(|bundle| bundle.release_id());
    let connect = args.connection.connector()?;
    let mut session = connect.connect(Purpose::Read)?;
    let here = target::observe(session.as_mut())?;
    drop(session);
    let skipped = |error: &ReceiptError, path: &Path| {
        let why = escape(&error.to_string());
        out.warning(format!("{}: not considered: {why}", display_path(path)));
    };
    let proven = drift::newest(&args.receipts, &root, &here, release, now(), &skipped)?;
    let (found, differences) = drift::since(&proven, &connect, now())?;
    let document = serde_json::json!({
        "target": here,
        "receipt": proven.path.to_string_lossy(),
        "run_id": proven.receipt.run_id,
        "since": proven.receipt.finished,
        "before": proven.definitions.sha256,
        "now": found.sha256,
        "alike": differences.is_empty(),
        "differences": differences.iter().map(diff::document).collect::<Vec<_>>(),
    });
    out.document(&document);
    let folded = fingerprint::folded(&proven.definitions, &found, &differences);
    folded.iter().for_each(|folded| diff::show(folded, out));
    let since = since(&proven);
    if differences.is_empty() {
        out.line(format!(
            "{} since {since}",
            out.paint(Paint::Good, "no drift")
        ));
    } else {
        let number = count(differences.len(), "difference");
        out.line(format!("{number} since {since}"));
    }
    let exit = match differences.is_empty() {
        true => Exit::Done,
        false => Exit::Faults,
    };
    let (trust, release) = (evidence::trust(&root), &proven.receipt.release);
    let about = About::release(trust, release, proven.release_id, Some(here));
    witness.conclude(Some(about), document, Ok(exit), out)
}

/// `the run of shop 1.0.0 at 2026-11-25T03:00:00Z (FILE)`
fn since(proven: &Proven) -> String {
    let receipt = &proven.receipt;
    let title = title(&receipt.release.name, &receipt.release.version);
    let (action, at) = (receipt.action.as_str(), receipt.finished);
    format!(
        "the {action} of {title} at {at} ({})",
        display_path(&proven.path)
    )
}

impl From<DriftError> for CliError {
    fn from(error: DriftError) -> Self {
        match error {
            DriftError::Fingerprint(error) => error.into(),
            DriftError::Io { ref path, ref source } => Self::io(path, source),
            error => Self::new(Kind::NoDefinitions, escape(&error.to_string())).hint(
                "`run` and `rollback` keep the definitions with --fingerprint and a receipt key; name their directory by --receipts",
            ),
        }
    }
}
