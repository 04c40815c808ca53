//! `pgseal run FILE`

mod if_needed;
mod wait;

use super::args::{self, ApprovalArgs, BundleArgs, DatabaseArgs, LimitArgs, RetryArgs, now};
use super::database_command::DatabaseCommand;
use super::interrupt::Command;
use super::missing::{self, Permission, Refused};
use super::progress::Progress;
use super::recording::{Prepared, ReceiptArgs};
use super::rehearsal_proof::RehearsedArgs;
use super::schema_digests::SchemaDigestArgs;
use super::stage;
use super::{CliError, Exit, Output};
use crate::bundle::BundleToRun;
use crate::record::definitions::When;
use crate::release::gate;
use crate::release::resume::Decision;
use crate::release::run::ReadyRelease;
use crate::release::run_context::{self, ContextToRun};
use pgseal_verify::format::fingerprint::Fingerprint;
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::receipt::{Action, Waited};
use pgseal_verify::format::timestamp::Timestamp;
use std::collections::BTreeMap;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    approvals: ApprovalArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    retries: RetryArgs,
    #[command(flatten)]
    receipts: ReceiptArgs,
    #[command(flatten)]
    schema: SchemaDigestArgs,
    #[command(flatten)]
    rehearsed: RehearsedArgs,
    /// Resume the run of this release that stopped half way
    #[arg(long)]
    resume: bool,
    /// End with 0 if this very release is in effect and its state `finalized` holds
    #[arg(long, conflicts_with = "resume")]
    if_needed: bool,
    /// Outcome of the interrupted statement, if the catalog cannot decide: `done` continues after it, `again`
    /// sends it again
    #[arg(long, value_name = "WHAT", requires = "resume", value_parser = decision)]
    interrupted: Option<Decision>,
    /// Wait until gates, approvals and rehearsal are there, then run once
    #[arg(long, conflicts_with = "resume")]
    wait: bool,
    /// With --wait: give up at this time, with the code of what is missing then
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = args::time)]
    until: Option<Timestamp>,
    /// With --wait: seconds between two attempts
    #[arg(long, value_name = "SECONDS", requires = "wait", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,
}

fn decision(text: &str) -> Result<Decision, String> {
    match text {
        "done" => Ok(Decision::Done),
        "again" => Ok(Decision::Again),
        _ => Err("say `done` or `again`".to_owned()),
    }
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let key = args.receipts.key()?;
    if args.wait {
        return wait::run(args, key, out);
    }
    let at = now();
    let root = args.bundle.root()?;
    let bundle = args.bundle.authenticate_to_run(&root, at)?;
    let bundle = args.approvals.add_to(bundle, BundleToRun::with_approval)?;
    let manifest = bundle.manifest();
    stage::warn(manifest, out);
    let variables = run_context::values(manifest, &args.database.variables()?, true)?;
    let mut progress = Progress::new(out);
    let ordered = args.prepare(manifest, out, &progress)?;
    let ran_on = missing::ran_on(&bundle, &args.receipts.receipts, at)?;
    let order = ContextToRun {
        ran_on: &ran_on,
        ..ordered.order(&bundle, &variables)
    };
    if let Some(ended) = args.ended(order, at, &progress, out) {
        return ended;
    }
    let permission = args.permission(&bundle, &variables, at);
    let permission = permission.map_err(|refused| missing::first(refused.errors))?;
    let mut prepared = args.receipts.prepare(key, &root, manifest, Action::Run)?;
    let ready = gate::pass(order, &mut progress).map_err(CliError::from);
    let ready = ready.and_then(|gated| {
        Ok(match args.resume {
            true => gated.resume(&permission.admission, args.interrupted)?,
            false => gated.preflight(Some(&permission.admission))?,
        })
    });
    if ready.is_err()
        && let Some(ended) = args.ended(order, at, &progress, out)
    {
        // Another process has run it since.
        return ended;
    }
    let ready = ready.map_err(|error| {
        let error = ordered.or_interrupted(error);
        if !args.resume || error.exit == Exit::Preflight {
            return error;
        }
        error.also_hint("the run is still half way, and `pgseal rollback FILE` asks no gate")
    })?;
    let schema = args
        .schema
        .before(&order.authentic())
        .map_err(|error| ordered.or_interrupted(error))?;
    let permitted = Permitted {
        order,
        ready,
        permission,
        schema,
    };
    args.begin(permitted, &mut prepared, &mut progress, Vec::new(), out)
}

/// A release that may run: the next step writes.
struct Permitted<'b> {
    order: ContextToRun<'b>,
    ready: ReadyRelease<'b>,
    permission: Permission<'b>,
    /// All definitions, if requested.
    schema: Option<Fingerprint>,
}

impl Args {
    /// Prepares connection and signals.
    fn prepare(
        &self,
        manifest: &Manifest,
        out: Output,
        progress: &Progress,
    ) -> Result<DatabaseCommand, CliError> {
        let limits = (&self.limits, &manifest.limits);
        let writes = Command::writes("run", &self.receipts.receipts);
        // A partial run stays partial until the resumed run continues.
        let exit = if self.resume {
            Exit::Partial
        } else {
            Exit::Failed
        };
        let command = Command { exit, ..writes };
        let notifier = progress.notifier();
        let ordered = DatabaseCommand::prepare(&self.database, limits, command, out, notifier)?;
        Ok(ordered.retrying(self.retries.lock_retries))
    }

    /// Checks clock, policy, approvals and rehearsal.
    fn permission<'b>(
        &self,
        bundle: &'b BundleToRun<'_>,
        variables: &BTreeMap<String, String>,
        at: Timestamp,
    ) -> Result<Permission<'b>, Refused<'b>> {
        let rehearsal = self.rehearsed.rehearsal.as_deref();
        Permission::gather(bundle, variables, rehearsal, &self.receipts.receipts, at)
    }

    /// Opens the journal, runs the release, and stores its receipt.
    fn begin(
        &self,
        permitted: Permitted<'_>,
        prepared: &mut Prepared,
        progress: &mut Progress,
        waited: Vec<Waited>,
        out: Output,
    ) -> Result<Exit, CliError> {
        let Permitted {
            order,
            ready,
            permission,
            schema,
        } = permitted;
        let journal = prepared.journal()?;
        if let Some(definitions) = &schema {
            prepared.keep(When::Before, definitions)?;
        }
        let report = ready.run(
            &permission.admission,
            permission.rehearsed.as_ref(),
            &prepared.run_id,
            journal,
            progress,
        );
        order.stop.ended();
        progress.finish();
        let mut report = report?;
        report.receipt.waited = waited;
        self.schema
            .add(schema, &order.authentic(), prepared, &mut report, out);
        prepared.conclude(order.bundle, report, out)
    }
}
