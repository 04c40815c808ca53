//! Reports the state of ledger and journals: releases in effect, and the outcome of abandoned runs.

use std::io;
use std::path::{Path, PathBuf};

use super::lock;
use super::resolve::{self, Resolution};
use crate::database::{Connect, DatabaseError, Purpose};
use crate::record::journal::{self, JournalStep, Line};
use crate::record::ledger::{self, Entry, Step};
use crate::record::receipt;
use pgseal_verify::format::receipt::{ObservedTarget, Outcome};
use pgseal_verify::format::timestamp::Timestamp;

/// The reported state.
pub struct Status {
    pub target: ObservedTarget,
    /// The ledger, oldest first.
    pub ledger: Vec<Entry>,
    /// The unfinished run and its recorded steps.
    pub stopped: Option<(Entry, Vec<Step>)>,
    /// The holder of the lock, if a run or a plan is in progress.
    pub holder: Option<String>,
    /// Journals without an end, with the outcome that the server reports.
    pub unfinished: Vec<Unfinished>,
    /// The last attempt, if it failed and left the database as it was.
    pub failed: Option<FailedAttempt>,
    /// The failed attempts of the unfinished run, newest first, by the journals of this host.
    pub attempts: Vec<FailedAttempt>,
    /// Runs that are committed by their journals but missing from this ledger.
    pub lacking: Vec<Lacking>,
    /// Journals or directories that cannot be read, with reasons. The database is queried all the
    /// same.
    pub unread: Vec<(PathBuf, io::Error)>,
}

/// A run without an end in its journal.
pub struct Unfinished {
    pub journal: PathBuf,
    /// The run in the ledger: its own, or the one that it resumes.
    pub run_id: String,
    /// Action and release: `run of one-roof 1.0.0`.
    pub what: String,
    /// The host's clock when it began.
    pub begun: Option<Timestamp>,
    pub ending: Ending,
}

/// A run or rollback that failed.
#[derive(Clone)]
pub struct FailedAttempt {
    pub journal: PathBuf,
    /// Action and release: `run of one-roof 1.0.0`.
    pub what: String,
    /// The host's clock when it ended.
    pub ended: Timestamp,
    /// The cause, by its receipt, which is not authenticated here.
    pub cause: Option<String>,
}

/// A run with an answered COMMIT that the ledger lacks.
///
/// The server is in a state from before the run, or it is another server with a database of this
/// name.
pub struct Lacking {
    pub journal: PathBuf,
    /// Action and release: `run of one-roof 1.0.0`.
    pub what: String,
    /// The host's clock when it ended.
    pub ended: Timestamp,
    /// Whether it was on another server.
    pub is_elsewhere: bool,
}

/// The outcome of an unfinished run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// COMMIT was never sent: the run committed nothing.
    NeverCommitted,
    /// The server's answer about its transaction.
    Resolved(Resolution),
    /// Its transaction is in progress, or the lock shows that a run is.
    InProgress,
    /// It ended between two steps after committing a part: the ledger has its progress.
    BetweenSteps,
    /// It belongs to another database or server.
    Elsewhere(String),
    /// The journal's chain is broken.
    Damaged,
}

impl Status {
    /// Whether nothing is left to report, because the ledger continues after the run.
    ///
    /// An aborted run, or one that never sent COMMIT, is history once the ledger has a later row. A
    /// resolved COMMIT is history once another run's row follows its own. A partial run is history
    /// once it was resumed or rolled back.
    pub fn is_history(&self, unfinished: &Unfinished) -> bool {
        match &unfinished.ending {
            Ending::NeverCommitted | Ending::Resolved(Resolution::Aborted) => {
                let begun = unfinished.begun.map(|at| at.to_string());
                let begun = begun.unwrap_or_default();
                self.ledger.iter().any(|entry| entry.at > begun)
            }
            Ending::Resolved(Resolution::Committed) => {
                let last = self.ledger.last();
                self.stopped.is_none() && last.is_some_and(|last| last.run_id != unfinished.run_id)
            }
            Ending::BetweenSteps => self.stopped.is_none(),
            _ => false,
        }
    }

    /// Releases in effect, by name: the last run that was not rolled back.
    pub fn in_effect(&self) -> Vec<&Entry> {
        ledger::current(&self.ledger)
    }
}

/// Reads the ledger, and queries the server about each journal without an end. A missing directory
/// has no journals.
pub fn ask(connect: &dyn Connect, receipts: &Path) -> Result<Status, DatabaseError> {
    let mut session = connect.connect(Purpose::Read)?;
    let target = super::target::observe(session.as_mut())?;
    let ledger = ledger::entries(session.as_mut())?;
    let stopped = ledger::unfinished_run(session.as_mut())?;
    // A run before its COMMIT holds the lock. The journals do not show which run holds it.
    let holder = lock::holder(session.as_mut());
    drop(session);
    let (mut unfinished, mut lacking, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    let mut attempts = Vec::new();
    let journals = journal::all_in(receipts).unwrap_or_else(|error| {
        unread.push((receipts.to_owned(), error));
        Vec::new()
    });
    for path in journals {
        match journal::read(&path) {
            Ok(Some(lines)) => {
                lacking.extend(lacked(&ledger, &target, &path, &lines));
                attempts.extend(attempt(&target, &path, &lines));
                unfinished.extend(ending(connect, &target, path, &lines)?);
            }
            Ok(None) => unfinished.push(Unfinished {
                journal: path,
                run_id: String::new(),
                what: "unknown".to_owned(),
                begun: None,
                ending: Ending::Damaged,
            }),
            Err(error) => unread.push((path, error)),
        }
    }
    // Only one run at a time is possible in a database: the newest holds the lock.
    let open =
        |one: &&mut Unfinished| matches!(one.ending, Ending::NeverCommitted | Ending::BetweenSteps);
    if holder.is_some()
        && let Some(newest) = unfinished
            .iter_mut()
            .filter(open)
            .max_by_key(|one| one.begun)
    {
        newest.ending = Ending::InProgress;
    }
    // The ledger knows attempts of other hosts, and the journals those that left no row.
    let row = ledger.last().map(|entry| entry.at.clone());
    let is_last = |one: &FailedAttempt| row.is_none_or(|at| one.ended.to_string() > at);
    let of_stopped = attempts.iter().filter(|attempt| {
        let run = stopped.as_ref().map(|(entry, _)| &entry.run_id);
        attempt.failed() && run == Some(&attempt.ledger_run)
    });
    let mut failed_here: Vec<_> = of_stopped.map(Attempt::with_cause).collect();
    failed_here.sort_by_key(|one| std::cmp::Reverse(one.ended));
    let last = attempts.iter().max_by_key(|attempt| attempt.told.ended);
    let failed = last.filter(|last| last.outcome == Outcome::Unchanged);
    let failed = failed.map(Attempt::with_cause).filter(is_last);
    Ok(Status {
        target,
        ledger,
        stopped,
        holder,
        unfinished,
        failed,
        attempts: failed_here,
        lacking,
        unread,
    })
}

fn ending(
    connect: &dyn Connect,
    here: &ObservedTarget,
    path: PathBuf,
    lines: &[Line],
) -> Result<Option<Unfinished>, DatabaseError> {
    let (mut begun, mut committing, mut between, mut ended) = (None, None, false, false);
    for line in lines {
        match &line.step {
            JournalStep::Begin {
                run_id,
                action,
                release,
                target,
                resumes,
                ..
            } => {
                let ledger_run = resumes.as_ref().unwrap_or(run_id);
                begun = Some((
                    ledger_run,
                    format!("{} of {release}", action.as_str()),
                    target,
                    line.at,
                ));
            }
            JournalStep::Commit { transaction_id } => committing = Some(transaction_id),
            // The part is committed. Later steps are in the ledger, or did not happen.
            JournalStep::Committed { .. } => (committing, between) = (None, true),
            JournalStep::Statement { .. } => between = true,
            JournalStep::Retry { .. } => {}
            // An unknown outcome is not an end: the server is queried again.
            JournalStep::End { outcome } => ended = *outcome != Outcome::Unknown,
        }
    }
    let Some((run_id, what, target, at)) = begun.filter(|_| !ended) else {
        return Ok(None);
    };
    let ending = match committing {
        _ if (&target.database, &target.system_identifier)
            != (&here.database, &here.system_identifier) =>
        {
            Ending::Elsewhere(target.database.clone())
        }
        None if between => Ending::BetweenSteps,
        None => Ending::NeverCommitted,
        Some(id) => {
            resolve::once(connect, target, run_id, id)?.map_or(Ending::InProgress, Ending::Resolved)
        }
    };
    Ok(Some(Unfinished {
        journal: path,
        run_id: run_id.clone(),
        what,
        begun: Some(at),
        ending,
    }))
}

/// A run or rollback on this database that ended.
struct Attempt {
    run_id: String,
    /// The run in the ledger: its own, or the one that it resumes.
    ledger_run: String,
    outcome: Outcome,
    told: FailedAttempt,
}

impl Attempt {
    fn failed(&self) -> bool {
        matches!(self.outcome, Outcome::Unchanged | Outcome::Partial)
    }

    fn with_cause(&self) -> FailedAttempt {
        let receipt = receipt::claimed(&self.told.journal.with_extension("receipt.json"));
        let receipt = receipt.ok().map(|statement| statement.predicate);
        let receipt = receipt.filter(|receipt| receipt.run_id == self.run_id);
        FailedAttempt {
            cause: receipt.and_then(|receipt| receipt.error),
            ..self.told.clone()
        }
    }
}

fn attempt(here: &ObservedTarget, path: &Path, lines: &[Line]) -> Option<Attempt> {
    let JournalStep::Begin {
        run_id,
        action,
        release,
        target,
        resumes,
        ..
    } = &lines.first()?.step
    else {
        return None;
    };
    let last = lines.last()?;
    let JournalStep::End { outcome } = last.step else {
        return None;
    };
    let is_here =
        (&target.database, &target.system_identifier) == (&here.database, &here.system_identifier);
    is_here.then(|| Attempt {
        run_id: run_id.clone(),
        ledger_run: resumes.as_ref().unwrap_or(run_id).clone(),
        outcome,
        told: FailedAttempt {
            journal: path.to_owned(),
            what: format!("{} of {release}", action.as_str()),
            ended: last.at,
            cause: None,
        },
    })
}

/// A run in a database of this name that ended well but is missing from its ledger.
fn lacked(ledger: &[Entry], here: &ObservedTarget, path: &Path, lines: &[Line]) -> Option<Lacking> {
    let JournalStep::Begin {
        run_id,
        action,
        release,
        target,
        resumes,
        ..
    } = &lines.first()?.step
    else {
        return None;
    };
    let last = lines.last()?;
    let is_here = |run: &String| ledger.iter().any(|entry| entry.run_id == *run);
    let is_lacked = matches!(
        last.step,
        JournalStep::End {
            outcome: Outcome::Committed
        }
    ) && target.database == here.database
        && !is_here(resumes.as_ref().unwrap_or(run_id));
    is_lacked.then(|| Lacking {
        journal: path.to_owned(),
        what: format!("{} of {release}", action.as_str()),
        ended: last.at,
        is_elsewhere: target.system_identifier != here.system_identifier,
    })
}
