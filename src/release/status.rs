//! What the ledger and the journals say: which releases are in effect, and how runs ended that nobody came back from.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::lock;
use super::resolve::{self, Resolution};
use crate::database::{Connect, DatabaseError, Purpose};
use crate::record::journal::{self, JournalStep, Line};
use crate::record::ledger::{self, Entry, Step};
use pgseal_verify::format::receipt::{ObservedTarget, Outcome};
use pgseal_verify::format::timestamp::Timestamp;

/// Everything that is known here.
pub struct Status {
    /// The server.
    pub target: ObservedTarget,
    /// The ledger, oldest first.
    pub ledger: Vec<Entry>,
    /// A run that stopped half way, and how far it came.
    pub stopped: Option<(Entry, Vec<Step>)>,
    /// Who holds the lock now: a run is going on, or somebody plans one.
    pub holder: Option<String>,
    /// Journals without an end, and what the server says of them.
    pub unfinished: Vec<Unfinished>,
    /// Runs that are committed by their journals, and that the ledger here doesn't have.
    pub lacking: Vec<Lacking>,
    /// What can't be read of the journals, and why: the database is asked all the same.
    pub unread: Vec<(PathBuf, io::Error)>,
}

/// A run that nobody came back from.
pub struct Unfinished {
    /// Its journal.
    pub journal: PathBuf,
    /// The run of the ledger that it is, or goes on with.
    pub run_id: String,
    /// What was tried: `run of one-roof 1.0.0`.
    pub what: String,
    /// The host's clock when it began.
    pub begun: Option<Timestamp>,
    /// How it ended.
    pub ending: Ending,
}

/// A run whose COMMIT was answered, and of which nothing is in the ledger: the server is in a state from before, or it is
/// another server with a database of this name.
pub struct Lacking {
    /// Its journal.
    pub journal: PathBuf,
    /// What was done: `run of one-roof 1.0.0`.
    pub what: String,
    /// The host's clock when it ended.
    pub ended: Timestamp,
    /// Whether it was on another server.
    pub is_elsewhere: bool,
}

/// How an unfinished run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// COMMIT was never sent: the database is as before.
    NeverCommitted,
    /// The server's answer about its transaction.
    Resolved(Resolution),
    /// Its transaction is still going on, or another run's is: the lock is held.
    InProgress,
    /// It had committed a part, and was between two: the ledger says how far it came.
    BetweenSteps,
    /// It belongs to another database.
    Elsewhere(String),
    /// The journal's chain is broken.
    Damaged,
}

impl Status {
    /// Whether nothing is left to say of it: the ledger goes on after it. What never came to COMMIT, or was rolled back, is
    /// history once something later is there; a COMMIT whose answer was lost, once a row stands behind its own; what stopped
    /// half way, once it went on or back.
    pub fn is_history(&self, unfinished: &Unfinished) -> bool {
        match &unfinished.ending {
            Ending::NeverCommitted | Ending::Resolved(Resolution::Aborted) => {
                let begun = unfinished.begun.map(|at| at.to_string()).unwrap_or_default();
                self.ledger.iter().any(|entry| entry.at > begun)
            }
            Ending::Resolved(Resolution::Committed) => {
                self.stopped.is_none() && self.ledger.last().is_some_and(|last| last.run_id != unfinished.run_id)
            }
            Ending::BetweenSteps => self.stopped.is_none(),
            _ => false,
        }
    }

    /// What is in effect, by release name: the last run that was not rolled back.
    pub fn in_effect(&self) -> Vec<&Entry> {
        let mut by_name: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
        for entry in &self.ledger {
            by_name.entry(&entry.release).or_default().push(entry.clone());
        }
        let top = |rows: &Vec<Entry>| ledger::in_effect(rows).last().map(|top| top.id);
        let ids: Vec<u64> = by_name.values().filter_map(top).collect();
        self.ledger.iter().filter(|entry| ids.contains(&entry.id)).collect()
    }
}

/// Asks the ledger, and the server about each journal without an end. A missing directory has no journals.
pub fn ask(connect: &dyn Connect, receipts: &Path) -> Result<Status, DatabaseError> {
    let mut session = connect.connect(Purpose::Read)?;
    let target = super::target::observe(session.as_mut())?;
    let ledger = ledger::entries(session.as_mut())?;
    let stopped = ledger::unfinished_run(session.as_mut())?;
    // A run that has not come to COMMIT yet holds the lock; which one holds it, the journals don't say.
    let holder = lock::holder(session.as_mut());
    drop(session);
    let (mut unfinished, mut lacking, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    let journals = journal::all_in(receipts).unwrap_or_else(|error| {
        unread.push((receipts.to_owned(), error));
        Vec::new()
    });
    for path in journals {
        match journal::read(&path) {
            Ok(Some(lines)) => {
                lacking.extend(lacked(&ledger, &target, &path, &lines));
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
    // One run at a time in a database: it is the newest that holds the lock.
    let open = |one: &&mut Unfinished| matches!(one.ending, Ending::NeverCommitted | Ending::BetweenSteps);
    if holder.is_some()
        && let Some(newest) = unfinished.iter_mut().filter(open).max_by_key(|one| one.begun)
    {
        newest.ending = Ending::InProgress;
    }
    Ok(Status { target, ledger, stopped, holder, unfinished, lacking, unread })
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
            JournalStep::Begin { run_id, action, release, target, resumes, .. } => {
                let ledger_run = resumes.as_ref().unwrap_or(run_id);
                begun = Some((ledger_run, format!("{} of {release}", action.as_str()), target, line.at));
            }
            JournalStep::Commit { transaction_id } => committing = Some(transaction_id),
            // What was committed is committed; what came after it is in the ledger, or did not happen.
            JournalStep::Committed { .. } => (committing, between) = (None, true),
            JournalStep::Statement { .. } => between = true,
            JournalStep::Retry { .. } => {}
            // An unknown outcome is not an end: the server is asked again.
            JournalStep::End { outcome } => ended = *outcome != Outcome::Unknown,
        }
    }
    let Some((run_id, what, target, at)) = begun.filter(|_| !ended) else { return Ok(None) };
    let ending = match committing {
        _ if (&target.database, &target.system_identifier) != (&here.database, &here.system_identifier) => {
            Ending::Elsewhere(target.database.clone())
        }
        None if between => Ending::BetweenSteps,
        None => Ending::NeverCommitted,
        Some(id) => resolve::once(connect, target, run_id, id)?.map_or(Ending::InProgress, Ending::Resolved),
    };
    Ok(Some(Unfinished { journal: path, run_id: run_id.clone(), what, begun: Some(at), ending }))
}

/// A run in a database of this name that ended well, and is not in its ledger.
fn lacked(ledger: &[Entry], here: &ObservedTarget, path: &Path, lines: &[Line]) -> Option<Lacking> {
    let JournalStep::Begin { run_id, action, release, target, resumes, .. } = &lines.first()?.step else { return None };
    let last = lines.last()?;
    let is_here = |run: &String| ledger.iter().any(|entry| entry.run_id == *run);
    let is_lacked = matches!(last.step, JournalStep::End { outcome: Outcome::Committed })
        && target.database == here.database
        && !is_here(resumes.as_ref().unwrap_or(run_id));
    is_lacked.then(|| Lacking {
        journal: path.to_owned(),
        what: format!("{} of {release}", action.as_str()),
        ended: last.at,
        is_elsewhere: target.system_identifier != here.system_identifier,
    })
}
