//! Executes a run or a rollback, from the journal's first line to the proof on a fresh connection.

use std::borrow::Cow;

use super::event::{Event, Observer};
use super::failure::{Context as _, Failure};
use super::fresh;
use super::generated;
use super::phases::{NumberedTier, Phase, phases};
use super::probe::Observed;
use super::proof;
use super::report::{FailureKind, Halt, Report, blank_receipt};
use super::restored::StartOfRun;
use super::resume::{Decision, UnfinishedRun};
use super::retry;
use super::run_context::{MissingScript, RunContext};
use crate::bundle::AuthenticatedSql;
use crate::database::Session;
use crate::record::journal::{Journal, JournalStep};
use crate::trust::attestations::SignedApproval;
use pgseal_verify::format::manifest::{Manifest, ReleaseState, State};
use pgseal_verify::format::receipt::{Action, GateAnswer, ObservedTarget, Outcome, Receipt};
use psql_script::Position;

/// Ends a transaction; without effect if none is open.
const ROLLBACK: &str = "ROLLBACK";

/// The work of a run or rollback.
pub(super) struct ExecutionPlan<'b> {
    pub kind: RunKind,
    /// The first and the last phase are transactions.
    pub phases: Vec<Phase<NamedScript<'b>>>,
    /// The definitions with which a rollback compares its end.
    pub start_of_run: Option<&'b StartOfRun>,
    /// The approvals that authorize the run.
    pub approvals: &'b [SignedApproval],
    /// The commit point, from 1, behind which a rehearsal stops.
    pub stop_behind: Option<u32>,
}

/// Kinds of runs.
pub(super) enum RunKind {
    /// A run from baseline.
    Fresh,
    /// A run that continues an unfinished one.
    Resumed(UnfinishedRun),
    /// A rollback, of the unfinished run if the release is not in effect.
    Rollback(Option<UnfinishedRun>),
}

impl RunKind {
    pub fn action(&self) -> Action {
        match self {
            Self::Fresh | Self::Resumed(_) => Action::Run,
            Self::Rollback(_) => Action::Rollback,
        }
    }

    pub fn resumed(&self) -> Option<&UnfinishedRun> {
        match self {
            Self::Resumed(run) => Some(run),
            Self::Fresh | Self::Rollback(_) => None,
        }
    }

    /// Takes the operator's decision about the interrupted statement.
    pub fn take_decision(&mut self) -> Option<Decision> {
        match self {
            Self::Resumed(run) => run.decision.take(),
            Self::Fresh | Self::Rollback(_) => None,
        }
    }

    /// The state that must hold before the last COMMIT.
    pub fn final_state<'m>(&self, manifest: &'m Manifest) -> (ReleaseState, Cow<'m, State>) {
        let states = &manifest.states;
        match self.action() {
            Action::Run => (ReleaseState::Finalized, Cow::Borrowed(&states.finalized)),
            Action::Rollback => (ReleaseState::Baseline, states.after_rollback()),
        }
    }
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
pub(super) fn load_phases<'b>(
    order: &RunContext<'b>,
) -> Result<Vec<Phase<NamedScript<'b>>>, MissingScript> {
    let script = |(number, tier): NumberedTier<'b>| {
        Ok(NamedScript {
            number,
            name: tier.name.to_string(),
            sql: order.sql(&tier.file)?,
        })
    };
    let load = |phase| {
        Ok(match phase {
            Phase::Transactional(tiers) => {
                Phase::Transactional(tiers.into_iter().map(script).collect::<Result<_, _>>()?)
            }
            Phase::NonTransactional(tier) => Phase::NonTransactional(script(tier)?),
        })
    };
    phases(order.manifest()).into_iter().map(load).collect()
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
    let committed = work.kind.resumed().is_some();
    if committed {
        order.stop.between();
    }
    let mut executor = Executor {
        order,
        work,
        session: session.as_mut(),
        journal: &mut journal,
        receipt: &mut receipt,
        observer: &mut *observer,
        committed,
        points: 0,
    };
    let mut result = executor.phases();
    if result.is_err() {
        // Best effort: on failure the server rolls back when the connection closes.
        let _ = executor.session.execute(ROLLBACK);
    }
    let Executor {
        work, committed, ..
    } = executor;
    drop(session);
    let mut unproved = None;
    if result.is_ok() {
        match proof::prove(&order, &work.kind, &mut receipt, observer) {
            Ok(doubt) => unproved = doubt,
            Err(halt) => result = Err(halt),
        }
    }
    order.stop.ended();
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

/// A run in progress: `transaction.rs` executes its transactions, `non_transactional.rs` the tiers
/// whose statements commit one by one.
pub(super) struct Executor<'a, 'b> {
    pub order: RunContext<'b>,
    pub work: ExecutionPlan<'b>,
    /// The locked session.
    pub session: &'a mut dyn Session,
    pub journal: &'a mut Journal,
    pub receipt: &'a mut Receipt,
    pub observer: &'a mut dyn Observer,
    /// Whether a transaction before the last is committed, by this run or by the one that it
    /// resumes.
    pub committed: bool,
    /// Commit points so far.
    points: u32,
}

impl Executor<'_, '_> {
    fn phases(&mut self) -> Result<(), Halt> {
        self.journal_begin()?;
        let unfinished = match &mut self.work.kind {
            RunKind::Rollback(unfinished) => unfinished.take(),
            RunKind::Fresh | RunKind::Resumed(_) => None,
        };
        let Some(unfinished) = unfinished else {
            return self.each_phase();
        };
        let cleared = self.clear_interrupted(&unfinished)?;
        self.each_phase().map_err(|mut halt| {
            if let Some(what) = cleared {
                let failure = halt.failure();
                let message = &failure.message;
                failure.message =
                    format!("{message}; only these leftovers were removed before: {what}");
            }
            halt
        })
    }

    fn each_phase(&mut self) -> Result<(), Halt> {
        let phases = self.work.phases.clone();
        let (_, state) = self.work.kind.final_state(self.order.manifest());
        if let (Some(column), true) = (state.relative().next(), phases.len() > 1) {
            let why = "is compared with its value at the start of one transaction, and a tier of this release has none";
            return Err(Failure::plain(format!("column {column} {why}")).into());
        }
        for phase in &phases {
            if let Phase::NonTransactional(script) = phase {
                self.judge(script)?;
            }
        }
        let last = phases.len() - 1;
        for (at, phase) in phases.iter().enumerate() {
            let resumed = self.work.kind.resumed();
            let is_done = |script: &NamedScript<'_>| {
                resumed.is_some_and(|resumed| resumed.has_tier(&script.name))
            };
            match phase {
                // Only the last transaction always has work left.
                Phase::Transactional(scripts)
                    if at < last
                        && resumed.is_some()
                        && (at == 0 || scripts.iter().all(is_done)) => {}
                Phase::Transactional(scripts) => {
                    if at > 0 {
                        // A resumed run has a new session here.
                        fresh::make(self.session, self.order.limits)
                            .context("can't reset the session")?;
                    }
                    self.transactions(scripts, TransactionPosition::of(at, last))?;
                    if at < last {
                        let tier = scripts.last().map_or("", |script| &script.name);
                        self.commit_point(tier, None)?;
                    }
                }
                Phase::NonTransactional(script) if is_done(script) => {}
                Phase::NonTransactional(script) => self.statements(script)?,
            }
        }
        Ok(())
    }

    /// Reports that the run can stop here, and does so if a rehearsal is to.
    pub fn commit_point(&mut self, tier: &str, at: Option<&Position>) -> Result<(), Halt> {
        self.points += 1;
        self.observer.event(Event::CommitPoint { tier, at });
        if self.work.stop_behind != Some(self.points) {
            return Ok(());
        }
        let failure = Failure::plain("the rehearsal stopped the run here");
        Err(Halt::Stopped(Box::new(failure)))
    }

    /// Runs a transaction, with retries while it cannot get its locks and leaves no trace.
    fn transactions(
        &mut self,
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
            let result = self.transaction(scripts, which);
            let (Err(Halt::Undone(failure)) | Err(Halt::GateClosed(_, failure))) = &result else {
                return result;
            };
            if reaches_out || !self.again(failure, RetryScope::Transaction)? {
                return result;
            }
            self.receipt.gates.truncate(gates);
            self.receipt.tiers.truncate(tiers);
            self.receipt.verify.clear();
            (self.receipt.start, self.receipt.after) = (None, None);
            self.receipt.not_restored = None;
            self.receipt.transaction_id = None;
        }
    }

    /// Rolls back the failed attempt. Returns true for a retry, after a pause and with the session
    /// reset.
    pub fn again(&mut self, failure: &Failure, tried: RetryScope) -> Result<bool, Halt> {
        if tried != RetryScope::NonTransactional {
            self.order.stop.refused();
            // Best effort: on failure the server rolls back when the connection closes.
            if self.session.execute(ROLLBACK).is_err() {
                return Ok(false);
            }
        }
        let again = retry::again(
            failure,
            self.receipt.retries,
            &self.order,
            &self.receipt.run_id,
            self.session,
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

    /// Total number of scripts.
    pub fn total(&self) -> usize {
        let phases = &self.work.phases;
        phases.iter().map(|phase| phase.tiers().len()).sum()
    }

    fn journal_begin(&mut self) -> Result<(), Halt> {
        let release = &self.receipt.release;
        let begin = JournalStep::Begin {
            run_id: self.receipt.run_id.clone(),
            action: self.receipt.action,
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
            let path = self.journal.path().display();
            Failure::plain(format!("{path}: can't write the journal: {error}")).into()
        })
    }
}

/// The run of the ledger row: this run, or the run that it resumes.
pub(super) fn ledger_run(receipt: &Receipt) -> &str {
    receipt.resumes.as_ref().unwrap_or(&receipt.run_id)
}
