//! `pgseal rollback FILE`

use super::args::{BundleArgs, DatabaseArgs, LimitArgs, RetryArgs};
use super::database_command::DatabaseCommand;
use super::events::EventArgs;
use super::interrupt::Command;
use super::progress::Progress;
use super::recording::ReceiptArgs;
use super::schema_digests::{self, SchemaDigestArgs};
use super::{CliError, Exit, Output, Paint, escape};
use crate::release::rollback::{self, Found};
use crate::release::run_context;
use crate::trust::JudgedAt;
use pgseal_verify::format::receipt::{Action, Outcome};
use pgseal_verify::format::statement::title;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    retries: RetryArgs,
    #[command(flatten)]
    receipts: ReceiptArgs,
    #[command(flatten)]
    events: EventArgs,
    #[command(flatten)]
    schema: SchemaDigestArgs,
    /// With --fingerprint: commit only if every definition is as before the run, which was a `run --fingerprint`
    #[arg(long, requires = "fingerprint")]
    require_exact: bool,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let out = args.events.open("rollback", out)?;
    let key = args.receipts.key()?;
    // An authorized run may be undone even if keys or the trust root have expired since.
    let root = args.bundle.root()?;
    let bundle = args.bundle.authenticate(&root, JudgedAt::Undo)?;
    let manifest = bundle.manifest();
    let variables = run_context::values(manifest, &args.database.variables(manifest, out)?, false)?;
    let mut prepared = args
        .receipts
        .prepare(key, &root, manifest, Action::Rollback)?;
    let mut progress = Progress::new(out);
    let limits = (&args.limits, &manifest.limits);
    let command = Command::writes("rollback", &args.receipts.receipts);
    let ordered =
        DatabaseCommand::prepare(&args.database, limits, command, out, progress.notifier())?;
    let ordered = ordered.retrying(args.retries.lock_retries);
    let order = ordered.order(&bundle, &variables);
    let found = rollback::find(order, &mut progress)
        .map_err(|error| ordered.or_interrupted(error.into()))?;
    let applied = match found {
        Found::Applied(applied) => applied,
        Found::Nothing(target) => {
            progress.finish();
            let title = title(&manifest.release.name, &manifest.release.version);
            out.document(&serde_json::json!({ "run_id": null, "receipt": null, "result": null, "target": target }));
            out.line(format!(
                "{}: {title} is not applied here",
                out.paint(Paint::Good, "nothing to do")
            ));
            return Ok(Exit::Done);
        }
    };
    args.receipts.warn(&root, &progress.notifier());
    for unmet in applied.dependents() {
        let text = format!("this rollback leaves a release without one that it requires: {unmet}");
        progress.notifier().warning(escape(&text));
    }
    let dependent = applied.dependents().first().map(|unmet| unmet.by.clone());
    let schema = match args.schema.before(&order) {
        Ok(schema) => schema,
        // Not asked for: a release that demands that nothing drifted keeps them. Undoing never waits.
        Err(error) if !args.schema.fingerprint && !ordered.stop.is_requested() => {
            let why = error.lines.join(" ");
            let text = format!("the definitions before it are not kept: {why}");
            progress.notifier().warning(text);
            None
        }
        Err(error) => return Err(ordered.or_interrupted(error)),
    };
    let start = match args.schema.fingerprint {
        true => {
            let receipts = &args.receipts.receipts;
            let notifier = progress.notifier();
            let is_required = args.require_exact;
            schema_digests::start_of(applied.run_id(), receipts, &root, is_required, &notifier)?
        }
        false => None,
    };
    let journal = prepared.journal()?;
    let report = applied.rollback(&prepared.run_id, start.as_ref(), journal, &mut progress);
    ordered.stop.ended();
    progress.finish();
    let mut report = report?;
    args.schema.add(schema, &order, &prepared, &mut report, out);
    schema_digests::show_restored(&report, out);
    let dependent = dependent.filter(|_| report.receipt.outcome == Outcome::Unchanged);
    let concluded = prepared.conclude(&bundle, report, out);
    concluded.map_err(|error| match dependent {
        Some(by) => error.also_hint(format!("{by} requires it: roll that release back first")),
        None => error,
    })
}
