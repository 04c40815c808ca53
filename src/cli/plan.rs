//! `pgseal plan FILE`

use std::path::PathBuf;

use super::acknowledged;
use super::args::{ApprovalArgs, BundleArgs, DatabaseArgs, LimitArgs, now};
use super::error::{self, CliError};
use super::exit::Exit;
use super::gate;
use super::interrupt::Command;
use super::ordered::Ordered;
use super::output::{Output, Paint, escape};
use super::perform::admit;

use super::points;
use super::progress::Beside;
use super::stage;
use super::table;
use crate::format::expectation::Expectation;
use crate::format::manifest::{Manifest, Transaction};
use crate::record::memory;
use crate::release::event::Silent;
use crate::release::order;
use crate::release::plan::{self, Obstacle, Plan};
use crate::trust::When;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    approvals: ApprovalArgs,
    /// Where the journals are
    #[arg(long, value_name = "DIR", default_value = "pgseal-receipts")]
    receipts: PathBuf,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let at = now();
    let (root, bundle) = args.bundle.authenticate(When::At(at))?;
    let bundle = args.approvals.add_to(bundle, &root)?;
    let manifest = bundle.manifest();
    let variables = order::values(manifest, &args.database.variables()?, true)?;
    let clock = memory::check_clock(&args.receipts, at).map_err(CliError::from);
    let admitted = admit(&root, &bundle, &variables, at).map_err(CliError::from);
    let limits = (&args.limits, &manifest.limits);
    let ordered = Ordered::prepare(&args.database, limits, Command::reads("plan"), out, Beside::plain(out))?;
    let order = ordered.order(&bundle, &root, &variables);
    let mut plan = plan::make(order, &mut Silent);
    if ordered.stop.is_requested() {
        return Err(ordered.command.interrupted());
    }
    let met = std::mem::take(&mut plan.obstacles).into_iter().map(obstacle);
    let obstacles: Vec<CliError> = clock.err().into_iter().chain(admitted.err()).chain(met).collect();
    out.document(&document(manifest, &plan, &obstacles));
    show(manifest, &plan, &obstacles, out);
    // The first obstacle is the one that `run` would end with.
    Ok(obstacles.first().map_or(Exit::Done, |first| first.exit))
}

/// As `run` would end with it.
pub fn obstacle(obstacle: Obstacle) -> CliError {
    match obstacle {
        Obstacle::Gate(error) => CliError::from(error),
        Obstacle::Preflight(error) => CliError::from(error),
        Obstacle::Script(failure) => error::failure(Exit::Failed, "", &failure),
    }
}

fn document(manifest: &Manifest, plan: &Plan, obstacles: &[CliError]) -> serde_json::Value {
    let gate = plan.gates.as_ref().map(|gates| gate::document(gates, gates.iter().all(|gate| gate.ready)));
    serde_json::json!({
        "would_run": obstacles.is_empty(),
        "obstacles": obstacles.iter()
            .map(|error| serde_json::json!({ "exit": error.exit.code(), "message": error.lines.join("\n") }))
            .collect::<Vec<_>>(),
        "gate": gate,
        "now": plan.now,
        "tiers": plan.tiers.iter()
            .map(|tier| serde_json::json!({
                "name": tier.name, "about": tier.about, "statements": tier.statements, "dispatch": tier.dispatch,
            }))
            .collect::<Vec<_>>(),
        "phases": plan.phases.iter()
            .map(|phase| serde_json::json!({ "transaction": phase.transaction, "tiers": phase.tiers }))
            .collect::<Vec<_>>(),
        "points": points::document(&plan.points),
        "acknowledged": manifest.acknowledged,
        "stage": stage::document(manifest),
    })
}

fn show(manifest: &Manifest, plan: &Plan, obstacles: &[CliError], out: Output) {
    match &plan.gates {
        Some(gates) => gate::show(gates, out),
        None => out.line("the gates were not asked"),
    }
    for (at, tier) in plan.tiers.iter().enumerate() {
        let kinds: Vec<String> = tier.statements.iter().map(|(verb, count)| format!("{count} {verb}")).collect();
        out.line(format!("{}/{} {}: {}", at + 1, plan.tiers.len(), tier.name, escape(&tier.about)));
        out.line(format!("    {}", escape(&kinds.join(", "))));
        for way in &tier.dispatch {
            out.line(format!("    reaches out of the database by {}", escape(way)));
        }
    }
    phases(plan, out);
    points::show_with_evidence(&plan.points, out);
    acknowledged::show(manifest, out);
    stage::show(manifest, out);
    if let Some(now) = &plan.now {
        let states = &manifest.states;
        let expected = |expected: Option<&Expectation>| expected.map(ToString::to_string).unwrap_or_default();
        let mut columns: Vec<&String> =
            states.baseline.expect.keys().chain(states.finalized.expect.keys()).chain(now.keys()).collect();
        columns.sort();
        columns.dedup();
        let rows = columns.into_iter().map(|column| {
            let value = now.get(column).map(|value| value.as_deref().unwrap_or("NULL")).unwrap_or_default();
            let (before, after) = (states.baseline.expect.get(column), states.finalized.expect.get(column));
            vec![column.clone(), value.to_owned(), expected(before), expected(after)]
        });
        out.line(table::render(&["", "now", "baseline", "finalized"], rows.collect()));
    }
    if obstacles.is_empty() {
        out.line(format!("{} here", out.paint(Paint::Good, "it would run")));
    }
    for obstacle in obstacles {
        out.line(format!("{}: {}", out.paint(Paint::Bad, "it would not run"), obstacle.lines.join("\n")));
    }
}

/// Where a run can stop; a release of one transaction can't.
fn phases(plan: &Plan, out: Output) {
    if plan.phases.iter().all(|phase| phase.transaction == Transaction::Release) {
        return;
    }
    for (at, phase) in plan.phases.iter().enumerate() {
        let how = match phase.transaction {
            Transaction::Release => "one transaction",
            Transaction::None => "statement by statement, each committed alone",
        };
        out.line(format!("phase {}/{}: {how}: {}", at + 1, plan.phases.len(), phase.tiers.join(", ")));
    }
    if plan.phases.last().is_some_and(|phase| phase.transaction == Transaction::None) {
        out.line("    then one transaction that checks the finalized state");
    }
}
