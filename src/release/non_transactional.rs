//! Runs a non-transactional tier statement by statement. Each is recorded in the ledger, so that
//! after a crash the completed ones are known.
//!
//! A statement that can run inside a transaction gets a small one of its own, together with its
//! ledger row: it takes effect exactly once. Other statements are recorded before and after
//! (`outside.rs`); in between, the catalog is queried.

mod outside;
mod statement;

use std::time::Instant;

use super::event::Event;
use super::executor::{Executor, NamedScript, RetryScope, TransactionPosition, load_phases};
use super::failure::{Context as _, Failure};
use super::phases::Phase;
use super::rehearse::locks;
use super::report::Halt;
use super::resume::{Progress, UnfinishedRun};
use super::settings::durable;
use super::tier_log::{Sent, TierLog};
use super::transaction::{BEGIN, new_step};
use super::{clamp, fresh, gate, lock, reading, server_variables, settings};
use crate::bundle::steps;
use crate::record::ledger::{self, Happened, NewStep};
use outside::Outside;
use psql_script::{Script, Step};
use statement::PendingStatement;

/// Rows that the server reported, and the evidence of the effect if that is not the server's answer.
type Done = (u64, Option<String>);

impl Executor<'_, '_> {
    /// Runs the statements of a tier that the ledger does not have.
    pub(super) fn statements(&mut self, script: &NamedScript<'_>) -> Result<(), Halt> {
        let answers = gate::ask_all(&self.order, self.observer);
        self.open_gates(answers)?;
        self.as_new(&[])?;
        let total = self.total();
        let NamedScript { number, name, .. } = script;
        self.observer.event(Event::Begin(*number, total, name));
        let (begun, mut log) = (Instant::now(), TierLog::new(name));
        let done = self.each(script, &mut log);
        let record = log.end(begun.elapsed());
        if done.is_ok() {
            self.observer.event(Event::Done(*number, total, &record));
        }
        let step = NewStep {
            tier: Some(name),
            rows: Some(record.rows),
            took: Some(begun.elapsed()),
            ..NewStep::default()
        };
        self.receipt.tiers.push(record);
        done?;
        self.book(Happened::Tier, &step)
    }

    /// Fails if a statement of a tier is refused: before the run's first COMMIT, because another
    /// program may have packed the release.
    pub(super) fn judge(&mut self, script: &NamedScript<'_>) -> Result<(), Halt> {
        let special = server_variables::variables(self.session);
        let mut source = script.sql.script(self.order.variables, &special)?;
        while let Some(step) = source.next_step()? {
            match step {
                Step::Echo { .. } => {}
                Step::Await => return Err(refused_to_wait()),
                Step::Statement(statement) => {
                    let one = PendingStatement::read(&self.order, script, &statement, 1)?;
                    one.map_or(Ok(()), |one| one.skip(&mut source))?;
                }
            }
        }
        Ok(())
    }

    fn each(&mut self, script: &NamedScript<'_>, log: &mut TierLog) -> Result<(), Halt> {
        let special = server_variables::variables(self.session);
        let mut source = script.sql.script(self.order.variables, &special)?;
        let (mut number, mut settings) = (0, Vec::new());
        while let Some(step) = source.next_step()? {
            let statement = match step {
                Step::Echo { text, .. } => {
                    self.observer.event(Event::Echo(&text));
                    continue;
                }
                Step::Await => return Err(refused_to_wait()),
                Step::Statement(statement) => statement,
            };
            self.order.stop.check()?;
            let one = PendingStatement::read(&self.order, script, &statement, number + 1)?;
            let Some(one) = one else { continue };
            // Settings belong to the session: every resumed run must make them again.
            number += u32::from(!one.is_setting());
            self.one(&mut source, &one, &settings, log)?;
            if one.is_setting() {
                settings.push(one.statement.sql.clone());
            }
        }
        Ok(())
    }

    fn one(
        &mut self,
        source: &mut Script<'_>,
        one: &PendingStatement<'_>,
        settings: &[String],
        log: &mut TierLog,
    ) -> Result<(), Halt> {
        let mut progress = match self.work.kind.resumed() {
            Some(resumed) if !one.is_setting() => {
                let place = &one.place;
                let other = || {
                    Failure::plain(format!(
                        "{place}: the ledger has another statement in its place"
                    ))
                };
                one.progress(resumed).ok_or_else(other)?
            }
            _ => Progress::Open,
        };
        if progress == Progress::Done {
            return one.skip(source).map_err(Halt::from);
        }
        let (at, verb) = (&one.statement.origin.at, one.verb());
        self.observer.event(Event::Statement { at, verb });
        lock::check_held(self.session)?;
        self.check_clone()?;
        let begun = Instant::now();
        let scope = match one.step {
            steps::Step::Within => RetryScope::Transaction,
            steps::Step::Setting | steps::Step::NonTransactional(_) => RetryScope::NonTransactional,
        };
        let done = loop {
            let done: Result<Done, Halt> = match &one.step {
                steps::Step::Setting => one
                    .send(self.session, source)
                    .map(|rows| (rows, None))
                    .map_err(Halt::from),
                steps::Step::NonTransactional(kind) => Outside {
                    run: self,
                    one,
                    kind,
                }
                .execute(progress),
                steps::Step::Within => self.in_transaction(source, one).map(|rows| (rows, None)),
            };
            match &done {
                // Data in the script can be read only once.
                Err(Halt::Undone(failure))
                    if one.is_repeatable() && self.again(failure, scope)? =>
                {
                    self.as_new(settings)?;
                    progress = Progress::Open;
                }
                _ => break done,
            }
        };
        for notice in self.session.notices() {
            log.notice(at, &notice, self.observer);
        }
        let (rows, evidence) = done?;
        log.count(1, rows);
        log.sent(Sent {
            at,
            verb,
            statements: 1,
            rows,
            took: begun.elapsed(),
            evidence,
        });
        if !one.is_setting() {
            self.commit_point(one.tier, Some(at))?;
            self.order.stop.check()?;
            return self.as_new(settings);
        }
        let kept = clamp::put_back(self.session, &self.order, at, self.observer);
        Ok(kept.context("can't keep the release's time limits")?)
    }

    /// Runs a statement in a transaction that also has its row: both happen, or neither.
    fn in_transaction(
        &mut self,
        source: &mut Script<'_>,
        one: &PendingStatement<'_>,
    ) -> Result<u64, Halt> {
        let transaction_id = self.begin()?;
        let rows = one.send(self.session, source)?;
        self.check_constraints()?;
        reading::check(self.session, one.statement, 0)?;
        if let Some(clone) = self.order.rehearsal() {
            locks::look_again(self.session, &self.order, clone, one.tier, self.observer)?;
        }
        self.session
            .batch(OURS)
            .context("can't reset the session")?;
        let sha256 = one.sha256.to_string();
        let step = NewStep {
            happened: Some(Happened::Done),
            rows: Some(rows),
            transaction_id: Some(&transaction_id),
            ..one.row(&sha256, new_step(self.receipt))
        };
        ledger::add_step(self.session, &step).context("can't write the ledger")?;
        self.commit(&transaction_id, TransactionPosition::Between)?;
        Ok(rows)
    }

    /// Resets the session to that of a resumed run: new, with the settings that the script has made
    /// so far.
    ///
    /// State that a function, a `DO` or a trigger left in the session would be missing after a
    /// crash.
    fn as_new(&mut self, settings: &[String]) -> Result<(), Halt> {
        fresh::make(self.session, self.order.limits)
            .and_then(|()| settings::use_release_path(self.session, self.order.manifest()))
            .context("can't reset the session")?;
        for sql in settings {
            let repeated = self.session.execute(sql);
            repeated.context(&format!("can't repeat {sql}"))?;
        }
        if settings.iter().any(|sql| clamp::may_change(sql)) {
            clamp::put_back_silently(self.session, self.order.limits)
                .context("can't keep the release's time limits")?;
        }
        Ok(())
    }

    /// Before a rollback, clears the leftovers of a statement whose answer was not received. A
    /// rollback script cannot know of them. Returns the leftovers that it removed.
    pub(super) fn clear_interrupted(
        &mut self,
        unfinished: &UnfinishedRun,
    ) -> Result<Option<String>, Halt> {
        let mut cleared = None;
        for phase in load_phases(&self.order)? {
            let Phase::NonTransactional(script) = phase else {
                continue;
            };
            if unfinished.has_tier(&script.name) {
                continue;
            }
            self.reset()?;
            let special = server_variables::variables(self.session);
            let mut source = script.sql.script(self.order.variables, &special)?;
            let mut number = 0;
            while let Some(step) = source.next_step()? {
                let Step::Statement(statement) = step else {
                    continue;
                };
                // The run never came beyond a statement that is refused.
                let Ok(one) = PendingStatement::read(&self.order, &script, &statement, number + 1)
                else {
                    return Ok(cleared);
                };
                let Some(one) = one else { continue };
                if one.is_setting() {
                    one.send(self.session, &mut source)?;
                    continue;
                }
                number += 1;
                match (one.progress(unfinished), &one.step) {
                    (
                        Some(Progress::Interrupted(remembered)),
                        steps::Step::NonTransactional(kind),
                    ) => {
                        let mut outside = Outside {
                            run: self,
                            one: &one,
                            kind,
                        };
                        cleared = outside.clear(&remembered)?.or(cleared);
                    }
                    _ => one.skip(&mut source)?,
                }
            }
        }
        Ok(cleared)
    }

    /// Records a step in a small transaction of its own, with pgseal's own role and search path.
    fn book(&mut self, happened: Happened, step: &NewStep<'_>) -> Result<(), Halt> {
        let NewStep { run_id, by_run, .. } = new_step(self.receipt);
        let step = NewStep {
            run_id,
            by_run,
            happened: Some(happened),
            ..*step
        };
        lock::check_held(self.session)?;
        let booked = self
            .session
            .batch(&format!("{BEGIN}; {OURS}; SELECT {}, true)", durable!()))
            .and_then(|()| ledger::add_step(self.session, &step))
            .and_then(|()| self.session.execute("COMMIT"));
        booked.context("can't write the ledger")?;
        Ok(())
    }
}

fn refused_to_wait() -> Halt {
    Failure::plain("a condition over an answer, in a tier without transaction").into()
}

/// Sets pgseal's own role and search path for the rest of a transaction.
const OURS: &str = "SET LOCAL ROLE NONE; SET LOCAL search_path = pg_catalog, pg_temp";
