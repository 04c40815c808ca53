//! `pgseal fingerprint --db URL [-o FILE]` and `pgseal fingerprint diff A B`

pub mod diff;

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::args::ConnectionArgs;
use super::args::{TrustArgs, now};
use super::clone::OnCloneArgs;
use super::evidence::{self, About, EvidenceArgs};
use super::progress::Notifier;
use super::settings;
use super::{CliError, Exit, Kind, Output, ResultExt, display_path, escape};
use crate::durable;
use crate::fingerprint::{self, FingerprintError, Progress};
use crate::release::rehearse::standing;
use crate::trust::JudgedAt;
use pgseal_verify::format::evidence::AnswerKind;
use pgseal_verify::format::fingerprint::{Fingerprint, Scope};
use pgseal_verify::format::json;
use pgseal_verify::plural::count;

#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<FingerprintCommand>,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    on_clone: OnCloneArgs,
    #[command(flatten)]
    trust: TrustArgs,
    /// Write the fingerprint to this file, which must not exist
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Definitions only, no rows
    #[arg(long, conflicts_with = "tables")]
    schema_only: bool,
    /// The rows of these tables only, and of the sequences that belong to them
    #[arg(long, value_name = "SCHEMA.TABLE,...", value_delimiter = ',')]
    tables: Vec<String>,
    /// Number of connections that read rows
    #[arg(long, value_name = "N", default_value_t = WORKERS)]
    workers: NonZeroUsize,
    /// Directory of receipts, for --receipt-key
    #[arg(long, value_name = "DIR", default_value_os_t = settings::receipts())]
    receipts: PathBuf,
    #[command(flatten)]
    evidence: EvidenceArgs,
}

/// Default number of connections that read rows; low enough for a server that has other work.
const WORKERS: NonZeroUsize = NonZeroUsize::new(4).expect("four");

#[derive(clap::Subcommand, Debug)]
enum FingerprintCommand {
    /// Compare two fingerprints by name (exit 50 if they differ)
    Diff(diff::Args),
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    if let Some(FingerprintCommand::Diff(args)) = &args.command {
        return diff::run(args, out);
    }
    // Fails before the work begins, not after it.
    let exists = |path: &&PathBuf| path.symlink_metadata().is_ok();
    if let Some(path) = args.output.as_ref().filter(exists) {
        return Err(
            CliError::exists(path).hint("choose another name: a fingerprint is never replaced")
        );
    }
    let scope = match (args.schema_only, args.tables.as_slice()) {
        (true, _) => Scope::Schema,
        (false, []) => Scope::All,
        (false, tables) => Scope::Tables(tables.to_vec()),
    };
    let witness = args
        .evidence
        .open(AnswerKind::Fingerprint, &args.receipts)?;
    let is_judged = args.on_clone.clone || args.evidence.is_given();
    let root = is_judged.then(|| args.trust.load()).transpose()?;
    let connect = args.connection.connector()?;
    if let Some(root) = &root {
        witness.check(root)?;
    }
    if let Some(root) = root.as_ref().filter(|_| args.on_clone.clone) {
        standing::find(&connect, root, JudgedAt::At(now()))?;
    }
    let notifier = Notifier::drawing(out);
    let taken = fingerprint::take(&connect, &scope, args.workers, now(), &|progress| {
        show_progress(&notifier, progress)
    });
    notifier.finish();
    let fingerprint = taken?;
    if let Some(path) = &args.output {
        let bytes = json::to_canonical(&fingerprint).map_err(CliError::internal)?;
        durable::create_new(path, |file| file.write_all(&bytes)).at(path)?;
    }
    let document = document(&fingerprint, args.output.as_deref());
    out.document(&document);
    show(&fingerprint, out);
    if let Some(path) = &args.output {
        out.line(format!("written to {}", display_path(path)));
    }
    let about = root.map(|root| {
        let target = witness.observe(&connect);
        About::database(evidence::trust(&root), &fingerprint, target)
    });
    witness.conclude(about, document, Ok(Exit::Done), out)
}

/// Number of tables and of their rows. Other entries hold a sequence's value instead of a digest.
fn tables_and_rows(fingerprint: &Fingerprint) -> (usize, u64) {
    let data = fingerprint.data.values();
    let tables = || {
        data.clone()
            .filter(|data| !data.digest.starts_with("value "))
    };
    (tables().count(), tables().map(|data| data.rows).sum())
}

fn document(fingerprint: &Fingerprint, file: Option<&std::path::Path>) -> serde_json::Value {
    let (tables, rows) = tables_and_rows(fingerprint);
    serde_json::json!({
        "sha256": fingerprint.sha256,
        "database": fingerprint.database,
        "server_version_num": fingerprint.server_version_num,
        "taken": fingerprint.taken,
        "scope": fingerprint.scope,
        "objects": fingerprint.objects.len(),
        "tables": tables,
        "sequences": fingerprint.data.len() - tables,
        "rows": rows,
        "file": file.map(|path| path.to_string_lossy()),
    })
}

fn show(fingerprint: &Fingerprint, out: Output) {
    out.line(fingerprint.sha256);
    let objects = count(fingerprint.objects.len(), "object");
    let (tables, rows) = tables_and_rows(fingerprint);
    let data = match &fingerprint.scope {
        Scope::Schema => "no rows".to_owned(),
        _ => format!("{} of {}", count(rows, "row"), count(tables, "table")),
    };
    let database = escape(&fingerprint.database);
    out.line(format!("database {database}: {objects}, {data}"));
}

/// Reports progress. Without a moving line, at most about ten lines are printed.
fn show_progress(notifier: &Notifier, progress: Progress<'_>) {
    match progress {
        Progress::Begun { table } => {
            notifier.moving(|| format!("reading {}", escape(table)));
        }
        Progress::Done {
            table,
            rows,
            done,
            of,
        } => {
            let text = || {
                let (table, rows) = (escape(table), count(rows, "row"));
                format!("{done}/{of} tables and sequences  {table}  {rows}")
            };
            if !notifier.moving(text) && (done * 10 / of != (done - 1) * 10 / of) {
                notifier.line(text());
            }
        }
        Progress::Objects(objects) => {
            notifier.moving(|| count(objects, "object"));
        }
    }
}

impl From<FingerprintError> for CliError {
    fn from(error: FingerprintError) -> Self {
        match error {
            FingerprintError::Database(error) => error.into(),
            FingerprintError::NoTable(_) => Self::usage(error)
                .hint("write --tables SCHEMA.TABLE,...: tables, materialized views or sequences of this database"),
            FingerprintError::NotReadable(_) => Self::new(Kind::NotReadable, error)
                .hint("connect as a role that may: a member of pg_read_all_data, or the tables' owner; or name others by --tables"),
            FingerprintError::RowSecurity(_) => Self::new(Kind::NotReadable, error)
                .hint("connect as the tables' owner, or as a role with BYPASSRLS: a part of the rows is no fingerprint"),
            FingerprintError::Table { .. } | FingerprintError::Unsound(_) => Self::new(Kind::ServerError, error),
        }
    }
}
