//! The one transaction of a run or a rollback, from BEGIN to the proof on a fresh connection.

use std::collections::BTreeMap;

use super::event::{Event, Observer};
use super::failure::Failure;
use super::gate::{self, GateError};
use super::lock;
use super::order::Order;
use super::probe::{self, Observed};
use super::resolve::{self, Resolution};
use super::{retry, verify};
use super::{script, settings};
use crate::bundle::contents::AuthenticatedSql;
use crate::database::{DatabaseError, Purpose, Session};
use crate::format::manifest::{State, When};
use crate::format::receipt::{
    Action, Asked, CountedApproval, GateAnswer, ObservedTarget, Outcome, Receipt, TierRecord, TrustReference,
    VerifyRecord,
};
use crate::format::version::{Format1, PGSEAL};
use crate::record::journal::{Journal, JournalStep};
use crate::record::ledger::{self, NewEntry};
use crate::trust::added::SignedApproval;

/// What a run or rollback is made of.
pub(super) struct Work<'b> {
    pub action: Action,
    /// Scripts by the names that people know them by.
    pub scripts: Vec<(String, AuthenticatedSql<'b>)>,
    /// The state that must be there before COMMIT.
    pub after: &'b State,
    /// The verify scripts that must hold before COMMIT.
    pub verify: When,
    /// Whether the gates are asked, first and last.
    pub gated: bool,
    /// The approvals that a run rests on.
    pub approvals: &'b [SignedApproval],
}

/// What is known before the transaction begins.
pub(super) struct Start {
    pub target: ObservedTarget,
    pub gates: Vec<GateAnswer>,
    pub before: Option<Observed>,
}

/// How it ended. Also a failed run has a receipt.
pub struct Report {
    /// Everything that the receipt says.
    pub receipt: Receipt,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// Committed, but a fresh connection did not see what it should: somebody else wrote meanwhile, or it could not ask.
    pub unproved: Option<String>,
    /// What kind of failure it was.
    pub kind: FailureKind,
}

/// What kind of failure ended a run; meaningless where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Something failed after the first statement.
    Failed,
    /// A gate said BLOCKED before the first statement.
    Blocked,
    /// A gate gave no answer before the first statement.
    Unanswered,
}

/// A failure before COMMIT, or at it.
enum Stop {
    /// The transaction is rolled back, or was never begun.
    Unchanged(Box<Failure>),
    /// A gate closed, or gave no answer, before the first statement.
    GateClosed(FailureKind, Box<Failure>),
    /// COMMIT was sent and nobody could say what came of it.
    Unknown(Box<Failure>),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Unchanged(Box::new(failure))
    }
}

/// Begins, runs, checks, commits, proves. The journal is open already, so that a full or read-only medium was known
/// before.
pub(super) fn perform(
    order: Order<'_>,
    mut session: Box<dyn Session>,
    start: Start,
    work: Work<'_>,
    run_id: &str,
    mut journal: Journal,
    observer: &mut dyn Observer,
) -> Report {
    let mut receipt = blank_receipt(&order, &work, start, run_id);
    let mut doing = Doing { order, work, journal: &mut journal, receipt: &mut receipt, observer };
    let result = doing.transactions(session.as_mut());
    drop(session);
    let (outcome, failure, kind) = match result {
        Ok(()) => (Outcome::Committed, None, FailureKind::Failed),
        Err(Stop::Unchanged(failure)) => (Outcome::Unchanged, Some(*failure), FailureKind::Failed),
        Err(Stop::GateClosed(kind, failure)) => (Outcome::Unchanged, Some(*failure), kind),
        Err(Stop::Unknown(failure)) => (Outcome::Unknown, Some(*failure), FailureKind::Failed),
    };
    let unproved = if outcome == Outcome::Committed { doing.prove().err() } else { None };
    receipt.outcome = outcome;
    receipt.error = failure.as_ref().map(ToString::to_string).or_else(|| unproved.clone());
    receipt.finished = (order.clock)();
    // How it ended is known from the ledger too; a journal that can't take its last line changes nothing.
    let _ = journal.write(receipt.finished, JournalStep::End { outcome });
    Report { receipt, failure, unproved, kind }
}

struct Doing<'a, 'b> {
    order: Order<'b>,
    work: Work<'b>,
    journal: &'a mut Journal,
    receipt: &'a mut Receipt,
    observer: &'a mut dyn Observer,
}

impl Doing<'_, '_> {
    /// The transaction, and again while it can't have its locks and nothing is changed.
    fn transactions(&mut self, session: &mut dyn Session) -> Result<(), Stop> {
        self.journal_begin()?;
        let asked_before = self.receipt.gates.len();
        loop {
            let result = self.transaction(session);
            let (Err(Stop::Unchanged(failure)) | Err(Stop::GateClosed(_, failure))) = &result else { return result };
            self.order.stop.refused();
            // Best effort: without it the server rolls back when the connection closes.
            let rolled_back = session.execute("ROLLBACK").is_ok();
            let (retries, run_id) = (self.receipt.retries, &self.receipt.run_id);
            if !rolled_back || !retry::again(failure, retries, &self.order, run_id, session, self.observer) {
                return result;
            }
            self.receipt.retries += 1;
            self.receipt.gates.truncate(asked_before);
            self.receipt.tiers.clear();
            self.receipt.verify.clear();
            (self.receipt.after, self.receipt.transaction_id) = (None, None);
        }
    }

    fn transaction(&mut self, session: &mut dyn Session) -> Result<(), Stop> {
        let limits = self.order.limits;
        let database = |doing: &'static str| move |error: DatabaseError| Failure::database(doing, &error);
        settings::reset(session, limits).map_err(database("can't set time limits"))?;
        let begin = session.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
        begin.map_err(database("can't begin the transaction"))?;
        lock::hold_in_transaction(session).map_err(Failure::plain)?;
        let transaction_id = transaction_id(session)?;
        self.receipt.transaction_id = Some(transaction_id.clone());
        if self.work.gated {
            self.gates(session, Asked::First).map_err(|(kind, failure)| Stop::GateClosed(kind, Box::new(failure)))?;
        }
        ledger::ensure(session).map_err(database("can't make the ledger (schema pgseal)"))?;
        self.scripts(session)?;
        settings::reset(session, limits)
            .and_then(|()| settings::use_release_path(session, self.order.manifest()))
            .map_err(database("can't reset the session"))?;
        session.execute("SET CONSTRAINTS ALL IMMEDIATE").map_err(database("a deferred constraint does not hold"))?;
        settings::reset(session, limits).map_err(database("can't reset the session"))?;
        // What a script left there would stand before tables of the same name in probes, checks and gates.
        session.execute("DISCARD TEMP").map_err(database("can't drop temporary tables"))?;
        self.state(session)?;
        self.verify(session)?;
        if self.work.gated {
            self.gates(session, Asked::Last).map_err(|(_, failure)| failure)?;
        }
        settings::reset(session, limits).map_err(database("can't reset the session"))?;
        self.ledger(session, &transaction_id).map_err(database("can't write the ledger"))?;
        if self::transaction_id(session)? != transaction_id {
            return Err(Failure::plain("the transaction is no longer the one that was begun: a script ended it").into());
        }
        self.commit(session, &transaction_id)
    }

    fn journal_begin(&mut self) -> Result<(), Stop> {
        let release = &self.receipt.release;
        let begin = JournalStep::Begin {
            run_id: self.receipt.run_id.clone(),
            action: self.work.action,
            release: crate::format::statement::title(&release.name, &release.version),
            release_id: self.order.bundle.release_id().digest(),
            target: self.receipt.target.clone(),
            trust: self.receipt.trust.clone(),
        };
        self.journal(begin)
    }

    fn journal(&mut self, step: JournalStep) -> Result<(), Stop> {
        let written = self.journal.write((self.order.clock)(), step);
        written.map_err(|error| {
            let path = self.journal.path().display().to_string();
            Failure::plain(format!("{path}: can't write the journal: {error}")).into()
        })
    }

    fn gates(&mut self, session: &mut dyn Session, asked: Asked) -> Result<(), (FailureKind, Failure)> {
        let answers = gate::ask_inside(session, &self.order, asked).map_err(|error| match error {
            GateError::Unanswered(name, failure) => {
                let message = format!("gate {name} could not be answered: {}", failure.message);
                (FailureKind::Unanswered, Failure { message, ..*failure })
            }
            _ => (FailureKind::Unanswered, Failure::plain("the gates could not be asked")),
        })?;
        let closed = answers.iter().find(|answer| !answer.ready);
        let closed = closed.map(|gate| format!("gate {} closed meanwhile: {}", gate.name, gate.reason));
        self.receipt.gates.extend(answers);
        closed.map_or(Ok(()), |message| Err((FailureKind::Blocked, Failure::plain(message))))
    }

    fn scripts(&mut self, session: &mut dyn Session) -> Result<(), Stop> {
        let total = self.work.scripts.len();
        for (at, (name, sql)) in self.work.scripts.clone().into_iter().enumerate() {
            let reset = settings::reset(session, self.order.limits);
            let set = reset.and_then(|()| settings::use_release_path(session, self.order.manifest()));
            set.map_err(|error| Failure::database("can't reset the session", &error))?;
            self.observer.event(Event::Begin(at + 1, total, &name));
            let record: TierRecord = script::run(session, sql, &self.order, &name, self.observer)?;
            self.observer.event(Event::Done(at + 1, total, &record));
            self.receipt.tiers.push(record);
        }
        Ok(())
    }

    fn state(&mut self, session: &mut dyn Session) -> Result<(), Stop> {
        let sql = self.order.sql(&self.work.after.probe).map_err(Failure::plain)?;
        let observed = probe::ask(session, sql, &self.order)?.row;
        let mismatches = probe::compare(self.work.after, &observed);
        self.receipt.after = Some(observed);
        if mismatches.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        let state = if self.work.action == Action::Run { "finalized" } else { "baseline" };
        Err(Failure::plain(format!("the state would not be {state}: {}", list.join("; "))).into())
    }

    fn verify(&mut self, session: &mut dyn Session) -> Result<(), Stop> {
        for script in verify::in_state(&self.order, self.work.verify) {
            let record: VerifyRecord = verify::inside(session, script, &self.order, self.observer)?;
            let held = record.held == record.checks;
            let sentence = verify::sentence(&record);
            self.receipt.verify.push(record);
            if !held {
                return Err(Failure::plain(format!("a verify script does not hold: {sentence}")).into());
            }
        }
        Ok(())
    }

    fn ledger(&mut self, session: &mut dyn Session, transaction_id: &str) -> Result<(), DatabaseError> {
        let signers: Vec<String> = self.receipt.signers.iter().map(ToString::to_string).collect();
        let entry = NewEntry {
            action: self.work.action,
            release: &self.receipt.release,
            release_id: self.order.bundle.release_id(),
            run_id: &self.receipt.run_id,
            transaction_id,
            variables: self.order.variables,
            signers: &signers.join(","),
        };
        ledger::add(session, &entry)
    }

    fn commit(&mut self, session: &mut dyn Session, transaction_id: &str) -> Result<(), Stop> {
        self.order.stop.committing()?;
        self.observer.event(Event::Commit);
        self.journal(JournalStep::Commit { transaction_id: transaction_id.to_owned() })?;
        match session.execute("COMMIT") {
            Ok(_) => Ok(()),
            Err(error @ (DatabaseError::Server(_) | DatabaseError::Unsound(_))) => {
                Err(Failure::database("COMMIT was refused", &error).into())
            }
            Err(lost @ DatabaseError::Connection(_)) => {
                let failure = Failure::database("the connection was lost at COMMIT", &lost);
                match resolve::ask(&self.order, self.receipt, transaction_id, self.observer) {
                    Resolution::Committed => Ok(()),
                    Resolution::Aborted => Err(failure.into()),
                    Resolution::Unknown(why) => {
                        let message = format!("{}; {why}", failure.message);
                        Err(Stop::Unknown(Box::new(Failure { message, ..failure })))
                    }
                }
            }
        }
    }

    /// Asks on a fresh connection whether the row is there and the state is what it should be.
    fn prove(&mut self) -> Result<(), String> {
        let text = |error: DatabaseError| format!("committed, but not proved on a fresh connection: {error}");
        let mut session = self.order.connect.connect(Purpose::Read).map_err(text)?;
        settings::reset(session.as_mut(), self.order.limits).map_err(text)?;
        if !ledger::has_run(session.as_mut(), &self.receipt.run_id).map_err(text)? {
            return Err("COMMIT was answered, but the ledger on a fresh connection lacks this run".to_owned());
        }
        let sql = self.order.sql(&self.work.after.probe).map_err(|error| error.to_string())?;
        let observed = probe::ask_read_only(session.as_mut(), sql, &self.order);
        let observed =
            observed.map_err(|failure| format!("committed, but the probe failed afterwards: {failure}"))?.row;
        let mismatches = probe::compare(self.work.after, &observed);
        self.receipt.after = Some(observed);
        match mismatches.first() {
            None => Ok(()),
            Some(first) => Err(format!("committed, but somebody wrote since: {first}")),
        }
    }
}

fn transaction_id(session: &mut dyn Session) -> Result<String, Failure> {
    let asked = session.query("select pg_catalog.pg_current_xact_id()::text", &[]);
    let asked = asked.map_err(|error| Failure::database("can't ask for the transaction id", &error))?;
    asked.single().map(str::to_owned).ok_or_else(|| Failure::plain("the server gave no transaction id"))
}

fn blank_receipt(order: &Order<'_>, work: &Work<'_>, start: Start, run_id: &str) -> Receipt {
    let started = (order.clock)();
    Receipt {
        format: Format1,
        run_id: run_id.to_owned(),
        action: work.action,
        outcome: Outcome::Unchanged,
        error: None,
        resumes: None,
        operator: order.operator.clone(),
        retries: 0,
        started,
        finished: started,
        pgseal: PGSEAL.to_owned(),
        release: order.manifest().release.clone(),
        signers: order.bundle.signatories().iter().map(|signatory| signatory.key.digest()).collect(),
        approvals: work.approvals.iter().map(approval).collect(),
        trust: trust(order),
        target: start.target,
        variables: BTreeMap::clone(order.variables),
        gates: start.gates,
        before: start.before,
        after: None,
        tiers: Vec::new(),
        verify: Vec::new(),
        transaction_id: None,
        signer: None,
    }
}

fn trust(order: &Order<'_>) -> TrustReference {
    TrustReference { version: order.root.document().version, sha256: order.root.digest() }
}

fn approval(signed: &SignedApproval) -> CountedApproval {
    let approval = &signed.approval;
    CountedApproval {
        key_id: signed.key.digest(),
        role: approval.role.clone(),
        apr: approval.apr.clone(),
        at: approval.at,
        evidence: signed.evidence.level().to_owned(),
    }
}
