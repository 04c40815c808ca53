//! Runs a non-transactional tier statement by statement. Each is recorded in the ledger, so that
//! after a crash the completed ones are known.
//!
//! A statement that can run inside a transaction gets a small one of its own, together with its
//! ledger row: it takes effect exactly once. Other statements are recorded before and after
//! (`outside`); in between, the catalog is queried.

mod non_transactional;
mod pending;

use std::time::Instant;

use super::event::Event;
use super::executor::{self, Executor, NamedScript, Part, RetryScope};
use super::failure::{Context as _, Failure};
use super::report::Halt;
use super::resume::{Progress, Resumed};
use super::settings::durable;
use super::tier_log::{Sent, TierLog};
use super::transaction::{BEGIN, unanswered};
use super::{clamp, fresh, gate, lock, server_variables, settings};
use crate::bundle::steps;
use crate::database::Session;
use crate::record::ledger::{self, Happened, NewStep};
use psql_script::{Script, Step};

pub(super) use pending::PendingStatement;

impl Executor<'_, '_> {
    /// Runs the statements of a tier that the ledger does not have.
    pub(super) fn statements(
        &mut self,
        session: &mut dyn Session,
        script: &NamedScript<'_>,
    ) -> Result<(), Halt> {
        let closed = |(kind, failure)| Halt::GateClosed(kind, Box::new(failure));
        let answers =
            gate::ask_all(&self.order, self.observer).map_err(|error| closed(unanswered(error)))?;
        self.open_gates(answers).map_err(closed)?;
        self.as_new(session, &[])?;
        let total = self.total();
        self.observer
            .event(Event::Begin(script.number, total, &script.name));
        let (begun, mut log) = (Instant::now(), TierLog::new(&script.name));
        let done = self.each(session, script, &mut log);
        let record = log.end(begun.elapsed());
        if done.is_ok() {
            self.observer
                .event(Event::Done(script.number, total, &record));
        }
        let rows = Some(record.rows);
        self.receipt.tiers.push(record);
        done?;
        self.book(
            session,
            Happened::Tier,
            &NewStep {
                tier: Some(&script.name),
                rows,
                took: Some(begun.elapsed()),
                ..NewStep::default()
            },
        )
    }

    fn each(
        &mut self,
        session: &mut dyn Session,
        script: &NamedScript<'_>,
        log: &mut TierLog,
    ) -> Result<(), Halt> {
        let special = server_variables::variables(session);
        let mut source = script.sql.script(self.order.variables, &special)?;
        let (mut number, mut settings) = (0, Vec::new());
        loop {
            match source.next_step() {
                Ok(None) => return Ok(()),
                Ok(Some(Step::Echo { text, .. })) => self.observer.event(Event::Echo(&text)),
                Ok(Some(Step::Await)) => {
                    return Err(Failure::plain(
                        "a condition over an answer, in a tier without transaction",
                    )
                    .into());
                }
                Ok(Some(Step::Statement(statement))) => {
                    self.order.stop.check()?;
                    let one = PendingStatement::read(&self.order, script, &statement, number + 1)?;
                    let Some(one) = one else { continue };
                    // Settings belong to the session: every resumed run must make them again.
                    number += u32::from(!one.is_setting());
                    self.one(session, &mut source, &one, &settings, log)?;
                    if one.is_setting() {
                        settings.push(one.statement.sql.clone());
                    }
                }
                Err(error) => return Err(Failure::script(&error).into()),
            }
        }
    }

    fn one(
        &mut self,
        session: &mut dyn Session,
        source: &mut Script<'_>,
        one: &PendingStatement<'_>,
        settings: &[String],
        log: &mut TierLog,
    ) -> Result<(), Halt> {
        let before = match &self.work.resumed {
            _ if one.is_setting() => Progress::Open,
            None => Progress::Open,
            Some(resumed) => {
                let other = || {
                    Failure::plain(format!(
                        "{}: the ledger has another statement in its place",
                        one.place
                    ))
                };
                resumed
                    .progress(one.tier, one.number, &one.sha256)
                    .ok_or_else(other)?
            }
        };
        if before == Progress::Done {
            return one.skip(source).map_err(Halt::from);
        }
        let (at, verb) = (&one.statement.origin.at, one.verb());
        self.observer.event(Event::Statement { at, verb });
        lock::check_held(session)?;
        let begun = Instant::now();
        let tried = if one.step == steps::Step::Within {
            RetryScope::Transaction
        } else {
            RetryScope::NonTransactional
        };
        let mut before = before;
        let done = loop {
            let done = match &one.step {
                steps::Step::Setting => one
                    .send(session, source)
                    .map(|rows| (rows, None))
                    .map_err(Halt::from),
                steps::Step::NonTransactional(kind) => self.classify(session, one, kind, before),
                steps::Step::Within => self
                    .in_transaction(session, source, one)
                    .map(|rows| (rows, None)),
            };
            match &done {
                // Data in the script can be read only once.
                Err(Halt::Undone(failure))
                    if one.is_repeatable() && self.again(session, failure, tried)? =>
                {
                    self.as_new(session, settings)?;
                    before = Progress::Open;
                }
                _ => break done,
            }
        };
        for notice in session.notices() {
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
            self.order.stop.check()?;
            return self.as_new(session, settings);
        }
        let kept = clamp::put_back(session, &self.order, at, self.observer);
        kept.map_err(|error| {
            Failure::database("can't keep the release's time limits", &error).into()
        })
    }

    /// Resets the session to that of a resumed run: new, with the settings that the script has made
    /// so far.
    ///
    /// State that a function, a `DO` or a trigger left in the session would be missing after a
    /// crash.
    fn as_new(&mut self, session: &mut dyn Session, settings: &[String]) -> Result<(), Halt> {
        fresh::make(session, self.order.limits)
            .and_then(|()| settings::use_release_path(session, self.order.manifest()))
            .context("can't reset the session")?;
        for sql in settings {
            session
                .execute(sql)
                .context(&format!("can't repeat {sql}"))?;
        }
        if settings.iter().any(|sql| clamp::may_change(sql)) {
            clamp::put_back_silently(session, self.order.limits)
                .context("can't keep the release's time limits")?;
        }
        Ok(())
    }

    /// Before a rollback, clears the leftovers of a statement whose answer was not received. A
    /// rollback script cannot know of them.
    pub(super) fn clear_interrupted(
        &mut self,
        session: &mut dyn Session,
        half_way: &Resumed,
    ) -> Result<(), Halt> {
        for part in executor::parts(&self.order).map_err(Failure::plain)? {
            let Part::NonTransactional(script) = part else {
                continue;
            };
            if half_way.has_tier(&script.name) {
                continue;
            }
            settings::reset(session, self.order.limits)
                .and_then(|()| settings::use_release_path(session, self.order.manifest()))
                .context("can't reset the session")?;
            let special = server_variables::variables(session);
            let mut source = script.sql.script(self.order.variables, &special)?;
            let mut number = 0;
            while let Some(step) = source.next_step()? {
                let Step::Statement(statement) = step else {
                    continue;
                };
                let Some(one) =
                    PendingStatement::read(&self.order, &script, &statement, number + 1)?
                else {
                    continue;
                };
                if one.is_setting() {
                    one.send(session, &mut source)?;
                    continue;
                }
                number += 1;
                match (
                    half_way.progress(one.tier, one.number, &one.sha256),
                    &one.step,
                ) {
                    (
                        Some(Progress::Interrupted(remembered)),
                        steps::Step::NonTransactional(kind),
                    ) => {
                        self.clear_one(session, &one, kind, &remembered)?;
                    }
                    _ => one.skip(&mut source)?,
                }
            }
        }
        Ok(())
    }

    /// Records a step in a small transaction of its own, with pgseal's own role and search path.
    fn book(
        &mut self,
        session: &mut dyn Session,
        happened: Happened,
        step: &NewStep<'_>,
    ) -> Result<(), Halt> {
        let (run_id, by_run) = (self.ledger_run(), self.receipt.run_id.clone());
        let step = NewStep {
            run_id: &run_id,
            by_run: &by_run,
            happened: Some(happened),
            ..*step
        };
        lock::check_held(session)?;
        let booked = session
            .batch(&format!("{BEGIN}; {OURS}; SELECT {}, true)", durable!()))
            .and_then(|()| ledger::add_step(session, &step))
            .and_then(|()| session.execute("COMMIT"));
        booked
            .map(drop)
            .map_err(|error| Failure::database("can't write the ledger", &error).into())
    }
}

/// Sets pgseal's own role and search path for the rest of a transaction.
const OURS: &str = "SET LOCAL ROLE NONE; SET LOCAL search_path = pg_catalog, pg_temp";
