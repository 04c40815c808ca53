//! A dry run: the steps of `run` up to the first that writes, with everything that would stop it.

use std::collections::{BTreeMap, BTreeSet};

use super::event::Observer;
use super::failure::Failure;
use super::phases::{self, NumberedTier};
use super::probe::Observed;
use super::relative::PlannedLocks;
use super::run_context::{ContextToRun, RunContext};
use super::server_variables;
use super::survey::{Obstacle, survey};
use crate::bundle::Admission;
use crate::lint::modes::Lock;
use crate::lint::points::{self, Point};
use crate::lint::touches::{How, Touch, touches};
use pgseal_verify::format::manifest::{Manifest, Tier, Transaction};
use pgseal_verify::format::receipt::GateAnswer;
use psql_script::{Step, Then};

/// A plan.
pub struct Plan {
    /// All answers of the gates; `None` if they could not be queried.
    pub gates: Option<Vec<GateAnswer>>,
    /// Current result of the probe, if it could be queried.
    pub now: Option<Observed>,
    /// The tiers with their number of statements by kind.
    pub tiers: Vec<PlannedTier>,
    /// Phases in order: each commits together, or statement by statement.
    pub phases: Vec<Phase>,
    /// Statements that commit alone, and the effect of a rollback after each.
    pub points: Vec<Point>,
    /// Locks of relative values.
    pub relative: PlannedLocks,
    /// Obstacles in the order of the run; if empty, the release would run.
    pub obstacles: Vec<Obstacle>,
}

/// Tiers that commit together, or a non-transactional tier.
pub struct Phase {
    /// How the tiers commit.
    pub transaction: Transaction,
    /// Names of the tiers.
    pub tiers: Vec<String>,
}

/// A tier and its statements.
pub struct PlannedTier {
    pub name: String,
    /// Purpose of the tier, from the manifest.
    pub about: String,
    /// Number of statements by kind.
    pub statements: BTreeMap<String, u64>,
    /// Objects that the statements name and affect, on any path through the script.
    pub objects: BTreeSet<Touch>,
    /// Locks that the statements take on relations older than the run, as far as their text shows.
    pub locks: BTreeSet<Lock>,
    /// Number of statements with effects beyond their text.
    pub hidden: u64,
    /// External effects that the manifest acknowledges.
    pub dispatch: Vec<String>,
}

/// Makes a plan without writing. Without an admission, the runs left of the approvals are not
/// checked.
pub fn make(
    to_run: ContextToRun<'_>,
    admission: Option<&Admission<'_>>,
    observer: &mut dyn Observer,
) -> Plan {
    let order = to_run.authentic();
    let (phases, points) = (phases(order.manifest()), points_of(&order));
    let mut plan = Plan {
        gates: None,
        now: None,
        tiers: Vec::new(),
        phases,
        points,
        relative: PlannedLocks::default(),
        obstacles: Vec::new(),
    };
    let mut new = BTreeSet::new();
    for tier in &order.manifest().tiers {
        match planned(&order, tier, &mut new) {
            Ok(tier) => plan.tiers.push(tier),
            Err(failure) => plan.obstacles.push(Obstacle::Script(Box::new(failure))),
        }
    }
    let survey = survey(to_run, admission, observer);
    (plan.gates, plan.now, plan.relative) = (survey.gates, survey.now, survey.relative);
    plan.obstacles.extend(survey.obstacles);
    plan
}

/// Phases in the order of the run, without the empty transactions at its begin and end.
fn phases(manifest: &Manifest) -> Vec<Phase> {
    let planned = |phase: phases::Phase<NumberedTier<'_>>| {
        let names = phase.tiers().iter().map(|(_, tier)| tier.name.to_string());
        Some(Phase {
            transaction: phase.tiers().first()?.1.transaction,
            tiers: names.collect(),
        })
    };
    let phases = phases::phases(manifest);
    phases.into_iter().filter_map(planned).collect()
}

/// Recomputed from the authenticated scripts, with the values of this run.
fn points_of(order: &RunContext<'_>) -> Vec<Point> {
    // `planned` reports an unreadable script as an obstacle.
    points::points(order.manifest(), &mut order.walk())
}

/// Counts a tier's statements by kind.
///
/// If conditions depend on query results, every path is followed, and each kind counts the maximum
/// of all paths. Objects in `new` were made by this run: their locks block no other session.
fn planned(
    order: &RunContext<'_>,
    tier: &Tier,
    new: &mut BTreeSet<String>,
) -> Result<PlannedTier, Failure> {
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
    sql.explore(
        order.variables,
        &server_variables::expected(order.manifest()),
        |way, step| {
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
                    let made = touches
                        .objects
                        .iter()
                        .filter(|touch| touch.how == How::Creates);
                    new.extend(made.map(|touch| touch.name.clone()));
                    planned.objects.extend(touches.objects);
                    planned.locks.extend(
                        touches
                            .locks
                            .into_iter()
                            .filter(|lock| !new.contains(&lock.relation)),
                    );
                }
                Ok(_) => {}
                Err(error) => failure = failure.take().or_else(|| Some(Failure::script(&error))),
            }
        },
    );
    if let Some(failure) = failure {
        return Err(failure);
    }
    most_of_each(&mut planned.statements, on_this_way);
    planned.hidden = planned.hidden.max(hidden);
    // Only the strongest lock of each relation: waiting for it includes waiting for the weaker
    // ones.
    let strongest = |lock: &Lock| {
        !planned
            .locks
            .iter()
            .any(|b| b.relation == lock.relation && b.mode > lock.mode)
    };
    planned.locks = planned
        .locks
        .iter()
        .filter(|lock| strongest(lock))
        .cloned()
        .collect();
    Ok(planned)
}

fn most_of_each(all: &mut BTreeMap<String, u64>, one: BTreeMap<String, u64>) {
    for (verb, count) in one {
        let known = all.entry(verb).or_default();
        *known = count.max(*known);
    }
}
