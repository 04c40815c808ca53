//! `pgseal plan FILE`

mod show;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::approvals;
use super::args::{ApprovalArgs, BundleArgs, DatabaseArgs, LimitArgs, now};
use super::clone::OnCloneArgs;
use super::database_command::DatabaseCommand;
use super::evidence::{self, About, EvidenceArgs};
use super::gate;
use super::interrupt::Command;
use super::measured::{self, Rehearsed};
use super::missing::{self, Permission};
use super::points;
use super::progress::Notifier;
use super::relative_locks;
use super::settings;
use super::stage;
use super::{CliError, Exit, Output};
use crate::bundle::BundleToRun;
use crate::record::receipt_key;
use crate::release::event::Silent;
use crate::release::indexes;
use crate::release::plan::{self, Plan};
use crate::release::run_context::{self, ContextToRun};
use crate::trust::JudgedAt;
use crate::trust::policy::{self, Tally};

use pgseal_verify::format::approval::APR_VARIABLE;
use pgseal_verify::format::evidence::AnswerKind;
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::name::AprCode;
use pgseal_verify::format::receipt::{Action, GateAnswer};

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
    /// Directory of the journals
    #[arg(long, value_name = "DIR", default_value_os_t = settings::receipts())]
    receipts: PathBuf,
    /// A rehearsal of this release: *.rehearsal.json [default: the latest among the receipts]
    #[arg(long, value_name = "FILE")]
    rehearsal: Option<PathBuf>,
    #[command(flatten)]
    evidence: EvidenceArgs,
}

/// Answer printed along with the plan.
struct Answer<'a> {
    obstacles: &'a [CliError],
    /// Approvals required by the trust root, counted for this run's code.
    approvals: Vec<(Option<AprCode>, Vec<Tally>)>,
    rehearsed: Option<&'a Rehearsed>,
    /// Values of the variables.
    values: &'a BTreeMap<String, String>,
    /// Table of each index.
    tables: &'a BTreeMap<String, String>,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let witness = args.evidence.open(AnswerKind::Plan, &args.receipts)?;
    let at = now();
    let root = args.bundle.root()?;
    witness.check(&root)?;
    let bundle = args.bundle.authenticate_to_run(&root, at)?;
    let about = (&root, bundle.release_id());
    let with = BundleToRun::with_approval;
    let bundle = args.approvals.add_to(bundle, about, with)?;
    let manifest = bundle.manifest();
    let has_key = settings::current()
        .option(settings::Name::ReceiptKey)
        .is_some();
    if !has_key && let Err(why) = receipt_key::check_run(&root, manifest, None, Action::Run) {
        out.note(format!("a run needs --receipt-key: {why}"));
    }
    let variables = run_context::values(manifest, &args.database.variables(manifest, out)?, true)?;
    let code = variables.get(APR_VARIABLE).map(String::as_str);
    let named = args.rehearsal.as_deref();
    let receipts = &args.receipts;
    let when = JudgedAt::At(at);
    let rehearsed = measured::find(named, receipts, (&root, &bundle), &variables, when, out)?;
    let permission = Permission::gather(&bundle, &variables, named, receipts, at);
    let limits = (&args.limits, &manifest.limits);
    let (command, notifier) = (Command::reads("plan"), Notifier::plain(out));
    let ordered = DatabaseCommand::prepare(&args.database, limits, command, out, notifier)?;
    let ordered = ordered.on_clone(&args.on_clone, &root)?;
    let order = ContextToRun {
        receipts: Some(receipts),
        ..ordered.order(&bundle, &variables)
    };
    let mut plan = plan::make(order, missing::admission(&permission), &mut Silent);
    if ordered.stop.is_requested() {
        return Err(ordered.command.interrupted());
    }
    let tables = match &rehearsed {
        Some(rehearsed) => indexes::tables(&order.authentic(), rehearsed.relations()),
        None => BTreeMap::new(),
    };
    let tallies = match missing::too_few_here(&plan.obstacles) {
        Some((tallies, _)) => tallies.to_vec(),
        None => policy::tally(&root, bundle.approvals(), code, when),
    };
    let refused = permission.err().map(|refused| refused.errors);
    let mut obstacles = refused.unwrap_or_default();
    obstacles.extend(plan.obstacles.drain(..).map(missing::obstacle));
    let approvals = match tallies.is_empty() {
        true => Vec::new(),
        false => vec![(code.and_then(|code| code.parse().ok()), tallies)],
    };
    let answer = Answer {
        obstacles: &obstacles,
        approvals,
        rehearsed: rehearsed.as_ref(),
        values: &variables,
        tables: &tables,
    };
    let document = document(manifest, &plan, &answer);
    out.document(&document);
    show::show(manifest, &plan, &answer, out);
    let (id, target) = (
        bundle.release_id().digest(),
        witness.observe(&ordered.connect),
    );
    let about = About::release(evidence::trust(&root), &manifest.release, id, target);
    // The first obstacle is the one that `run` would end with.
    let ended = Ok(obstacles.first().map_or(Exit::Done, |first| first.exit));
    witness.conclude(Some(about), document, ended, out)
}

fn document(manifest: &Manifest, plan: &Plan, answer: &Answer<'_>) -> serde_json::Value {
    let all_ready = |gates: &Vec<GateAnswer>| gates.iter().all(|gate| gate.ready);
    let gate = plan.gates.as_ref();
    let gate = gate.map(|gates| gate::document(gates, all_ready(gates)));
    serde_json::json!({
        "would_run": answer.obstacles.is_empty(),
        "obstacles": answer.obstacles.iter().map(missing::document).collect::<Vec<_>>(),
        "gate": gate,
        "approvals": approvals::quorum(answer.approvals.first().map(|(_, of)| of.as_slice()).unwrap_or_default()),
        "now": plan.now,
        "expected": { "baseline": manifest.states.baseline.expect, "finalized": manifest.states.finalized.expect },
        "tiers": plan.tiers.iter()
            .map(|tier| serde_json::json!({
                "name": tier.name, "about": tier.about, "statements": tier.statements, "dispatch": tier.dispatch,
                "objects": tier.objects, "locks": tier.locks, "hidden": tier.hidden,
            }))
            .collect::<Vec<_>>(),
        "phases": plan.phases.iter()
            .map(|phase| serde_json::json!({ "transaction": phase.transaction, "tiers": phase.tiers }))
            .collect::<Vec<_>>(),
        "points": points::document(&plan.points),
        "relative_locks": relative_locks::document(&plan.relative),
        "acknowledged": manifest.acknowledged,
        "stage": stage::document(manifest),
        "rehearsal": answer.rehearsed.map(|rehearsed| rehearsed.document(manifest, answer.values)),
    })
}
