//! `pgseal rehearse FILE --db ADMIN_URL --from DATABASE`

mod dump;
pub mod end_with;
mod error;
mod narrator;
mod server;
mod show;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::ON_CLONE;
pub use narrator::Narrator;
pub use server::Here;
pub use show::{headline, locks, points, show};

use super::args::{BundleArgs, DatabaseArgs, LimitArgs, RetryArgs, now};
use super::connection;
use super::events::EventArgs;
use super::host::operator;
use super::interrupt::{self, Command};
use super::progress::Progress;
use super::recording::{Prepared, ReceiptArgs, UNSIGNED};
use super::{CliError, Exit, Kind, Output, display_path, escape};
use crate::bundle::AuthenticatedBundle;
use crate::database::Connect;
use crate::durable::Scratch;
use crate::record::namesakes;
use crate::release::cancellation::CancellationToken;
use crate::release::rehearse::standing::Signer;
use crate::release::rehearse::{self, Approval, ClonedFrom, Job, MARKED, Rehearsed};
use crate::release::run_context::{self, RunContext};
use crate::trust::{JudgedAt, policy};
use pgseal_verify::format::fingerprint::Scope;
use pgseal_verify::format::statement::title;
use pgseal_verify::format::wire::V1;

/// Name prefix of a rehearsal's journal directory in the system's temporary directory.
pub const SCRATCH: &str = "pgseal-rehearsal-";

/// Largest script that opens gates, in bytes.
const APPROVAL_BYTES: u64 = 64 << 20;

/// Maximum number of remarks shown; `--json` has all of them.
const REMARKS_SHOWN: usize = 12;

#[derive(clap::Args, Debug)]
#[group(id = "source", required = true, args = ["from", "from_dump"])]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// The database to clone, on the server of --db
    #[arg(long, value_name = "DATABASE")]
    from: Option<String>,
    /// A dump to begin with: of pg_dump in any of its formats, or SQL
    #[arg(long, value_name = "FILE")]
    from_dump: Option<PathBuf>,
    /// Clone by pg_dump and pg_restore even if there are no other connections: a copy by template makes new
    /// connections to the source wait
    #[arg(long, conflicts_with = "from_dump")]
    by_dump: bool,
    /// A psql script that is run on the clone first and opens the gates, as people will
    #[arg(long, value_name = "FILE.sql")]
    approve_with: Option<PathBuf>,
    /// Keep the clone for inspection; later rehearsals do not report it as left over
    #[arg(long)]
    keep: bool,
    /// Compare definitions only, no rows. It then proves nothing about data, and counts for no policy
    #[arg(long, conflicts_with = "tables")]
    schema_only: bool,
    /// Compare the rows of these tables only; definitions are always compared. It then proves nothing about other rows
    #[arg(long, value_name = "SCHEMA.TABLE,...", value_delimiter = ',')]
    tables: Vec<String>,
    /// Number of connections that read rows [default: one a processor, up to 4]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    retries: RetryArgs,
    #[command(flatten)]
    receipts: ReceiptArgs,
    #[command(flatten)]
    events: EventArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let out = args.events.open("rehearse", out)?;
    let key = args.receipts.key()?;
    let at = now();
    let root = args.bundle.root()?;
    let bundle = args.bundle.authenticate_to_run(&root, at)?;
    let manifest = bundle.manifest();
    let (release, id) = (&manifest.release, bundle.release_id());
    policy::check_policy(&root, release, id, JudgedAt::At(at))?;
    let variables = run_context::values(manifest, &args.database.variables(manifest, out)?, true)?;
    if let Some(other) = namesakes::ids(&args.receipts.receipts, release, id).last() {
        let title = title(&release.name, &release.version);
        out.note(format!(
            "another {title} ({other}) was rehearsed or run here: raise the version if a file of it left this host"
        ));
    }
    let limits = args.limits.within(&manifest.limits)?;
    let approval = args.approve_with.as_deref().map(approval).transpose()?;
    let from = match (&args.from, &args.from_dump) {
        (_, Some(path)) => dump::read(path)?,
        (from, None) => ClonedFrom::Database {
            name: from.as_deref().unwrap_or_default(),
            by_dump: args.by_dump,
        },
    };
    let mut prepared = args
        .receipts
        .prepare_named(key, &root, manifest, "rehearsal")?;
    prepared.reserve_rehearsal()?;
    let scratch = Scratch::new(&std::env::temp_dir(), SCRATCH)
        .map_err(|error| CliError::internal(format!("no temporary directory: {error}")))?;
    if !prepared.is_signed() {
        out.warning(UNSIGNED);
    }
    for dir in scratch.sweep() {
        let dir = display_path(&dir);
        out.note(format!(
            "removed {dir}, which a rehearsal left that was killed"
        ));
    }
    let gate_user = args.database.gate_user()?;
    let (connector, parameters) =
        connection::connector_for_clones(args.database.connection(), gate_user.as_deref())?;
    let runs_as = connector.runs_as().map(str::to_owned);
    let server = Here::new(connector, parameters);
    let mut narrator = Narrator {
        progress: Progress::new(out),
        out,
    };
    let stop = CancellationToken::default();
    let leaves = Some("the clone may be left: the next `pgseal rehearse` on this server names it");
    let command = Command {
        leaves,
        ..Command::reads("rehearsal")
    };
    interrupt::watch(&command, &stop, out, narrator.progress.notifier())?;
    left_by_others(server.maintenance(), &stop, out)?;
    let scope = match (args.schema_only, &args.tables[..]) {
        (true, _) => Scope::Schema,
        (false, []) => Scope::All,
        (false, tables) => Scope::Tables(tables.to_vec()),
    };
    let rehearsal_id = prepared.run_id.clone();
    let order = RunContext {
        bundle: &bundle,
        connect: server.maintenance(),
        runs_as: runs_as.as_deref(),
        clone: None,
        receipts: None,
        variables: &variables,
        limits: &limits,
        lock_retries: args.retries.lock_retries,
        operator: &operator(),
        stop: &stop,
        clock: &now,
    };
    let job = Job {
        order,
        server: &server,
        from,
        trial: None,
        approval: approval
            .as_ref()
            .map(|(file, bytes)| Approval { file, bytes }),
        aside: Arc::new(narrator.progress.notifier()),
        scope: &scope,
        workers: args.workers.unwrap_or_else(workers),
        keep: args.keep,
        signer: prepared.key().map(|key| Signer { root: &root, key }),
        scratch: scratch.path(),
        rehearsal_id: &rehearsal_id,
    };
    let rehearsed = rehearse::rehearse(&job, &mut narrator);
    narrator.progress.finish();
    match rehearsed {
        Ok(rehearsed) => {
            drop(job);
            conclude(&bundle, prepared, rehearsed, out)
        }
        Err(error) => Err(error.into()),
    }
}

/// One worker per processor, at most four, to keep the load on the source low.
pub fn workers() -> NonZeroUsize {
    let four = NonZeroUsize::MIN.saturating_add(3);
    std::thread::available_parallelism().map_or(NonZeroUsize::MIN, |all| all.min(four))
}

/// The script's name and content, read once.
pub fn approval(path: &Path) -> Result<(String, Vec<u8>), CliError> {
    let failed = |error: std::io::Error| CliError::io(path, &error);
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() || metadata.len() > APPROVAL_BYTES {
        return Err(
            CliError::usage(format!("{} is no script", display_path(path)))
                .hint("--approve-with names a psql script of up to 64 MiB"),
        );
    }
    let name = path.file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    Ok((name, std::fs::read(path).map_err(failed)?))
}

/// Warns about clones left by killed rehearsals.
pub fn left_by_others(
    maintenance: &dyn Connect,
    stop: &CancellationToken,
    out: Output,
) -> Result<(), CliError> {
    for name in rehearse::leftovers(maintenance, stop)? {
        out.warning(escape(&format!(
            "a rehearsal that is over left its clone {name}: {}",
            drop_statement(&name)
        )));
    }
    Ok(())
}

pub fn drop_statement(name: &str) -> String {
    let name = name.replace('"', "\"\"");
    format!("drop database \"{name}\" with (force)")
}

/// The error of a rehearsal, which names the failed step, and a clone that is left.
pub fn error_of(rehearsed: &mut Rehearsed, command: &str) -> Option<CliError> {
    let failed = rehearsed.receipt.steps.iter().find(|step| !step.ok);
    let failed = failed.map_or(String::new(), |step| step.name.clone());
    let trouble = rehearsed.trouble.take();
    let mut error = trouble.map(|trouble| error::of_step(trouble, command, &failed));
    if let Some(error) = &error {
        rehearsed.because(&error.lines.join("\n"));
    }
    if let Some(left) = &rehearsed.left {
        let text = format!(
            "{left}; drop it by hand: {}",
            drop_statement(&rehearsed.receipt.clone.database)
        );
        match &mut error {
            None => error = Some(CliError::internal(text)),
            Some(error) => error.lines.push(escape(&text)),
        }
    }
    error
}

/// Shows the first remarks.
pub fn show_remarks(remarks: &[String], out: Output) {
    for remark in remarks.iter().take(REMARKS_SHOWN) {
        out.warning(escape(remark));
    }
    if let Some(more) = remarks.len().checked_sub(REMARKS_SHOWN + 1) {
        out.warning(format!("{} more like these: --json has them all", more + 1));
    }
}

fn conclude(
    bundle: &AuthenticatedBundle,
    mut prepared: Prepared,
    mut rehearsed: Rehearsed,
    out: Output,
) -> Result<Exit, CliError> {
    let error = error_of(&mut rehearsed, "rehearsal");
    let result = rehearsed.receipt.clone();
    let (dir, stored) = prepared.store_rehearsal(bundle.release_id(), rehearsed.receipt);
    out.document(&serde_json::json!({
        "receipt": stored.as_ref().ok().map(|path| path.to_string_lossy()),
        "rehearsal": V1(&result),
        "remarks": rehearsed.remarks,
    }));
    show_remarks(&rehearsed.remarks, out);
    out.line(headline(&result, out));
    if let Some(dump) = result.source.dump() {
        out.line(format!("the clone was {dump}"));
    }
    if let Some(points) = points(&result) {
        out.line(points);
    }
    if let Some(locks) = locks(&result) {
        out.line(locks);
    }
    if result.kept && rehearsed.left.is_none() {
        let name = &result.clone.database;
        let is_marked = result
            .steps
            .iter()
            .any(|step| step.name == MARKED && step.ok);
        let drop = match is_marked {
            true => format!("pgseal clone drop {name}"),
            false => drop_statement(name),
        };
        out.line(escape(&format!(
            "kept: the clone {name}; when you have looked at it: {drop}"
        )));
    }
    if let Ok(path) = &stored {
        out.line(format!(
            "receipt: {} (`pgseal receipt show` has every step and lock)",
            display_path(path)
        ));
        if !prepared.is_signed() {
            out.warning(UNSIGNED);
        }
    }
    let unstored = stored.err().map(|error| {
        let dir = display_path(&dir);
        format!("{dir}: the receipt could not be stored: {error}")
    });
    match (error, unstored) {
        (None, None) => Ok(Exit::Done),
        (None, Some(unstored)) => Err(CliError::new(Kind::NoReceipt, unstored)),
        (Some(mut error), unstored) => {
            error.lines.extend(unstored.map(|text| format!("  {text}")));
            Err(error)
        }
    }
}
