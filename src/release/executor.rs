//! Executes a run or a rollback, from the journal's first line to the proof on a fresh connection.

use super::event::Observer;
use super::failure::{Context as _, Failure};
use super::fresh;
use super::generated;
use super::phases::{Phase, phases};
use super::preflight;
use super::probe::{self, Observed};
use super::question::Within;
use super::report::{FailureKind, Halt, Report, blank_receipt};
use super::resolve::{self, Resolution};
use super::resume::Resumed;
use super::retry;
use super::run_context::RunContext;
use super::settings;
use crate::bundle::AuthenticatedSql;
use crate::database::{Purpose, Session};
use crate::record::journal::{Journal, JournalStep};
use crate::record::ledger;
use crate::trust::attestations::SignedApproval;
use pgseal_verify::format::manifest::{ReleaseState, State};
use pgseal_verify::format::receipt::{Action, GateAnswer, ObservedTarget, Outcome, Receipt};

/// Ends a transaction; without effect if none is open.
const ROLLBACK: &str = "ROLLBACK";

/// The work of a run or rollback.
pub(super) struct ExecutionPlan<'b> {
    pub action: Action,
    /// Its parts, in order; the first and the last are transactions.
    pub parts: Vec<Part<'b>>,
    /// The state that must hold before the last COMMIT.
    pub after: &'b State,
    /// The verify scripts that must hold before the last COMMIT.
    pub verify: ReleaseState,
    /// Whether each transaction queries the gates first and last.
    pub gated: bool,
    /// The approvals that authorize the run.
    pub approvals: &'b [SignedApproval],
    /// The unfinished run that this one continues.
    pub resumed: Option<Resumed>,
    /// The unfinished run that this one undoes.
    pub half_way: Option<Resumed>,
}

/// A part of a run.
#[derive(Clone)]
pub(super) enum Part<'b> {
    /// Scripts of one transaction.
    Transactional(Vec<NamedScript<'b>>),
    /// A non-transactional script: its statements commit one by one.
    NonTransactional(NamedScript<'b>),
}

/// A script and its name for operators.
#[derive(Clone)]
pub(super) struct NamedScript<'b> {
    /// From 1.
    pub number: usize,
    pub name: String,
    pub sql: AuthenticatedSql<'b>,
}

/// Loads the scripts of a release's phases.
pub(super) fn parts<'b>(
    order: &RunContext<'b>,
) -> Result<Vec<Part<'b>>, super::run_context::MissingScript> {
    let script = |(number, tier): super::phases::Numbered<'b>| {
        Ok(NamedScript {
            number,
            name: tier.name.to_string(),
            sql: order.sql(&tier.file)?,
        })
    };
    let part = |phase| match phase {
        Phase::Transactional(tiers) => Ok(Part::Transactional(
            tiers.into_iter().map(script).collect::<Result<_, _>>()?,
        )),
        Phase::NonTransactional(tier) => Ok(Part::NonTransactional(script(tier)?)),
    };
    phases(order.manifest()).into_iter().map(part).collect()
}

/// The position of a transaction in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransactionPosition {
    /// The run's only transaction.
    Only,
    /// The first: it creates the ledger row of the run.
    First,
    /// A transaction between, or that of a single statement.
    Between,
    /// The last: it proves the state.
    Last,
}

impl TransactionPosition {
    /// Computes the position from the part's number, from 0, and that of the last part.
    fn of(at: usize, last: usize) -> Self {
        match (at == 0, at == last) {
            (true, true) => Self::Only,
            (true, false) => Self::First,
            (false, false) => Self::Between,
            (false, true) => Self::Last,
        }
    }

    /// Whether the run begins with this transaction.
    pub fn begins(self) -> bool {
        matches!(self, Self::Only | Self::First)
    }

    /// Whether the run ends with this transaction.
    pub fn ends(self) -> bool {
        matches!(self, Self::Only | Self::Last)
    }
}

/// The unit of a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryScope {
    Transaction,
    /// A statement outside of any transaction.
    NonTransactional,
}

/// Facts known before the first transaction begins.
pub(super) struct Start {
    pub target: ObservedTarget,
    pub gates: Vec<GateAnswer>,
    pub before: Option<Observed>,
}

/// Begins, runs, checks, commits, proves. The journal is already open, so a full or read-only
/// medium was detected before.
pub(super) fn execute(
    order: RunContext<'_>,
    mut session: Box<dyn Session>,
    start: Start,
    work: ExecutionPlan<'_>,
    run_id: &str,
    mut journal: Journal,
    observer: &mut dyn Observer,
) -> Report {
    let mut receipt = blank_receipt(&order, &work, start, run_id);
    let committed = work.resumed.is_some();
    let mut doing = Executor {
        order,
        work,
        journal: &mut journal,
        receipt: &mut receipt,
        observer,
        committed,
    };
    if committed {
        order.stop.between();
    }
    let mut result = doing.parts(session.as_mut());
    if result.is_err() {
        // Best effort: on failure the server rolls back when the connection closes.
        let _ = session.execute(ROLLBACK);
    }
    drop(session);
    let mut unproved = None;
    if result.is_ok() {
        match doing.prove() {
            Ok(doubt) => unproved = doubt,
            Err(halt) => result = Err(halt),
        }
    }
    order.stop.ended();
    let committed = doing.committed;
    let undone = if committed {
        Outcome::Partial
    } else {
        Outcome::Unchanged
    };
    let (outcome, failure, kind) = match result {
        Ok(()) => (Outcome::Committed, None, FailureKind::Failed),
        Err(Halt::Undone(failure)) => (undone, Some(*failure), FailureKind::Failed),
        Err(Halt::GateClosed(kind, failure)) => (undone, Some(*failure), kind),
        Err(Halt::Stopped(failure)) => (Outcome::Partial, Some(*failure), FailureKind::Failed),
        Err(Halt::Unknown(failure)) => (Outcome::Unknown, Some(*failure), FailureKind::Failed),
    };
    receipt.outcome = outcome;
    receipt.error = failure
        .as_ref()
        .map(ToString::to_string)
        .or_else(|| unproved.clone());
    receipt.finished = (order.clock)();
    receipt.journal_sha256 = journal.last();
    if receipt.journal_sha256.is_some() {
        // The ledger holds the outcome too, so a failure to write the journal's last line is
        // ignored.
        let _ = journal.write(receipt.finished, JournalStep::End { outcome });
    }
    Report {
        receipt,
        failure,
        unproved,
        kind,
    }
}

/// A run in progress.
pub(super) struct Executor<'a, 'b> {
    pub order: RunContext<'b>,
    pub work: ExecutionPlan<'b>,
    pub journal: &'a mut Journal,
    pub receipt: &'a mut Receipt,
    pub observer: &'a mut dyn Observer,
    /// Whether anything is committed, by this run or by the one that it resumes.
    pub committed: bool,
}

impl Executor<'_, '_> {
    fn parts(&mut self, session: &mut dyn Session) -> Result<(), Halt> {
        self.journal_begin()?;
        if let Some(half_way) = self.work.half_way.take() {
            self.clear_interrupted(session, &half_way)?;
        }
        let parts = self.work.parts.clone();
        let last = parts.len() - 1;
        for (at, part) in parts.into_iter().enumerate() {
            match part {
                Part::Transactional(scripts) => {
                    // Skips parts that the ledger has as committed; only the last transaction
                    // always has work left.
                    let is_done = at < last
                        && self.work.resumed.as_ref().is_some_and(|resumed| {
                            at == 0 || scripts.iter().all(|script| resumed.has_tier(&script.name))
                        });
                    if !is_done && at > 0 {
                        // A resumed run has a new session here.
                        fresh::make(session, self.order.limits)
                            .context("can't reset the session")?;
                    }
                    if !is_done {
                        self.transactions(session, &scripts, TransactionPosition::of(at, last))?;
                    }
                }
                Part::NonTransactional(script) => {
                    if !self
                        .work
                        .resumed
                        .as_ref()
                        .is_some_and(|resumed| resumed.has_tier(&script.name))
                    {
                        self.statements(session, &script)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Runs a transaction, with retries while it cannot get its locks and leaves no trace.
    fn transactions(
        &mut self,
        session: &mut dyn Session,
        scripts: &[NamedScript<'_>],
        which: TransactionPosition,
    ) -> Result<(), Halt> {
        let (gates, tiers) = (self.receipt.gates.len(), self.receipt.tiers.len());
        // External effects are not rolled back and must not be repeated.
        let reaches_out = scripts.iter().any(|script| {
            !generated::acknowledged(self.order.manifest(), &script.name, script.sql.path())
                .is_empty()
        });
        loop {
            let result = self.transaction(session, scripts, which);
            let (Err(Halt::Undone(failure)) | Err(Halt::GateClosed(_, failure))) = &result else {
                return result;
            };
            if reaches_out || !self.again(session, failure, RetryScope::Transaction)? {
                return result;
            }
            self.receipt.gates.truncate(gates);
            self.receipt.tiers.truncate(tiers);
            self.receipt.verify.clear();
            (self.receipt.after, self.receipt.transaction_id) = (None, None);
        }
    }

    /// Rolls back the failed attempt. Returns true for a retry, after a pause and with the session
    /// reset.
    pub fn again(
        &mut self,
        session: &mut dyn Session,
        failure: &Failure,
        tried: RetryScope,
    ) -> Result<bool, Halt> {
        if tried != RetryScope::NonTransactional {
            self.order.stop.refused();
            // Best effort: on failure the server rolls back when the connection closes.
            if session.execute(ROLLBACK).is_err() {
                return Ok(false);
            }
        }
        let (retries, run_id) = (self.receipt.retries, self.receipt.run_id.clone());
        let again = retry::again(
            failure,
            retries,
            &self.order,
            &run_id,
            session,
            self.observer,
        );
        if again {
            self.receipt.retries += 1;
            self.journal(JournalStep::Retry {
                why: failure.to_string(),
            })?;
        }
        Ok(again)
    }

    /// The run of the ledger row: this run, or the run that it resumes.
    pub fn ledger_run(&self) -> String {
        match &self.work.resumed {
            Some(resumed) => resumed.entry.run_id.clone(),
            None => self.receipt.run_id.clone(),
        }
    }

    /// Total number of scripts.
    pub fn total(&self) -> usize {
        let count = |part: &Part<'_>| match part {
            Part::Transactional(scripts) => scripts.len(),
            Part::NonTransactional(_) => 1,
        };
        self.work.parts.iter().map(count).sum()
    }

    fn journal_begin(&mut self) -> Result<(), Halt> {
        let release = &self.receipt.release;
        let begin = JournalStep::Begin {
            run_id: self.receipt.run_id.clone(),
            action: self.work.action,
            release: pgseal_verify::format::statement::title(&release.name, &release.version),
            release_id: self.order.bundle.release_id().digest(),
            target: Box::new(self.receipt.target.clone()),
            trust: self.receipt.trust.clone(),
            resumes: self.receipt.resumes.clone(),
        };
        self.journal(begin)
    }

    pub fn journal(&mut self, step: JournalStep) -> Result<(), Halt> {
        let written = self.journal.write((self.order.clock)(), step);
        written.map_err(|error| {
            let path = self.journal.path().display().to_string();
            Failure::plain(format!("{path}: can't write the journal: {error}")).into()
        })
    }

    /// Checks the last transaction's ledger rows and the state on a fresh connection.
    ///
    /// The run is committed: a state that cannot be confirmed is reported as a doubt, not as a
    /// failure.
    fn prove(&mut self) -> Result<Option<String>, Halt> {
        let unproved = |error: &dyn std::fmt::Display| {
            Ok(Some(format!(
                "committed, but not proved on a fresh connection: {error}"
            )))
        };
        let mut session = match self.order.connect.connect(Purpose::Read) {
            Ok(session) => session,
            Err(error) => return unproved(&error),
        };
        if let Err(error) = settings::reset(session.as_mut(), self.order.limits) {
            return unproved(&error);
        }
        let transaction_id = self.receipt.transaction_id.clone().unwrap_or_default();
        match ledger::has_transaction(session.as_mut(), &self.ledger_run(), &transaction_id) {
            Ok(true) => {}
            Ok(false) => return self.answered_but_gone(&transaction_id).map(Some),
            Err(error) => return unproved(&error),
        }
        drop(session);
        let mut session = match self.order.connect.connect(Purpose::Ask) {
            Ok(session) => session,
            Err(error) => return unproved(&error),
        };
        if let Err(error) = settings::reset(session.as_mut(), self.order.limits) {
            return unproved(&error);
        }
        let observed = match preflight::seen(
            session.as_mut(),
            &self.order,
            self.work.after,
            Within::OwnTransaction,
        ) {
            Ok(observed) => observed,
            Err(failure) => {
                return Ok(Some(format!(
                    "committed, but the probe failed afterwards: {failure}"
                )));
            }
        };
        let mismatches = probe::compare(self.work.after, &observed);
        self.receipt.after = Some(observed);
        Ok(mismatches.first().map(|first| {
            format!("committed, but somebody wrote since, or the role that asks sees less: {first}")
        }))
    }

    /// Resolves a COMMIT that was answered but is not visible on a fresh connection: the server may
    /// have rolled back or failed over.
    fn answered_but_gone(&mut self, transaction_id: &str) -> Result<String, Halt> {
        let gone = "COMMIT was answered, but the ledger on a fresh connection lacks this run";
        match resolve::ask(
            &self.order,
            self.receipt,
            &self.ledger_run(),
            transaction_id,
            self.observer,
        ) {
            Resolution::Committed => Ok(format!("{gone} at first; it is there now")),
            Resolution::Aborted => {
                Err(Failure::plain(format!("{gone}: the server rolled it back")).into())
            }
            Resolution::NotHere(why) => Err(Failure::plain(format!("{gone}: {why}")).into()),
            Resolution::Unknown(why) => Err(Halt::Unknown(Box::new(Failure::plain(format!(
                "{gone}: {why}"
            ))))),
        }
    }
}
