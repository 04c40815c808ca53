//! What `run` would do here and whether it could: the same steps, up to the first that writes.

use std::collections::{BTreeMap, BTreeSet};

use super::event::Observer;
use super::failure::Failure;
use super::gate::{self, GateError};
use super::order::{Order, RunOrder};
use super::phases::{self, Numbered};
use super::preflight::{self, PreflightError};
use super::probe::Observed;
use super::run::ReadyRelease;
use super::special;
use crate::lint::modes::Lock;
use crate::lint::points::{self, Point};
use crate::lint::touches::{How, Touch, touches};
use pgseal_verify::format::manifest::{Manifest, Tier, Transaction};
use pgseal_verify::format::receipt::GateAnswer;
use psql_script::{Step, Then};

/// A plan.
pub struct Plan {
    /// Every answer of every gate; `None` when they could not be asked.
    pub gates: Option<Vec<GateAnswer>>,
    /// What the probe sees now, where it could be asked.
    pub now: Option<Observed>,
    /// The tiers and how many statements of each kind they have.
    pub tiers: Vec<PlannedTier>,
    /// What commits together, in order.
    pub phases: Vec<Phase>,
    /// The statements that commit alone, and what a rollback after each would do.
    pub points: Vec<Point>,
    /// What would stop the run, in the order in which it would be met; empty: it would run.
    pub obstacles: Vec<Obstacle>,
}

/// Tiers that commit together, or a tier whose statements commit one by one.
pub struct Phase {
    /// How they are committed.
    pub transaction: Transaction,
    /// Their names.
    pub tiers: Vec<String>,
}

/// A tier and its statements.
pub struct PlannedTier {
    /// The tier's name.
    pub name: String,
    /// What it does.
    pub about: String,
    /// Statements by kind.
    pub statements: BTreeMap<String, u64>,
    /// The objects that its statements name and do something to, on any way.
    pub objects: BTreeSet<Touch>,
    /// The locks that they take of relations that were there before, as far as their words tell.
    pub locks: BTreeSet<Lock>,
    /// Statements that may do more than their words say.
    pub hidden: u64,
    /// Acknowledged ways out of the database.
    pub dispatch: Vec<String>,
}

/// Something that would stop the run.
#[derive(Debug)]
pub enum Obstacle {
    /// Target, lock or gate.
    Gate(GateError),
    /// Ledger or state.
    Preflight(PreflightError),
    /// A script that can't be read with these variables.
    Script(Box<Failure>),
}

/// Plans. Read-only: the lock is taken, since `run` would take it, and given back with the session.
pub fn make(to_run: RunOrder<'_>, observer: &mut dyn Observer) -> Plan {
    let order = to_run.authentic();
    let (phases, points) = (phases(order.manifest()), points_of(&order));
    let mut plan = Plan { gates: None, now: None, tiers: Vec::new(), phases, points, obstacles: Vec::new() };
    let mut new = BTreeSet::new();
    for tier in &order.manifest().tiers {
        match planned(&order, tier, &mut new) {
            Ok(tier) => plan.tiers.push(tier),
            Err(failure) => plan.obstacles.push(Obstacle::Script(Box::new(failure))),
        }
    }
    match gate::pass(to_run, observer) {
        Ok(gated) => {
            plan.gates = Some(gated.answers().to_vec());
            match gated.preflight().as_ref().map(ReadyRelease::before) {
                Ok(before) => plan.now = before.cloned(),
                Err(_) => look_further(order, &mut plan),
            }
        }
        Err(GateError::Blocked(answers)) => {
            plan.gates = Some(answers.clone());
            plan.obstacles.push(Obstacle::Gate(GateError::Blocked(answers)));
            look_further(order, &mut plan);
        }
        Err(error) => plan.obstacles.push(Obstacle::Gate(error)),
    }
    plan
}

/// As the run goes through them, without the transactions that only begin and end it.
fn phases(manifest: &Manifest) -> Vec<Phase> {
    let names = |tiers: &[Numbered<'_>]| tiers.iter().map(|(_, tier)| tier.name.to_string()).collect();
    let phase = |phase| match phase {
        phases::Phase::Together(tiers) if tiers.is_empty() => None,
        phases::Phase::Together(tiers) => Some(Phase { transaction: Transaction::Release, tiers: names(&tiers) }),
        phases::Phase::Alone(tier) => Some(Phase { transaction: Transaction::None, tiers: names(&[tier]) }),
    };
    phases::phases(manifest).into_iter().filter_map(phase).collect()
}

/// Computed again from the scripts that were authenticated, with the values of this run.
fn points_of(order: &Order<'_>) -> Vec<Point> {
    let expected = special::expected(order.manifest());
    points::points(order.manifest(), &mut |file, visit| {
        // what can't be read is an obstacle
        let Ok(sql) = order.sql(file) else { return };
        sql.explore(order.variables, &expected, |way, step| {
            if let Ok((_, Step::Statement(statement))) = step {
                visit(way, statement);
            }
        });
    })
}

/// A closed gate, or a ledger that says no, still leaves the question what the state is.
fn look_further(order: Order<'_>, plan: &mut Plan) {
    let Ok((mut session, _)) = gate::open(&order, order.root().policy(), crate::database::Purpose::Read) else {
        return;
    };
    match preflight::run(session.as_mut(), &order) {
        Ok(now) => plan.now = Some(now),
        Err(error) => plan.obstacles.push(Obstacle::Preflight(error)),
    }
    if plan.now.is_none() {
        plan.now = preflight::before(&order).ok();
    }
}

/// The tier's statements by kind. Where conditions wait for answers of the run, every way is followed, and of each kind the
/// most that one way has are told. Nobody waits for a lock of what is `new`, made by this run.
fn planned(order: &Order<'_>, tier: &Tier, new: &mut BTreeSet<String>) -> Result<PlannedTier, Failure> {
    let sql = order.sql(&tier.file).map_err(Failure::plain)?;
    let mut planned = PlannedTier {
        name: tier.name.to_string(),
        about: tier.about.clone(),
        statements: BTreeMap::new(),
        objects: BTreeSet::new(),
        locks: BTreeSet::new(),
        hidden: 0,
        dispatch: tier.dispatch.clone(),
    };
    let mut on_this_way: BTreeMap<String, u64> = BTreeMap::new();
    let (mut last_way, mut hidden) = (1, 0);
    let mut failure = None;
    sql.explore(order.variables, &special::expected(order.manifest()), |way, step| {
        if way != last_way {
            most_of_each(&mut planned.statements, std::mem::take(&mut on_this_way));
            planned.hidden = planned.hidden.max(std::mem::take(&mut hidden));
            last_way = way;
        }
        match step {
            Ok((_, Step::Statement(statement))) => {
                *on_this_way.entry(statement.inspect().verb).or_default() += 1;
                let touches = touches(&statement.sql, &order.manifest().target.search_path);
                hidden += u64::from(touches.hidden || statement.then == Then::Execute);
                let made = touches.objects.iter().filter(|touch| touch.how == How::Creates);
                new.extend(made.map(|touch| touch.name.clone()));
                planned.objects.extend(touches.objects);
                planned.locks.extend(touches.locks.into_iter().filter(|lock| !new.contains(&lock.relation)));
            }
            Ok(_) => {}
            Err(error) => failure = failure.take().or_else(|| Some(Failure::script(&error))),
        }
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    most_of_each(&mut planned.statements, on_this_way);
    planned.hidden = planned.hidden.max(hidden);
    // Of each relation the strongest: whoever waits for that one waits for all.
    let strongest = |lock: &Lock| !planned.locks.iter().any(|b| b.relation == lock.relation && b.mode > lock.mode);
    planned.locks = planned.locks.iter().filter(|lock| strongest(lock)).cloned().collect();
    Ok(planned)
}

fn most_of_each(all: &mut BTreeMap<String, u64>, one: BTreeMap<String, u64>) {
    for (verb, count) in one {
        let known = all.entry(verb).or_default();
        *known = count.max(*known);
    }
}
