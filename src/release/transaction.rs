//! Executes one transaction of a run or a rollback: all of it takes effect, or nothing.

use std::time::Duration;

use super::drift;
use super::event::Event;
use super::executor::{Executor, NamedScript, TransactionPosition, ledger_run};
use super::failure::{Context as _, Failure};
use super::gate::{self, GateError};
use super::lock;
use super::probe;
use super::question::Within;
use super::rehearse::locks;
use super::relative;
use super::report::{FailureKind, Halt};
use super::resolve::{self, Resolution};
use super::restored;
use super::settings::durable;
use super::verify;
use super::{script, settings};
use crate::database::{DatabaseError, Session};
use crate::record::journal::JournalStep;
use crate::record::ledger::{self, Happened, NewEntry, NewStep};
use pgseal_verify::format::manifest::ReleaseState;
use pgseal_verify::format::receipt::{Action, Asked, GateAnswer, Receipt};

/// Time limit for an answer to COMMIT before the server is queried on another connection.
/// Constraints are checked earlier, so only writing and the confirmation of standbys remain.
const COMMIT_PATIENCE: Duration = Duration::from_secs(30);

/// The begin of a run's transactions, whatever the role or the database have set.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

impl Executor<'_, '_> {
    /// Runs scripts and commits them. The run's first transaction creates its ledger row, the last
    /// one proves the state.
    pub(super) fn transaction(
        &mut self,
        scripts: &[NamedScript<'_>],
        which: TransactionPosition,
    ) -> Result<(), Halt> {
        let limits = self.order.limits;
        settings::reset(self.session, limits).context("can't set time limits")?;
        lock::check_held(self.session)?;
        let transaction_id = self.begin()?;
        self.receipt.transaction_id = Some(transaction_id.clone());
        self.gates(Asked::First)?;
        if which.begins() {
            if self.receipt.action == Action::Run {
                drift::check_inside(self.session, &self.order, &self.receipt.target)?;
            }
            ledger::ensure(self.session).context("can't make the ledger (schema pgseal)")?;
        }
        if which.begins() && which.ends() {
            self.start()?;
        }
        let records = self.receipt.tiers.len();
        self.scripts(scripts)?;
        self.reset()?;
        self.check_constraints()?;
        settings::reset(self.session, limits).context("can't reset the session")?;
        // Leftover temporary tables would shadow tables of the same name in probes, checks and
        // gates.
        let discarded = self.session.execute("DISCARD TEMP");
        discarded.context("can't drop temporary tables")?;
        if which.ends() {
            self.state()?;
            self.verify()?;
            self.compare_with_start()?;
        }
        self.gates(Asked::Last)?;
        settings::reset(self.session, limits).context("can't reset the session")?;
        let written = self.ledger(&transaction_id, records, which);
        written.context("can't write the ledger")?;
        if let Some(clone) = self.order.rehearsal() {
            let tier = scripts.last().map_or("", |script| &script.name);
            locks::look_again(self.session, &self.order, clone, tier, self.observer)?;
        }
        self.commit(&transaction_id, which)?;
        for tier in &mut self.receipt.tiers[records..] {
            tier.transaction_id = Some(transaction_id.clone());
        }
        Ok(())
    }

    /// Begins a transaction that holds the run's lock too, and returns its id.
    pub(super) fn begin(&mut self) -> Result<String, Failure> {
        self.observer.event(Event::Transaction);
        let begun = self.session.execute(BEGIN);
        begun.context("can't begin the transaction")?;
        self.check_clone()?;
        lock::hold_in_transaction(self.session)?;
        query_transaction_id(
            self.session,
            "select pg_catalog.pg_current_xact_id()::pg_catalog.text",
        )
    }

    /// Fails unless a rehearsal is still on its clone.
    pub(super) fn check_clone(&mut self) -> Result<(), Failure> {
        match self.order.rehearsal() {
            Some(clone) => clone.check_inside(self.session).context("not on the clone"),
            None => Ok(()),
        }
    }

    /// Resets the session to that of a script.
    pub(super) fn reset(&mut self) -> Result<(), Failure> {
        settings::reset(self.session, self.order.limits)
            .and_then(|()| settings::use_release_path(self.session, self.order.manifest()))
            .context("can't reset the session")
    }

    pub(super) fn check_constraints(&mut self) -> Result<(), Failure> {
        let checked = self.session.execute("SET CONSTRAINTS ALL IMMEDIATE");
        checked
            .map(drop)
            .context("a deferred constraint does not hold")
    }

    /// Queries the gates of a run. A rollback waits for no approval.
    fn gates(&mut self, asked: Asked) -> Result<(), Halt> {
        if self.receipt.action == Action::Rollback {
            return Ok(());
        }
        let answers = gate::ask_inside(self.session, &self.order, asked);
        match self.open_gates(answers) {
            // Statements precede it.
            Err(Halt::GateClosed(_, failure)) if asked == Asked::Last => Err(Halt::Undone(failure)),
            opened => opened,
        }
    }

    /// Records the answers; fails if there are none, or one is BLOCKED.
    pub(super) fn open_gates(
        &mut self,
        answers: Result<Vec<GateAnswer>, GateError>,
    ) -> Result<(), Halt> {
        let closed = |kind, failure| Err(Halt::GateClosed(kind, Box::new(failure)));
        let answers = match answers {
            Ok(answers) => answers,
            Err(GateError::Unanswered(name, failure)) => {
                let message = format!("gate {name} could not be answered: {}", failure.message);
                return closed(FailureKind::Unanswered, failure.message(message));
            }
            Err(_) => {
                let failure = Failure::plain("the gates could not be asked");
                return closed(FailureKind::Unanswered, failure);
            }
        };
        let blocked = answers.iter().find(|answer| !answer.ready);
        let blocked =
            blocked.map(|gate| format!("gate {} closed meanwhile: {}", gate.name, gate.reason));
        self.receipt.gates.extend(answers);
        blocked.map_or(Ok(()), |message| {
            closed(FailureKind::Blocked, Failure::plain(message))
        })
    }

    fn scripts(&mut self, scripts: &[NamedScript<'_>]) -> Result<(), Halt> {
        let total = self.total();
        for NamedScript { number, name, sql } in scripts {
            self.reset()?;
            self.order.stop.check()?;
            self.observer.event(Event::Begin(*number, total, name));
            let record = script::run(self.session, *sql, &self.order, name, self.observer)?;
            self.observer.event(Event::Done(*number, total, &record));
            if let Some(clone) = self.order.rehearsal() {
                locks::look(self.session, &self.order, clone, name, self.observer)?;
            }
            self.receipt.tiers.push(record);
        }
        Ok(())
    }

    /// Asks for the values that the state is compared with.
    fn start(&mut self) -> Result<(), Halt> {
        let (_, state) = self.work.kind.final_state(self.order.manifest());
        let action = self.receipt.action;
        let within = self.within();
        let start = relative::at_start(self.session, &self.order, action, &state, within)?;
        if let Some(clone) = self.order.rehearsal().filter(|_| !start.is_empty()) {
            locks::look(self.session, &self.order, clone, "", self.observer)?;
        }
        self.receipt.start = (!start.is_empty()).then_some(start);
        Ok(())
    }

    /// The mode of probes.
    fn within(&self) -> Within {
        match self.receipt.action {
            Action::Run => probe::within_run(&self.order),
            // A rollback does not depend on another role.
            Action::Rollback => Within::TrustingRun,
        }
    }

    fn state(&mut self) -> Result<(), Halt> {
        let (state, expected) = self.work.kind.final_state(self.order.manifest());
        let sql = self.order.sql(&expected.probe)?;
        let within = self.within();
        let observed = probe::ask(self.session, sql, &self.order, within)?.row;
        let start = self.receipt.start.clone().unwrap_or_default();
        let mismatches = probe::compare(&expected, &observed, Some(&start));
        self.receipt.after = Some(observed);
        if mismatches.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        let own = self.order.manifest().states.rolled_back.is_some();
        let state = match state {
            ReleaseState::Finalized => "finalized",
            _ if own => "rolled_back",
            _ => "baseline",
        };
        Err(Failure::plain(format!(
            "the state would not be {state}: {}",
            list.join("; ")
        ))
        .into())
    }

    fn verify(&mut self) -> Result<(), Halt> {
        let (state, _) = self.work.kind.final_state(self.order.manifest());
        for script in verify::in_state(&self.order, state) {
            let record = verify::inside(self.session, script, &self.order, self.observer)?;
            let holds = record.held == record.checks;
            let sentence = verify::sentence(&record);
            self.receipt.verify.push(record);
            if !holds {
                let message = format!("a verify script does not hold: {sentence}");
                return Err(Failure::plain(message).into());
            }
        }
        Ok(())
    }

    /// Compares all definitions with those before the run that this rollback undoes.
    fn compare_with_start(&mut self) -> Result<(), Halt> {
        let Some(start) = self.work.start_of_run else {
            return Ok(());
        };
        let differs = match restored::differences(self.session, &self.order, start) {
            Ok(differs) => differs,
            Err(error) => {
                let why =
                    format!("cannot compare the definitions with those before the run: {error}");
                return Err(Failure::plain(why).into());
            }
        };
        let is_refused = start.is_required && !differs.is_empty();
        let failure = is_refused.then(|| restored::not_exact(&differs));
        self.receipt.not_restored = Some(differs);
        failure.map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Writes the ledger: the run's row, its tiers and the end of this transaction.
    fn ledger(
        &mut self,
        transaction_id: &str,
        records: usize,
        which: TransactionPosition,
    ) -> Result<(), DatabaseError> {
        let receipt = &*self.receipt;
        if which.begins() {
            let signers: Vec<String> = receipt.signers.iter().map(ToString::to_string).collect();
            let manifest = self.order.manifest();
            let (requires, conflicts) = match receipt.action {
                Action::Run => (manifest.requires.as_slice(), manifest.conflicts.as_slice()),
                Action::Rollback => (&[][..], &[][..]),
            };
            let entry = NewEntry {
                action: receipt.action,
                release: &receipt.release,
                release_id: self.order.bundle.release_id(),
                run_id: ledger_run(receipt),
                transaction_id,
                variables: self.order.variables,
                signers: &signers.join(","),
                approvals: &receipt.approvals,
                requires,
                conflicts,
                trust: &receipt.trust,
                target: &receipt.target,
                operator: self.order.operator,
                before: receipt.before.as_ref(),
            };
            ledger::add(self.session, &entry)?;
        }
        let step = NewStep {
            transaction_id: Some(transaction_id),
            ..new_step(receipt)
        };
        for tier in &receipt.tiers[records..] {
            let step = NewStep {
                happened: Some(Happened::Tier),
                tier: Some(&tier.name),
                rows: Some(tier.rows),
                took: Some(Duration::from_millis(tier.milliseconds)),
                ..step
            };
            ledger::add_step(self.session, &step)?;
        }
        let (happened, after) = if which.ends() {
            let after = serde_json::json!(receipt.after).to_string();
            (Happened::Finished, Some(after))
        } else {
            (Happened::Committed, None)
        };
        let step = NewStep {
            happened: Some(happened),
            evidence: after.as_deref(),
            ..step
        };
        ledger::add_step(self.session, &step)
    }

    /// Commits the open transaction, if it is still the one that was begun.
    pub(super) fn commit(
        &mut self,
        transaction_id: &str,
        which: TransactionPosition,
    ) -> Result<(), Halt> {
        // The same message makes the commit durable, whatever was set before.
        let last = query_transaction_id(
            self.session,
            concat!(
                "select pg_catalog.pg_current_xact_id()::pg_catalog.text where ",
                durable!(),
                ", true) is not null"
            ),
        )?;
        if last != transaction_id {
            return Err(Failure::plain(
                "the transaction is no longer the one that was begun: a script ended it",
            )
            .into());
        }
        self.observer.event(Event::Commit);
        self.order.stop.committing()?;
        let sent = self.send_commit(transaction_id, which);
        if sent.is_ok() {
            self.observer.event(Event::Committed);
        }
        match sent {
            Ok(()) if which.ends() => Ok(()),
            Ok(()) => {
                self.order.stop.between();
                self.journal(JournalStep::Committed {
                    transaction_id: transaction_id.to_owned(),
                })
            }
            Err(halt) => {
                match &halt {
                    Halt::Unknown(_) => {}
                    Halt::Stopped(_) => self.order.stop.between(),
                    _ => self.order.stop.refused(),
                }
                Err(halt)
            }
        }
    }

    fn send_commit(
        &mut self,
        transaction_id: &str,
        which: TransactionPosition,
    ) -> Result<(), Halt> {
        self.journal(JournalStep::Commit {
            transaction_id: transaction_id.to_owned(),
        })?;
        self.session.set_patience(COMMIT_PATIENCE);
        self.session.set_deadline(COMMIT_PATIENCE);
        let lost = match self.session.execute("COMMIT") {
            Ok(_) => {
                self.committed |= !which.ends();
                return Ok(());
            }
            Err(error) if !matches!(error, DatabaseError::Connection(_)) => {
                return Err(Failure::database("COMMIT was refused", &error).into());
            }
            Err(lost) => Failure::database("the connection was lost at COMMIT", &lost),
        };
        let and = |why: &str| {
            let message = format!("{}; {why}", lost.message);
            lost.clone().message(message)
        };
        match resolve::ask(&self.order, self.receipt, transaction_id, self.observer) {
            Resolution::Committed => {
                self.committed |= !which.ends();
                if which.ends() {
                    return Ok(());
                }
                let failure = and("it was committed, and the rest is still to be done");
                Err(Halt::Stopped(Box::new(failure)))
            }
            Resolution::Aborted => Err(lost.into()),
            Resolution::NotHere(why) => Err(and(&why).into()),
            Resolution::Unknown(why) => Err(Halt::Unknown(Box::new(and(&why)))),
        }
    }
}

/// A ledger step of this run.
pub(super) fn new_step(receipt: &Receipt) -> NewStep<'_> {
    NewStep {
        run_id: ledger_run(receipt),
        by_run: &receipt.run_id,
        ..NewStep::default()
    }
}

fn query_transaction_id(session: &mut dyn Session, sql: &'static str) -> Result<String, Failure> {
    let table = session
        .query(sql, &[])
        .context("can't ask for the transaction id")?;
    let id = table.single().map(str::to_owned);
    id.ok_or_else(|| Failure::plain("the server gave no transaction id"))
}
