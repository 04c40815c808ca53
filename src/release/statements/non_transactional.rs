//! A statement outside of any transaction: recorded before and after, and looked up where nobody saw the answer.

use std::time::{Duration, Instant};

use super::super::event::Event;
use super::super::evidence::{self, Before, Effect};
use super::super::executor::Executor;
use super::super::failure::{Context as _, Failure};
use super::super::reading;
use super::super::report::Halt;
use super::super::resume::{Decision, Progress};
use super::PendingStatement;
use crate::database::{DatabaseError, Session};
use crate::record::journal::JournalStep;
use crate::record::ledger::{Happened, NewStep};
use psql_script::NonTransactional;

/// How long a statement that another session still works on is waited for, and the pause between two looks.
const STILL_RUNNING: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

/// Rows that the server reported, and how the effect is known when not by its answer.
type Done = (u64, Option<String>);

/// What is to be done about a statement.
enum Next {
    /// Send it, with this remembered.
    Send(Before),
    /// Nothing: it took effect; how that is known.
    Nothing(String),
}

impl Executor<'_, '_> {
    /// Sends the statement, unless it took effect before.
    pub(super) fn classify(
        &mut self,
        session: &mut dyn Session,
        one: &PendingStatement<'_>,
        kind: &NonTransactional,
        progress: Progress,
    ) -> Result<Done, Halt> {
        let next = match progress {
            Progress::Interrupted(remembered) => {
                self.interrupted(session, one, kind, &remembered)?
            }
            _ => Next::Send(evidence::before(session, kind)?),
        };
        let before = match next {
            Next::Send(before) => before,
            Next::Nothing(how) => return Ok((0, Some(how))),
        };
        let remembered = serde_json::to_string(&before).map_err(Failure::plain)?;
        self.book_one(session, one, Happened::Started, Some(&remembered), None)?;
        self.journal(JournalStep::Statement {
            tier: one.tier.to_owned(),
            at: one.place.clone(),
        })?;
        // Whoever goes on must not be asked about a statement that was never sent.
        if let Err(stopped) = self.order.stop.check() {
            self.order.stop.clear_away();
            self.book_one(
                session,
                one,
                Happened::Failed,
                Some(&text("it was never sent")),
                None,
            )?;
            return Err(stopped.into());
        }
        let begun = Instant::now();
        match session.execute(&one.statement.sql) {
            Ok(rows) => {
                let reading = as_it_began(session, one)?;
                let remark = evidence::confirm(session, kind, &before)?;
                let how = remark.as_deref().map(text);
                self.book_one(
                    session,
                    one,
                    Happened::Done,
                    how.as_deref(),
                    Some((rows, begun.elapsed())),
                )?;
                // It is done; who goes on begins behind it.
                reading.map_err(|failure| Halt::Stopped(Box::new(failure)))?;
                Ok((rows, remark))
            }
            Err(error @ DatabaseError::Server(_)) => {
                let failure = Failure::statement(one.statement, &error);
                self.refused(session, one, kind, &before, failure)
            }
            Err(lost) => Err(Failure::statement(one.statement, &lost).into()),
        }
    }

    /// The server answered with an error: what is left of the statement is cleaned up.
    fn refused(
        &mut self,
        session: &mut dyn Session,
        one: &PendingStatement<'_>,
        kind: &NonTransactional,
        before: &Before,
        failure: Failure,
    ) -> Result<Done, Halt> {
        if self.order.stop.is_requested() {
            self.order.stop.clear_away();
        }
        let effect = self.find(session, one, kind, before)?;
        // Its row stays open where that fails: whoever goes on finds what is left.
        let (effect, cleared) =
            self.cleared(session, one, kind, before, effect)
                .map_err(|halt| match halt {
                    Halt::Undone(left) => Halt::Stopped(Box::new(Failure {
                        detail: Some(left.message),
                        ..failure.clone()
                    })),
                    other => other,
                })?;
        match effect {
            Effect::Took(how) => {
                let how = and_then(cleared, how);
                self.book_one(session, one, Happened::Found, Some(&text(&how)), None)?;
                Ok((0, Some(how)))
            }
            Effect::NotThere(how) => {
                let how = and_then(cleared, how);
                self.book_one(session, one, Happened::Failed, Some(&text(&how)), None)?;
                Err(failure.into())
            }
            // Its row stays open: whoever goes on is asked.
            Effect::StillRunning(why)
            | Effect::Undecidable(why)
            | Effect::Leftover { what: why, .. } => {
                let hint = failure.hint.clone().unwrap_or(why);
                Err(Halt::Stopped(Box::new(Failure {
                    hint: Some(hint),
                    ..failure
                })))
            }
        }
    }

    /// Clears away what an interrupted statement left, before it is undone.
    pub(super) fn clear_one(
        &mut self,
        session: &mut dyn Session,
        one: &PendingStatement<'_>,
        kind: &NonTransactional,
        remembered: &str,
    ) -> Result<(), Halt> {
        let before = read_back(one, remembered)?;
        match self.find(session, one, kind, &before)? {
            Effect::Leftover { what, cleanup, .. } => {
                Ok(self.clean(session, one, &what, &cleanup)?)
            }
            Effect::StillRunning(why) => Err(still_running(one, &why).into()),
            // Whether it happened or not, the rollback scripts undo it, and the baseline probe proves it.
            Effect::Took(_) | Effect::NotThere(_) | Effect::Undecidable(_) => Ok(()),
        }
    }

    /// Nobody saw the answer of this statement: what became of it?
    fn interrupted(
        &mut self,
        session: &mut dyn Session,
        one: &PendingStatement<'_>,
        kind: &NonTransactional,
        remembered: &str,
    ) -> Result<Next, Halt> {
        let before = read_back(one, remembered)?;
        let effect = self.find(session, one, kind, &before)?;
        let decision = self
            .work
            .resumed
            .as_mut()
            .and_then(|resumed| resumed.decision.take());
        if let (
            Some(_),
            Effect::Took(how) | Effect::NotThere(how) | Effect::Leftover { what: how, .. },
        ) = (decision, &effect)
        {
            let text = format!(
                "{}: nobody has to decide what became of it: {how}",
                one.place
            );
            let hint = "leave out --interrupted".to_owned();
            return Err(Failure {
                hint: Some(hint),
                ..Failure::plain(text)
            }
            .into());
        }
        let (effect, cleared) = self.cleared(session, one, kind, &before, effect)?;
        let (happened, how) = match effect {
            Effect::Took(how) => (Happened::Found, and_then(cleared, how)),
            Effect::NotThere(how) => (Happened::Again, and_then(cleared, how)),
            Effect::Leftover { what, .. } => {
                let text = format!(
                    "{}: it was cleared away, and is there again: {what}",
                    one.place
                );
                return Err(Failure::plain(text).into());
            }
            Effect::StillRunning(why) => {
                return Err(still_running(one, &why).into());
            }
            Effect::Undecidable(question) => match decision {
                Some(Decision::Done) => (Happened::Found, "a person decided so".to_owned()),
                Some(Decision::Again) => (Happened::Again, "a person decided so".to_owned()),
                None => {
                    let text = format!(
                        "{}: it was interrupted, and the catalog can't say how far it came",
                        one.place
                    );
                    let hint = format!(
                        "{question}: by --resume --interrupted done, or --resume --interrupted again"
                    );
                    return Err(Failure {
                        hint: Some(hint),
                        ..Failure::plain(text)
                    }
                    .into());
                }
            },
        };
        self.book_one(session, one, happened, Some(&text(&how)), None)?;
        let at = &one.statement.origin.at;
        self.observer.event(Event::Found {
            at,
            again: happened == Happened::Again,
            how: &how,
        });
        Ok(match happened {
            Happened::Found => Next::Nothing(how),
            _ => Next::Send(evidence::before(session, kind)?),
        })
    }

    /// Asks the catalog; waits, within bounds, for a server process that still works on the statement.
    fn find(
        &mut self,
        session: &mut dyn Session,
        one: &PendingStatement<'_>,
        kind: &NonTransactional,
        before: &Before,
    ) -> Result<Effect, Halt> {
        let begun = Instant::now();
        loop {
            let found = evidence::find(session, kind, before, &one.statement.sql);
            let found = found.context("can't ask the catalog")?;
            let Effect::StillRunning(why) = &found else {
                return Ok(found);
            };
            if begun.elapsed() > STILL_RUNNING {
                return Ok(found);
            }
            if !self.order.stop.is_clearing() {
                self.order.stop.check()?;
            }
            self.observer.event(Event::StillRunning {
                at: &one.statement.origin.at,
                why,
            });
            std::thread::sleep(PAUSE);
        }
    }

    /// Clears leftovers away, and asks again: what they hid shows only then. Gives also what was cleared away.
    fn cleared(
        &mut self,
        session: &mut dyn Session,
        one: &PendingStatement<'_>,
        kind: &NonTransactional,
        before: &Before,
        effect: Effect,
    ) -> Result<(Effect, Option<String>), Halt> {
        let Effect::Leftover { what, cleanup } = effect else {
            return Ok((effect, None));
        };
        self.clean(session, one, &what, &cleanup)?;
        Ok((self.find(session, one, kind, before)?, Some(what)))
    }

    fn clean(
        &mut self,
        session: &mut dyn Session,
        one: &PendingStatement<'_>,
        what: &str,
        cleanup: &[String],
    ) -> Result<(), Failure> {
        self.observer.event(Event::Cleaning {
            at: &one.statement.origin.at,
            what,
        });
        for statement in cleanup {
            session.execute(statement).map_err(|error| {
                let doing = format!(
                    "{}: {what}, and it can't be cleaned up by {statement}",
                    one.place
                );
                Failure::database(&doing, &error)
            })?;
        }
        Ok(())
    }

    fn book_one(
        &mut self,
        session: &mut dyn Session,
        one: &PendingStatement<'_>,
        happened: Happened,
        evidence: Option<&str>,
        done: Option<(u64, Duration)>,
    ) -> Result<(), Halt> {
        let sha256 = one.sha256.to_string();
        let (rows, took) = done.unzip();
        self.book(
            session,
            happened,
            &NewStep {
                evidence,
                rows,
                took,
                ..one.row(&sha256)
            },
        )
    }
}

/// Whether the statement left the session reading texts as it began. If not, it does again: its row is still to be written.
fn as_it_began(
    session: &mut dyn Session,
    one: &PendingStatement<'_>,
) -> Result<Result<(), Failure>, Failure> {
    let reading = reading::check(session, one.statement, 0);
    if reading.is_err() {
        let reset = session.batch("RESET standard_conforming_strings; RESET client_encoding");
        reset.context("can't reset the session")?;
    }
    Ok(reading)
}

/// What was remembered before the statement.
fn read_back(one: &PendingStatement<'_>, remembered: &str) -> Result<Before, Failure> {
    let unread = |error| {
        Failure::plain(format!(
            "{}: the ledger's evidence can't be read: {error}",
            one.place
        ))
    };
    serde_json::from_str(remembered).map_err(unread)
}

fn still_running(one: &PendingStatement<'_>, why: &str) -> Failure {
    let text = format!("{}: the server still works on it: {why}", one.place);
    let hint = "wait for it, or end that process; then go on".to_owned();
    Failure {
        hint: Some(hint),
        ..Failure::plain(text)
    }
}

/// What was cleared away, and what was found then.
fn and_then(cleared: Option<String>, how: String) -> String {
    cleared.map_or(how.clone(), |what| {
        format!("{what}; it was cleared away, and now: {how}")
    })
}

/// A sentence as JSON.
fn text(how: &str) -> String {
    serde_json::json!({ "how": how }).to_string()
}
