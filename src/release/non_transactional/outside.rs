//! A statement outside of any transaction: recorded before and after, and looked up in the catalog
//! if its answer was not received.

use std::time::{Duration, Instant};

use super::{Done, PendingStatement};
use crate::database::DatabaseError;
use crate::record::journal::JournalStep;
use crate::record::ledger::{Happened, NewStep};
use crate::release::event::Event;
use crate::release::evidence::{self, Before, Effect};
use crate::release::executor::Executor;
use crate::release::failure::{Context as _, Failure};
use crate::release::reading;
use crate::release::report::Halt;
use crate::release::resume::{Decision, Progress};
use psql_script::NonTransactional;

/// Maximum wait for a server process that still works on the statement.
const STILL_RUNNING: Duration = Duration::from_secs(60);

/// Pause between two catalog queries about such a process.
const PAUSE: Duration = Duration::from_millis(500);

/// A statement of a run, and its kind.
pub(super) struct Outside<'x, 'a, 'b> {
    pub run: &'x mut Executor<'a, 'b>,
    pub one: &'x PendingStatement<'x>,
    pub kind: &'x NonTransactional,
}

impl Outside<'_, '_, '_> {
    /// Sends the statement, unless it took effect before.
    pub fn execute(&mut self, progress: Progress) -> Result<Done, Halt> {
        if let Progress::Interrupted(remembered) = progress
            && let Some(how) = self.interrupted(&remembered)?
        {
            return Ok((0, Some(how)));
        }
        let before = evidence::before(self.run.session, self.kind)?;
        let remembered = serde_json::to_string(&before).map_err(Failure::plain)?;
        self.book(Happened::Started, Some(remembered), None)?;
        self.run.journal(JournalStep::Statement {
            tier: self.one.tier.to_owned(),
            at: self.one.place.clone(),
        })?;
        // A resumed run must not look for the effect of a statement that was never sent.
        if let Err(stopped) = self.run.order.stop.check() {
            self.run.order.stop.clear_away();
            self.book(Happened::Failed, Some(text("it was never sent")), None)?;
            return Err(stopped.into());
        }
        let begun = Instant::now();
        match self.run.session.execute(&self.one.statement.sql) {
            Ok(rows) => {
                let reading = self.restore_reading()?;
                let remark = evidence::confirm(self.run.session, self.kind, &before)?;
                let done = Some((rows, begun.elapsed()));
                self.book(Happened::Done, remark.as_deref().map(text), done)?;
                // It is done: a resumed run begins after it.
                reading.map_err(stopped)?;
                Ok((rows, remark))
            }
            Err(error @ DatabaseError::Server(_)) => {
                let failure = Failure::statement(self.one.statement, &error);
                self.refused(&before, failure)
            }
            Err(lost) => Err(Failure::statement(self.one.statement, &lost).into()),
        }
    }

    /// Clears the leftovers of a statement that the server answered with an error.
    fn refused(&mut self, before: &Before, failure: Failure) -> Result<Done, Halt> {
        if self.run.order.stop.is_requested() {
            self.run.order.stop.clear_away();
        }
        let effect = self.find(before)?;
        // If that fails, the row stays open, and a resumed run finds the leftovers.
        let effect = self.cleared(before, effect).map_err(|halt| match halt {
            Halt::Undone(left) => stopped(Failure {
                detail: Some(left.message),
                ..failure.clone()
            }),
            other => other,
        })?;
        match effect {
            Effect::Took(how) => {
                self.book(Happened::Found, Some(text(&how)), None)?;
                Ok((0, Some(how)))
            }
            Effect::NotThere(how) => {
                self.book(Happened::Failed, Some(text(&how)), None)?;
                Err(failure.into())
            }
            // The row stays open: the operator of a resumed run decides.
            Effect::StillRunning(why)
            | Effect::Undecidable(why)
            | Effect::Leftover { what: why, .. } => {
                let hint = failure.hint.clone().unwrap_or(why);
                Err(stopped(failure.hint(hint)))
            }
        }
    }

    /// Clears the leftovers of an interrupted statement before its run is rolled back, and returns
    /// what they were.
    pub fn clear(&mut self, remembered: &str) -> Result<Option<String>, Halt> {
        let before = self.read_back(remembered)?;
        match self.find(&before)? {
            Effect::Leftover { what, cleanup } => {
                self.clean(&what, &cleanup)?;
                Ok(Some(what))
            }
            Effect::StillRunning(why) => Err(self.still_running(&why).into()),
            // In each case the rollback scripts undo it, and the baseline probe proves that.
            Effect::Took(_) | Effect::NotThere(_) | Effect::Undecidable(_) => Ok(None),
        }
    }

    /// Finds the effect of a statement whose answer was not received. Returns the evidence if it
    /// took effect, `None` if it must be sent again.
    fn interrupted(&mut self, remembered: &str) -> Result<Option<String>, Halt> {
        let before = self.read_back(remembered)?;
        let effect = self.find(&before)?;
        let decision = self.run.work.kind.take_decision();
        let place = &self.one.place;
        if let (
            Some(_),
            Effect::Took(how) | Effect::NotThere(how) | Effect::Leftover { what: how, .. },
        ) = (decision, &effect)
        {
            let text = format!("{place}: no decision is needed, its outcome is known: {how}");
            return Err(Failure::plain(text).hint("leave out --interrupted").into());
        }
        let (happened, how) = match self.cleared(&before, effect)? {
            Effect::Took(how) => (Happened::Found, how),
            Effect::NotThere(how) => (Happened::Again, how),
            Effect::Leftover { what, .. } => {
                let text = format!("{place}: it was cleared away, and is there again: {what}");
                return Err(Failure::plain(text).into());
            }
            Effect::StillRunning(why) => return Err(self.still_running(&why).into()),
            Effect::Undecidable(question) => {
                let happened = match decision {
                    Some(Decision::Done) => Happened::Found,
                    Some(Decision::Again) => Happened::Again,
                    None => {
                        let text = format!(
                            "{place}: it was interrupted, and the catalog can't say how far it came"
                        );
                        let hint = format!(
                            "{question}: by --resume --interrupted done, or --resume --interrupted again"
                        );
                        return Err(Failure::plain(text).hint(hint).into());
                    }
                };
                (happened, "a person decided so".to_owned())
            }
        };
        self.book(happened, Some(text(&how)), None)?;
        self.run.observer.event(Event::Found {
            at: &self.one.statement.origin.at,
            again: happened == Happened::Again,
            how: &how,
        });
        Ok((happened == Happened::Found).then_some(how))
    }

    /// Queries the catalog; waits, within bounds, for a server process that still works on the
    /// statement.
    fn find(&mut self, before: &Before) -> Result<Effect, Halt> {
        let begun = Instant::now();
        let Self { run, one, kind } = self;
        loop {
            let found = evidence::find(run.session, kind, before, &one.statement.sql)
                .context("can't ask the catalog")?;
            let Effect::StillRunning(why) = &found else {
                return Ok(found);
            };
            if begun.elapsed() > STILL_RUNNING {
                return Ok(found);
            }
            if !run.order.stop.is_clearing() {
                run.order.stop.check()?;
            }
            run.observer.event(Event::StillRunning {
                at: &one.statement.origin.at,
                why,
            });
            std::thread::sleep(PAUSE);
        }
    }

    /// Clears leftovers, and queries again: they may have hidden the effect.
    fn cleared(&mut self, before: &Before, effect: Effect) -> Result<Effect, Halt> {
        let Effect::Leftover { what, cleanup } = effect else {
            return Ok(effect);
        };
        self.clean(&what, &cleanup)?;
        let after = |how| format!("{what}; it was cleared away, and now: {how}");
        Ok(match self.find(before)? {
            Effect::Took(how) => Effect::Took(after(how)),
            Effect::NotThere(how) => Effect::NotThere(after(how)),
            other => other,
        })
    }

    fn clean(&mut self, what: &str, cleanup: &[String]) -> Result<(), Failure> {
        self.run.observer.event(Event::Cleaning {
            at: &self.one.statement.origin.at,
            what,
        });
        let place = &self.one.place;
        for statement in cleanup {
            self.run.session.execute(statement).context(&format!(
                "{place}: {what}, and it can't be cleaned up by {statement}"
            ))?;
        }
        Ok(())
    }

    fn book(
        &mut self,
        happened: Happened,
        evidence: Option<String>,
        done: Option<(u64, Duration)>,
    ) -> Result<(), Halt> {
        let sha256 = self.one.sha256.to_string();
        let (rows, took) = done.unzip();
        let step = NewStep {
            evidence: evidence.as_deref(),
            rows,
            took,
            ..self.one.row(&sha256, NewStep::default())
        };
        self.run.book(happened, &step)
    }

    /// Restores the session's reading of SQL text for the ledger row. Returns the failure if the
    /// statement has changed it.
    fn restore_reading(&mut self) -> Result<Result<(), Failure>, Failure> {
        let reading = reading::check(self.run.session, self.one.statement, 0);
        if reading.is_err() {
            let reset = "RESET standard_conforming_strings; RESET client_encoding";
            let reset = self.run.session.batch(reset);
            reset.context("can't reset the session")?;
        }
        Ok(reading)
    }

    fn read_back(&self, remembered: &str) -> Result<Before, Failure> {
        let unread = |error| {
            let place = &self.one.place;
            Failure::plain(format!(
                "{place}: the ledger's evidence can't be read: {error}"
            ))
        };
        serde_json::from_str(remembered).map_err(unread)
    }

    fn still_running(&self, why: &str) -> Failure {
        let place = &self.one.place;
        Failure::plain(format!("{place}: the server still works on it: {why}"))
            .hint("wait for it, or end that process; then go on")
    }
}

fn stopped(failure: Failure) -> Halt {
    Halt::Stopped(Box::new(failure))
}

/// Evidence as JSON.
fn text(how: &str) -> String {
    serde_json::json!({ "how": how }).to_string()
}
