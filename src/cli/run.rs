//! `pgseal run FILE...`

mod if_needed;
mod several;
mod wait;

use super::args::{
    self, ApprovalArgs, BundleArgs, DatabaseArgs, LimitArgs, OnlyArgs, RetryArgs, TrustArgs, now,
};
use super::database_command::DatabaseCommand;
use super::events::EventArgs;
use super::interrupt::Command;
use super::missing::{self, Permission, Refused};
use super::progress::Progress;
use super::recording::{Prepared, ReceiptArgs};
use super::rehearsal_proof::RehearsedArgs;
use super::relative_locks;
use super::schema_digests::SchemaDigestArgs;
use super::settings;
use super::stage;
use super::waiting;
use super::{CliError, Exit, Output};
use crate::bundle::BundleToRun;
use crate::record::definitions::When;
use crate::release::cancellation::CancellationToken;
use crate::release::gate;
use crate::release::relative;
use crate::release::resume::{self, Decision};
use crate::release::run::AuthorizedRelease;
use crate::release::run_context::{self, ContextToRun};
use crate::trust::SecretKey;
use pgseal_verify::format::fingerprint::Fingerprint;
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::receipt::{Action, Waited};
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::format::timestamp::Timestamp;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The bundles, in the order in which they run; each begins after the one before it succeeded
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    only: OnlyArgs,
    #[command(flatten)]
    options: Options,
}

#[derive(clap::Args, Debug)]
struct Options {
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
    events: EventArgs,
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
    /// With --wait: give up at this time, or after a duration such as 5min, with the code of what is missing then
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = args::until)]
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
    let options = &args.options;
    let out = options.events.open("run", out)?;
    let key = options.receipts.key()?;
    let [file] = args.files.as_slice() else {
        return several::run(args, key, out);
    };
    let bundle = BundleArgs {
        file: file.clone(),
        trust: args.trust.clone(),
        only: args.only.clone(),
    };
    let one = One {
        bundle,
        options,
        variables: options.database.given()?,
        several: None,
    };
    one.run(key, out)
}

/// A release of the command.
struct One<'a> {
    bundle: BundleArgs,
    options: &'a Options,
    /// The values of variables that are given to it.
    variables: BTreeMap<String, String>,
    /// If the command has several releases.
    several: Option<Several<'a>>,
}

/// The place of a release among others.
struct Several<'a> {
    id: ReleaseId,
    /// The other releases of the command, which have approvals of their own.
    others: Vec<ReleaseId>,
    is_first: bool,
    /// Handles signals from the first release on.
    stop: &'a OnceCell<CancellationToken>,
}

/// A release that may run: the next step writes.
struct Permitted<'b> {
    order: ContextToRun<'b>,
    authorized: AuthorizedRelease<'b>,
    /// All definitions, if requested.
    schema: Option<Fingerprint>,
}

impl One<'_> {
    fn run(&self, key: Option<Arc<SecretKey>>, out: Output) -> Result<Exit, CliError> {
        let args = self.options;
        if args.wait {
            return wait::run(self, key, out);
        }
        let at = now();
        let root = self.bundle.root()?;
        let bundle = self.bundle.authenticate_to_run(&root, at)?;
        self.check_same(bundle.release_id())?;
        let bundle = self.approved(bundle, false)?;
        let manifest = bundle.manifest();
        stage::warn(manifest, out);
        let given = self.given(manifest, Some(out))?;
        let mut variables = run_context::values(manifest, &given, !args.resume)?;
        let mut progress = Progress::new(out);
        let ordered = self.prepare(manifest, out, &progress)?;
        if args.resume {
            let order = ordered.order(&bundle, &variables).authentic();
            let recorded = resume::recorded_values(&order)
                .map_err(|error| ordered.or_interrupted(error.into()))?;
            let inherited = run_context::inherit_variables(&given, Some(&recorded));
            variables = run_context::values(manifest, &inherited, true)?;
        }
        let order = ContextToRun {
            receipts: Some(&args.receipts.receipts),
            ..ordered.order(&bundle, &variables)
        };
        if let Some(ended) = self.ended(order, at, &progress, out) {
            return ended;
        }
        let permission = self.permission(&bundle, &variables, at);
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
            && let Some(ended) = self.ended(order, at, &progress, out)
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
            authorized: ready.authorize(&permission.admission, permission.rehearsed.as_ref())?,
            schema,
        };
        self.begin(permitted, &mut prepared, &mut progress, Vec::new(), out)
    }

    /// Values of the command line and of settings; the latter are told.
    fn given(
        &self,
        manifest: &Manifest,
        out: Option<Output>,
    ) -> Result<BTreeMap<String, String>, CliError> {
        settings::current().add_variables(manifest, self.variables.clone(), out)
    }

    /// Values of all variables.
    fn values(
        &self,
        manifest: &Manifest,
        out: Option<Output>,
    ) -> Result<BTreeMap<String, String>, CliError> {
        let given = self.given(manifest, out)?;
        Ok(run_context::values(manifest, &given, true)?)
    }

    /// Prepares connection and signals.
    fn prepare(
        &self,
        manifest: &Manifest,
        out: Output,
        progress: &Progress,
    ) -> Result<DatabaseCommand, CliError> {
        let limits = (&self.options.limits, &manifest.limits);
        let writes = Command::writes("run", &self.options.receipts.receipts);
        // A partial run stays partial until the resumed run continues.
        let exit = if self.options.resume {
            Exit::Partial
        } else {
            Exit::Failed
        };
        let command = Command { exit, ..writes };
        let notifier = progress.notifier();
        let database = &self.options.database;
        let watched = self.several.as_ref().map(|several| several.stop);
        let ordered = match watched.and_then(OnceCell::get) {
            Some(stop) => DatabaseCommand::following(stop, database, limits, command, notifier),
            None => DatabaseCommand::prepare(database, limits, command, out, notifier),
        }?;
        if let Some(watched) = watched {
            watched.get_or_init(|| ordered.stop.clone());
        }
        Ok(ordered.retrying(self.options.retries.lock_retries))
    }

    /// Refuses a file that was replaced by another release since the command began.
    fn check_same(&self, found: ReleaseId) -> Result<(), CliError> {
        match &self.several {
            Some(several) => waiting::check_same(several.id, found, &self.bundle.file),
            None => Ok(()),
        }
    }

    /// Adds the approvals of `--approval` that are for this release.
    fn approved<'r>(
        &self,
        bundle: BundleToRun<'r>,
        may_be_empty: bool,
    ) -> Result<BundleToRun<'r>, CliError> {
        let others = self.several.as_ref().map(|several| &*several.others);
        let approvals = &self.options.approvals;
        approvals.add_those_for(bundle, others.unwrap_or_default(), may_be_empty)
    }

    /// Checks clock, policy, approvals and rehearsal.
    fn permission<'b>(
        &self,
        bundle: &'b BundleToRun<'_>,
        variables: &BTreeMap<String, String>,
        at: Timestamp,
    ) -> Result<Permission<'b>, Refused<'b>> {
        let rehearsal = self.options.rehearsed.rehearsal.as_deref();
        Permission::gather(
            bundle,
            variables,
            rehearsal,
            &self.options.receipts.receipts,
            at,
        )
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
            authorized,
            schema,
        } = permitted;
        if !self.options.resume {
            let locks = relative::planned(&order.authentic());
            if let Some(warning) = relative_locks::warning(&locks) {
                progress.notifier().warning(warning);
            }
        }
        let receipts = &self.options.receipts;
        receipts.warn(order.bundle.root(), &progress.notifier());
        let journal = prepared.journal()?;
        if let Some(definitions) = &schema {
            prepared.keep(When::Before, definitions)?;
        }
        let mut report = authorized.run(&prepared.run_id, journal, progress);
        order.stop.ended();
        progress.finish();
        report.receipt.waited = waited;
        self.options
            .schema
            .add(schema, &order.authentic(), prepared, &mut report, out);
        prepared.conclude(order.bundle, report, out)
    }
}
