//! Executes one transaction of a run or a rollback: all of it takes effect, or nothing.

use std::time::Duration;

use super::event::Event;
use super::executor::{Executor, NamedScript, TransactionPosition};
use super::failure::{Context as _, Failure};
use super::gate::{self, GateError};
use super::lock;
use super::probe;
use super::question::Within;
use super::rehearse::locks;
use super::report::{FailureKind, Halt};
use super::resolve::{self, Resolution};
use super::settings::durable;
use super::verify;
use super::{script, settings};
use crate::database::{DatabaseError, Session};
use crate::record::journal::JournalStep;
use crate::record::ledger::{self, Happened, NewEntry, NewStep};
use pgseal_verify::format::receipt::{Action, Asked, GateAnswer, TierRecord, VerifyRecord};

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
        session: &mut dyn Session,
        scripts: &[NamedScript<'_>],
        which: TransactionPosition,
    ) -> Result<(), Halt> {
        let limits = self.order.limits;
        settings::reset(session, limits).context("can't set time limits")?;
        lock::check_held(session)?;
        session
            .execute(BEGIN)
            .context("can't begin the transaction")?;
        lock::hold_in_transaction(session).map_err(Failure::plain)?;
        let transaction_id = transaction_id(session)?;
        self.receipt.transaction_id = Some(transaction_id.clone());
        if self.work.gated {
            self.gates(session, Asked::First)
                .map_err(|(kind, failure)| Halt::GateClosed(kind, Box::new(failure)))?;
        }
        if which.begins() {
            ledger::ensure(session).context("can't make the ledger (schema pgseal)")?;
        }
        let records = self.receipt.tiers.len();
        self.scripts(session, scripts)?;
        settings::reset(session, limits)
            .and_then(|()| settings::use_release_path(session, self.order.manifest()))
            .context("can't reset the session")?;
        session
            .execute("SET CONSTRAINTS ALL IMMEDIATE")
            .context("a deferred constraint does not hold")?;
        settings::reset(session, limits).context("can't reset the session")?;
        // Leftover temporary tables would shadow tables of the same name in probes, checks and
        // gates.
        session
            .execute("DISCARD TEMP")
            .context("can't drop temporary tables")?;
        if which.ends() {
            self.state(session)?;
            self.verify(session)?;
        }
        if self.work.gated {
            self.gates(session, Asked::Last)
                .map_err(|(_, failure)| failure)?;
        }
        settings::reset(session, limits).context("can't reset the session")?;
        self.ledger(session, &transaction_id, records, which)
            .context("can't write the ledger")?;
        if let Some(clone) = self.order.clone {
            locks::look_again(session, &self.order, clone)?;
        }
        self.commit(session, &transaction_id, which)?;
        self.receipt.tiers[records..]
            .iter_mut()
            .for_each(|tier| tier.transaction_id = Some(transaction_id.clone()));
        Ok(())
    }

    fn gates(
        &mut self,
        session: &mut dyn Session,
        asked: Asked,
    ) -> Result<(), (FailureKind, Failure)> {
        let answers = gate::ask_inside(session, &self.order, asked).map_err(unanswered)?;
        self.open_gates(answers)
    }

    /// Records the answers; fails if one is BLOCKED.
    pub(super) fn open_gates(
        &mut self,
        answers: Vec<GateAnswer>,
    ) -> Result<(), (FailureKind, Failure)> {
        let closed = answers.iter().find(|answer| !answer.ready);
        let closed =
            closed.map(|gate| format!("gate {} closed meanwhile: {}", gate.name, gate.reason));
        self.receipt.gates.extend(answers);
        closed.map_or(Ok(()), |message| {
            Err((FailureKind::Blocked, Failure::plain(message)))
        })
    }

    fn scripts(
        &mut self,
        session: &mut dyn Session,
        scripts: &[NamedScript<'_>],
    ) -> Result<(), Halt> {
        let total = self.total();
        for NamedScript { number, name, sql } in scripts {
            let reset = settings::reset(session, self.order.limits);
            let set =
                reset.and_then(|()| settings::use_release_path(session, self.order.manifest()));
            set.context("can't reset the session")?;
            self.order.stop.check()?;
            self.observer.event(Event::Begin(*number, total, name));
            let record: TierRecord = script::run(session, *sql, &self.order, name, self.observer)?;
            self.observer.event(Event::Done(*number, total, &record));
            if let Some(clone) = self.order.clone {
                locks::look(session, &self.order, clone, name, self.observer)?;
            }
            self.receipt.tiers.push(record);
        }
        Ok(())
    }

    fn state(&mut self, session: &mut dyn Session) -> Result<(), Halt> {
        let sql = self
            .order
            .sql(&self.work.after.probe)
            .map_err(Failure::plain)?;
        // A rollback does not depend on another role.
        let within = if self.work.gated {
            probe::within_run(&self.order)
        } else {
            Within::TrustingRun
        };
        let observed = probe::ask(session, sql, &self.order, within)?.row;
        let mismatches = probe::compare(self.work.after, &observed);
        self.receipt.after = Some(observed);
        if mismatches.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        let state = if self.work.action == Action::Run {
            "finalized"
        } else {
            "baseline"
        };
        Err(Failure::plain(format!(
            "the state would not be {state}: {}",
            list.join("; ")
        ))
        .into())
    }

    fn verify(&mut self, session: &mut dyn Session) -> Result<(), Halt> {
        for script in verify::in_state(&self.order, self.work.verify) {
            let record: VerifyRecord = verify::inside(session, script, &self.order, self.observer)?;
            let held = record.held == record.checks;
            let sentence = verify::sentence(&record);
            self.receipt.verify.push(record);
            if !held {
                return Err(
                    Failure::plain(format!("a verify script does not hold: {sentence}")).into(),
                );
            }
        }
        Ok(())
    }

    /// Writes the ledger: the run's row, its tiers and the end of this transaction.
    fn ledger(
        &mut self,
        session: &mut dyn Session,
        transaction_id: &str,
        records: usize,
        which: TransactionPosition,
    ) -> Result<(), DatabaseError> {
        let run = self.ledger_run();
        if which.begins() {
            let signers: Vec<String> = self
                .receipt
                .signers
                .iter()
                .map(ToString::to_string)
                .collect();
            let entry = NewEntry {
                action: self.work.action,
                release: &self.receipt.release,
                release_id: self.order.bundle.release_id(),
                run_id: &run,
                transaction_id,
                variables: self.order.variables,
                signers: &signers.join(","),
                approvals: &self.receipt.approvals,
                trust: &self.receipt.trust,
                target: &self.receipt.target,
                operator: self.order.operator,
                before: self.receipt.before.as_ref(),
            };
            ledger::add(session, &entry)?;
        }
        let step = NewStep {
            run_id: &run,
            by_run: &self.receipt.run_id,
            transaction_id: Some(transaction_id),
            ..NewStep::default()
        };
        for tier in &self.receipt.tiers[records..] {
            let happened = Some(Happened::Tier);
            let (rows, took) = (
                Some(tier.rows),
                Some(Duration::from_millis(tier.milliseconds)),
            );
            ledger::add_step(
                session,
                &NewStep {
                    happened,
                    tier: Some(&tier.name),
                    rows,
                    took,
                    ..step
                },
            )?;
        }
        let happened = Some(if which.ends() {
            Happened::Finished
        } else {
            Happened::Committed
        });
        let after = which
            .ends()
            .then(|| serde_json::json!(self.receipt.after).to_string());
        ledger::add_step(
            session,
            &NewStep {
                happened,
                evidence: after.as_deref(),
                ..step
            },
        )
    }

    /// Commits the open transaction, if it is still the one that was begun.
    pub(super) fn commit(
        &mut self,
        session: &mut dyn Session,
        transaction_id: &str,
        which: TransactionPosition,
    ) -> Result<(), Halt> {
        if last_transaction_id(session)? != transaction_id {
            return Err(Failure::plain(
                "the transaction is no longer the one that was begun: a script ended it",
            )
            .into());
        }
        self.observer.event(Event::Commit);
        self.order.stop.committing()?;
        match self.send_commit(session, transaction_id, which) {
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
        session: &mut dyn Session,
        transaction_id: &str,
        which: TransactionPosition,
    ) -> Result<(), Halt> {
        self.journal(JournalStep::Commit {
            transaction_id: transaction_id.to_owned(),
        })?;
        session.set_patience(COMMIT_PATIENCE);
        session.set_deadline(COMMIT_PATIENCE);
        let lost = match session.execute("COMMIT") {
            Ok(_) => {
                self.committed = true;
                return Ok(());
            }
            Err(error) if !matches!(error, DatabaseError::Connection(_)) => {
                return Err(Failure::database("COMMIT was refused", &error).into());
            }
            Err(lost) => lost,
        };
        let failure = Failure::database("the connection was lost at COMMIT", &lost);
        match resolve::ask(
            &self.order,
            self.receipt,
            &self.ledger_run(),
            transaction_id,
            self.observer,
        ) {
            Resolution::Committed if which.ends() => {
                self.committed = true;
                Ok(())
            }
            Resolution::Committed => {
                self.committed = true;
                let message = format!(
                    "{}; it was committed, and the rest is still to be done",
                    failure.message
                );
                Err(Halt::Stopped(Box::new(Failure { message, ..failure })))
            }
            Resolution::Aborted => Err(failure.into()),
            Resolution::NotHere(why) => Err(Failure {
                message: format!("{}; {why}", failure.message),
                ..failure
            }
            .into()),
            Resolution::Unknown(why) => {
                let message = format!("{}; {why}", failure.message);
                Err(Halt::Unknown(Box::new(Failure { message, ..failure })))
            }
        }
    }
}

/// Converts a gate error into the failure of a run.
pub(super) fn unanswered(error: GateError) -> (FailureKind, Failure) {
    match error {
        GateError::Unanswered(name, failure) => {
            let message = format!("gate {name} could not be answered: {}", failure.message);
            (
                FailureKind::Unanswered,
                Failure {
                    message,
                    ..*failure
                },
            )
        }
        _ => (
            FailureKind::Unanswered,
            Failure::plain("the gates could not be asked"),
        ),
    }
}

/// The id of the open transaction.
pub(super) fn transaction_id(session: &mut dyn Session) -> Result<String, Failure> {
    ask_transaction_id(
        session,
        "select pg_catalog.pg_current_xact_id()::pg_catalog.text",
    )
}

/// [`transaction_id`] before COMMIT. The same message makes the commit durable, whatever was set
/// before.
fn last_transaction_id(session: &mut dyn Session) -> Result<String, Failure> {
    let sql = concat!(
        "select pg_catalog.pg_current_xact_id()::pg_catalog.text where ",
        durable!(),
        ", true) is not null"
    );
    ask_transaction_id(session, sql)
}

fn ask_transaction_id(session: &mut dyn Session, sql: &'static str) -> Result<String, Failure> {
    let asked = session.query(sql, &[]);
    let asked = asked.context("can't ask for the transaction id")?;
    asked
        .single()
        .map(str::to_owned)
        .ok_or_else(|| Failure::plain("the server gave no transaction id"))
}
