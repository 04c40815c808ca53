//! `pgseal run FILE`

use super::args::{ApprovalArgs, BundleArgs, DatabaseArgs, LimitArgs, RetryArgs, now};
use super::database_command::DatabaseCommand;
use super::interrupt::Command;
use super::progress::Progress;
use super::recording::ReceiptArgs;
use super::rehearsal_proof::RehearsedArgs;
use super::schema_digests::SchemaDigestArgs;
use super::{CliError, Exit, Kind, Output, escape};
use super::{check, stage};
use crate::bundle::BundleToRun;
use crate::record::memory;
use crate::release::check::InEffect;
use crate::release::resume::Decision;
use crate::release::{RunContext, gate, rehearsal_proof, run_context};
use pgseal_verify::format::approval::APR_VARIABLE;
use pgseal_verify::format::receipt::Action;

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
    let at = now();
    let root = args.bundle.root()?;
    let bundle = args.bundle.authenticate_to_run(&root, at)?;
    let bundle = args.approvals.add_to(bundle, BundleToRun::with_approval)?;
    let manifest = bundle.manifest();
    stage::warn(manifest, out);
    let variables = run_context::values(manifest, &args.database.variables()?, true)?;
    memory::check_clock(&args.receipts.receipts, at)?;
    let mut progress = Progress::new(out);
    let limits = (&args.limits, &manifest.limits);
    let writes = Command::writes("run", &args.receipts.receipts);
    // A partial run stays partial until the resumed run continues.
    let exit = if args.resume {
        Exit::Partial
    } else {
        Exit::Failed
    };
    let command = Command { exit, ..writes };
    let prepare = || {
        let notifier = progress.notifier();
        DatabaseCommand::prepare(&args.database, limits, command.clone(), out, notifier)
    };
    let mut early = None;
    if args.if_needed {
        // A release in effect needs no approval any more, but a blocked one is reported.
        bundle.check_policy()?;
        let ordered = early.insert(prepare()?);
        let found = in_effect(&ordered.order(&bundle, &variables).authentic(), out);
        if let Some(exit) = found.map_err(|error| ordered.or_interrupted(error))? {
            return Ok(exit);
        }
    }
    let admission = bundle.authorize_run(variables.get(APR_VARIABLE).map(String::as_str))?;
    let named = args.rehearsed.rehearsal.as_deref();
    let receipts = &args.receipts.receipts;
    let rehearsed = rehearsal_proof::proof(named, &root, &bundle, &variables, receipts, at)?;
    let mut prepared = args.receipts.prepare(key, &root, manifest, Action::Run)?;
    let ordered = match early {
        Some(ordered) => ordered,
        None => prepare()?,
    };
    let ordered = ordered.retrying(args.retries.lock_retries);
    let order = ordered.order(&bundle, &variables);
    let ready = gate::pass(order, &mut progress).map_err(CliError::from);
    let ready = ready.and_then(|gated| {
        Ok(match args.resume {
            true => gated.resume(&admission, args.interrupted)?,
            false => gated.preflight(Some(&admission))?,
        })
    });
    if ready.is_err() && args.if_needed {
        // Another process may have run it since.
        match in_effect(&order.authentic(), out) {
            Ok(Some(exit)) => return Ok(exit),
            Err(differs) if differs.kind == Kind::CheckFailed => return Err(differs),
            _ => {}
        }
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
    let journal = prepared.journal()?;
    let report = ready.run(
        &admission,
        rehearsed.as_ref(),
        &prepared.run_id,
        journal,
        &mut progress,
    );
    ordered.stop.ended();
    progress.finish();
    let mut report = report?;
    args.schema
        .add(schema, &order.authentic(), &mut report, out);
    prepared.conclude(&bundle, report, out)
}

/// Reports the release if it is in effect; fails if its state does not hold.
fn in_effect(order: &RunContext<'_>, out: Output) -> Result<Option<Exit>, CliError> {
    let found = crate::release::check::in_effect(order).map_err(check::told)?;
    let Some(InEffect {
        entry,
        observed,
        mismatches,
    }) = found
    else {
        return Ok(None);
    };
    let title = format!("{} {}", entry.release, entry.version);
    let run = format!("run {} at {}, by {}", entry.run_id, entry.at, entry.role);
    if !mismatches.is_empty() {
        let list: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        let text = format!(
            "{title} is in effect ({run}), and the database is not in the state \"finalized\": {}",
            list.join("; ")
        );
        return Err(CliError::new(Kind::CheckFailed, text)
            .hint("nothing was changed; find out who changed these values, and why"));
    }
    out.document(&serde_json::json!({
        "outcome": "already-in-effect",
        "run_id": entry.run_id,
        "at": entry.at,
        "release": order.manifest().release,
        "release_id": order.bundle.release_id(),
        "state": observed,
    }));
    out.line(escape(&format!(
        "{title} is in effect already, and its state holds: {run}"
    )));
    Ok(Some(Exit::Done))
}
