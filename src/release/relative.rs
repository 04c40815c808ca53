//! Values at the start of a run or rollback, for the columns that are compared with them.
//!
//! At READ COMMITTED the probe before COMMIT also sees rows that others committed meanwhile. So the
//! tables of these columns, and of no others, are locked against writers before the first probe.

// docs/decisions/076

mod planned;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::failure::{Cause, Context as _, Failure};
use super::probe::{self, Observed};
use super::question::{self, QuestionError, Within};
use super::retry::jittered;
use super::run_context::RunContext;
use crate::database::Session;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::{Manifest, State};
use pgseal_verify::format::receipt::Action;
pub use planned::{PlannedLocks, planned};

/// Milliseconds that one attempt waits for all locks together. A writer that waits for this session
/// while this session waits for it must not be ended as the victim of a deadlock: the server looks
/// for one after `deadlock_timeout`, one second by default.
const ATTEMPT: u32 = 400;

/// Milliseconds that all tables and partitions together may take longer than one.
const MARGIN: u32 = 50;

/// Milliseconds between attempts, before [`jittered`]: writers go on meanwhile.
const PAUSE: u32 = 200;

/// Columns of a probe that are compared, and the tables that they read.
struct Compared<'a> {
    probe: &'a EntryPath,
    columns: Vec<&'a str>,
    relations: BTreeSet<u32>,
}

/// Reason why the relative columns cannot be compared.
enum Unmet {
    /// The role may not lock a table, or nobody can.
    Denied(Failure),
    Other(Failure),
}

impl From<Failure> for Unmet {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl From<Unmet> for Failure {
    fn from(unmet: Unmet) -> Self {
        match unmet {
            Unmet::Denied(failure) | Unmet::Other(failure) => failure,
        }
    }
}

/// Finds the relative columns of a state and the tables to lock for them.
///
/// A column of a run is that of the baseline's probe where this has it, because the probe of the
/// finalized state may name objects that do not exist yet.
fn gather<'a>(
    session: &mut dyn Session,
    order: &RunContext<'a>,
    action: Action,
    state: &'a State,
    within: Within,
) -> Result<(Vec<Compared<'a>>, Locks), Unmet> {
    let mut columns: BTreeSet<&str> = state.relative().collect();
    let (mut compared, mut locks) = (Vec::new(), Locks::default());
    for probe in probes(order.manifest(), action, state) {
        if columns.is_empty() {
            break;
        }
        let sql = order.sql(probe).map_err(Failure::from)?;
        let known = probe::relations(session, sql, order, within)?;
        let mut of_probe = Compared {
            probe,
            columns: Vec::new(),
            relations: BTreeSet::new(),
        };
        for column in &columns {
            let Some(relations) = known.of_column(column) else {
                continue;
            };
            locks.add(session, probe, column, relations)?;
            of_probe.columns.push(*column);
            of_probe.relations.extend(relations);
        }
        columns.retain(|column| !of_probe.columns.contains(column));
        compared.push(of_probe);
    }
    if let Some(column) = columns.first() {
        let why = format!("the probe has no column {column}, whose value is compared");
        return Err(Failure::plain(why).at(&state.probe).into());
    }
    Ok((compared, locks))
}

/// Asks for the values at the start, in the transaction that will be compared with them. Empty if
/// the state has no relative columns.
pub(super) fn at_start(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    action: Action,
    state: &State,
    within: Within,
) -> Result<Observed, Failure> {
    let (compared, locks) = gather(session, order, action, state, within)?;
    locks.take(session, order)?;
    let mut start = Observed::new();
    for of_probe in &compared {
        of_probe.ask(session, order, within, &mut start)?;
    }
    Ok(start)
}

/// The probes that may have the columns at the start.
fn probes<'m>(
    manifest: &'m Manifest,
    action: Action,
    state: &'m State,
) -> impl Iterator<Item = &'m EntryPath> {
    let baseline = Some(&manifest.states.baseline.probe);
    let baseline = baseline.filter(|path| action == Action::Run && **path != state.probe);
    baseline.into_iter().chain([&state.probe])
}

impl Compared<'_> {
    /// Asks the probe, whose tables are locked.
    fn ask(
        &self,
        session: &mut dyn Session,
        order: &RunContext<'_>,
        within: Within,
        start: &mut Observed,
    ) -> Result<(), Failure> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let sql = order.sql(self.probe)?;
        // Names can mean other tables by now.
        let now = probe::relations(session, sql, order, within)?;
        let is_locked = |column: &&&str| {
            let relations = now.of_column(column);
            relations.is_some_and(|now| now.is_subset(&self.relations))
        };
        if let Some(column) = self.columns.iter().find(|column| !is_locked(column)) {
            let why = format!("the tables of column {column} changed meanwhile; try again");
            return Err(Failure::plain(why).at(self.probe));
        }
        let mut row = probe::ask(session, sql, order, within)?.row;
        start.extend(
            self.columns
                .iter()
                .filter_map(|column| row.remove_entry(*column)),
        );
        Ok(())
    }
}

/// Tables to lock against writers.
#[derive(Default)]
struct Locks {
    relations: BTreeSet<u32>,
    names: Vec<String>,
}

impl Locks {
    fn add(
        &mut self,
        session: &mut dyn Session,
        probe: &EntryPath,
        column: &str,
        relations: &BTreeSet<u32>,
    ) -> Result<(), Unmet> {
        match question::lockable(session, relations).map_err(failed)? {
            Ok(names) => {
                let new = names.into_iter().filter(|name| !self.names.contains(name));
                let new: Vec<String> = new.collect();
                self.names.extend(new);
                self.relations.extend(relations);
                Ok(())
            }
            Err(name) => {
                let why = format!(
                    "column {column} is compared with its value at the start, but this role cannot keep others from writing to {name} meanwhile"
                );
                let hint = "Grant it UPDATE on the table, or write bounds in the place of the relative value; catalogs, sequences and materialized views cannot be locked";
                Err(Unmet::Denied(Failure::plain(why).at(probe).hint(hint)))
            }
        }
    }

    /// The tables in the order of all runs.
    fn sorted(mut self) -> Vec<String> {
        self.names.sort();
        self.names
    }

    /// Takes all locks, or none for long: an attempt that lasts gives back what it has, so that
    /// writers go on.
    fn take(mut self, session: &mut dyn Session, order: &RunContext<'_>) -> Result<(), Failure> {
        if self.names.is_empty() {
            return Ok(());
        }
        // One order for all runs.
        self.names.sort();
        let limit = order.limits.lock_timeout.milliseconds();
        let statement = order.limits.statement_timeout.milliseconds();
        // The limit of a lock counts for each table and each partition, that of the statement for all.
        let each = ATTEMPT.min(limit).max(1);
        let all = each + MARGIN;
        let (begun, seed) = (Instant::now(), session.process().to_string());
        let mut attempt = 0;
        loop {
            let begin = format!(
                "SAVEPOINT pgseal_relative; SET LOCAL lock_timeout = {each}; SET LOCAL statement_timeout = {all}"
            );
            session
                .batch(&begin)
                .context("cannot lock the tables of relative values")?;
            let sent = Instant::now();
            let locked = question::lock_against_writers(session, &self.names);
            let failure = match locked {
                Ok(()) => {
                    let end = format!(
                        "RELEASE SAVEPOINT pgseal_relative; SET LOCAL lock_timeout = {limit}; SET LOCAL statement_timeout = {statement}"
                    );
                    let set = session.batch(&end);
                    set.context("cannot set the time limits again")?;
                    return question::check_locked(session, &self.relations).map_err(failed);
                }
                Err(error) => failed(error.into()),
            };
            order.stop.check()?;
            let waited = begun.elapsed() >= Duration::from_millis(limit.into());
            let cause = match failure.cause {
                // The limit of the statement, because partitions are locked one by one. Before the
                // limit it was a person.
                Cause::Cancelled if sent.elapsed() >= Duration::from_millis(all.into()) => {
                    Cause::LockNotAvailable
                }
                cause => cause,
            };
            if cause != Cause::LockNotAvailable || waited {
                return Err(Failure { cause, ..failure });
            }
            let undo = "ROLLBACK TO SAVEPOINT pgseal_relative; RELEASE SAVEPOINT pgseal_relative";
            session.batch(undo).context("cannot give back the locks")?;
            order.stop.pause(jittered(PAUSE, &seed, attempt))?;
            attempt += 1;
        }
    }
}

fn failed(error: QuestionError) -> Failure {
    match error {
        QuestionError::Database(error) => {
            Failure::database("cannot lock the tables of relative values", &error)
        }
        error => Failure::plain(error),
    }
}
