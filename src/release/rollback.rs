//! Rolls a release back to baseline, all or nothing. Gates are not queried: a rollback waits for no
//! approval.

use std::collections::BTreeMap;

use super::dependencies::{self, Unmet};
use super::event::Observer;
use super::executor::{self, ExecutionPlan, NamedScript, RunKind, Start};
use super::gate::{self, OpenError};
use super::lock::{self, LockError};
use super::phases::Phase;
use super::preflight;
use super::question::Within;
use super::report::Report;
use super::restored::StartOfRun;
use super::resume::UnfinishedRun;
use super::run_context::{MissingScript, RunContext, inherit_variables};
use super::target;
use crate::database::{DatabaseError, Purpose, Session};
use crate::record::journal::Journal;
use crate::record::ledger::{self, Entry};
use pgseal_verify::format::manifest::RollbackScript;
use pgseal_verify::format::receipt::ObservedTarget;
use pgseal_verify::format::trust_document::Policy;

/// The ledger's answer about a rollback.
pub enum Found<'b> {
    /// The release is in effect or unfinished; holds the rollback to run.
    Applied(Box<AppliedRelease<'b>>),
    /// The release is not in effect: there is nothing to undo.
    Nothing(ObservedTarget),
}

/// A release in effect, or an unfinished one, on a locked session.
pub struct AppliedRelease<'b> {
    order: RunContext<'b>,
    session: Box<dyn Session>,
    target: ObservedTarget,
    variables: BTreeMap<String, String>,
    run_id: String,
    /// Requirements of other releases that the rollback leaves unmet.
    dependents: Vec<Unmet>,
    /// The unfinished run, if the release is not in effect.
    unfinished: Option<UnfinishedRun>,
}

/// Reasons for a rollback not to begin. The database is untouched.
#[derive(Debug)]
pub enum RollbackError {
    /// No session to the right target.
    Open(OpenError),
    /// Another pgseal process holds the lock.
    Lock(LockError),
    /// The ledger cannot be read.
    Ledger(DatabaseError),
    /// Another release of this name is in effect; its own bundle undoes it.
    OtherApplied(Box<Entry>),
}

/// Connects, compares the target, takes the lock and reads the ledger.
pub fn find<'b>(
    order: RunContext<'b>,
    observer: &mut dyn Observer,
) -> Result<Found<'b>, RollbackError> {
    // The policy's list of targets applies to runs only, not to rollbacks.
    let opened = gate::open(&order, &Policy::default(), Purpose::Write);
    let (mut session, target) = opened.map_err(RollbackError::Open)?;
    target::check_primary(session.as_ref())
        .map_err(|error| RollbackError::Open(OpenError::Target(error)))?;
    lock::take(session.as_mut(), order.stop, observer).map_err(RollbackError::Lock)?;
    let all = ledger::entries(session.as_mut()).map_err(RollbackError::Ledger)?;
    let name = order.manifest().release.name.as_str();
    let rows = all.iter().filter(|row| row.release == name);
    let id = order.bundle.release_id().to_string();
    match ledger::standing(rows).last() {
        Some(top) if top.release_id == id => {
            let variables = inherit_variables(order.variables, Some(&top.variables));
            let unfinished = match top.finished {
                true => None,
                false => {
                    let steps = ledger::steps_of(session.as_mut(), &top.run_id)
                        .map_err(RollbackError::Ledger)?;
                    Some(UnfinishedRun {
                        entry: (*top).clone(),
                        steps,
                        decision: None,
                    })
                }
            };
            Ok(Found::Applied(Box::new(AppliedRelease {
                order,
                session,
                target,
                variables,
                run_id: top.run_id.clone(),
                dependents: dependencies::unmet_without(&all, top),
                unfinished,
            })))
        }
        // Rolled back before: the release below it is in effect again, and there is nothing left to
        // undo.
        Some(top) if top.finished && top.sequence < order.manifest().release.sequence => {
            Ok(Found::Nothing(target))
        }
        Some(top) => Err(RollbackError::OtherApplied(Box::new((*top).clone()))),
        None => Ok(Found::Nothing(target)),
    }
}

impl AppliedRelease<'_> {
    /// The run that is in effect or unfinished.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Requirements of other releases that the rollback leaves unmet. They do not stop it.
    // docs/decisions/082
    pub fn dependents(&self) -> &[Unmet] {
        &self.dependents
    }

    /// Runs the rollback scripts in one transaction, which must end in the rolled-back state. Its
    /// definitions are compared with those at the start of the run, if they are known.
    pub fn rollback(
        self,
        run_id: &str,
        start_of_run: Option<&StartOfRun>,
        journal: Journal,
        observer: &mut dyn Observer,
    ) -> Result<Report, MissingScript> {
        let order = RunContext {
            variables: &self.variables,
            ..self.order
        };
        let manifest = order.manifest();
        // The earlier state is recorded if it can be read; a database in neither state can still be
        // rolled back. For the same reason any role may read it: a rollback does not wait until a
        // gate role is created.
        let asking = gate::open(&order, &Policy::default(), Purpose::Ask).ok();
        let before = asking.and_then(|(mut session, _)| {
            preflight::seen(
                session.as_mut(),
                &order,
                &manifest.states.finalized,
                Within::OwnTransaction,
            )
            .ok()
        });
        let script = |(at, script): (usize, &RollbackScript)| {
            Ok(NamedScript {
                number: at + 1,
                name: script.file.to_string(),
                sql: order.sql(&script.file)?,
            })
        };
        let scripts = manifest
            .rollback
            .iter()
            .enumerate()
            .map(script)
            .collect::<Result<_, MissingScript>>()?;
        let work = ExecutionPlan {
            kind: RunKind::Rollback(self.unfinished),
            phases: vec![Phase::Transactional(scripts)],
            approvals: &[],
            start_of_run,
            stop_behind: None,
        };
        let start = Start {
            target: self.target,
            gates: Vec::new(),
            before,
        };
        Ok(executor::execute(
            order,
            self.session,
            start,
            work,
            run_id,
            journal,
            observer,
        ))
    }
}
