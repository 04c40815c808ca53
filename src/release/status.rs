//! What the ledger and the journals say: which releases are in effect, and how runs ended that nobody came back from.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::lock;
use super::resolve::{self, Resolution};
use crate::database::{Connect, DatabaseError, Purpose};
use crate::format::receipt::{ObservedTarget, Outcome};
use crate::format::timestamp::Timestamp;
use crate::record::journal::{self, JournalStep, Line};
use crate::record::ledger::{self, Entry, Step};

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
    /// What can't be read of the journals, and why: the database is asked all the same.
    pub unread: Vec<(PathBuf, io::Error)>,
}

/// A run that nobody came back from.
pub struct Unfinished {
    /// Its journal.
    pub journal: PathBuf,
    /// What was tried: `run of one-roof 1.0.0`.
    pub what: String,
    /// The host's clock when it began.
    pub begun: Option<Timestamp>,
    /// How it ended.
    pub ending: Ending,
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
    let (mut unfinished, mut unread) = (Vec::new(), Vec::new());
    let journals = journal::all_in(receipts).unwrap_or_else(|error| {
        unread.push((receipts.to_owned(), error));
        Vec::new()
    });
    for path in journals {
        match journal::read(&path) {
            Ok(Some(lines)) => unfinished.extend(ending(connect, &target, path, &lines)?),
            Ok(None) => unfinished.push(Unfinished {
                journal: path,
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
    Ok(Status { target, ledger, stopped, holder, unfinished, unread })
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
    Ok(Some(Unfinished { journal: path, what, begun: Some(at), ending }))
}
