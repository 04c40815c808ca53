//! Sends plain statements of a script in batches, and reports their answers in the script's order.

use std::time::Instant;

use super::Runner;
use crate::database::DatabaseError;
use crate::release::batch::{Batch, Item, ON_THE_WAY};
use crate::release::event::{Event, Observer};
use crate::release::failure::{Context as _, Failure};
use crate::release::reading;
use crate::release::server_variables;
use crate::release::tier_log::Sent;

impl Runner<'_> {
    /// Reports the text after all earlier answers.
    pub(super) fn echo(&mut self, text: String) {
        match self.on_the_way.back_mut() {
            _ if !self.open.is_empty() => self.open.echo(text),
            Some(last) => last.echo(text),
            None => self.observer.event(Event::Echo(&text)),
        }
    }

    /// Queries the server once, before the first batch; objects made by the script itself are
    /// checked in [`Self::alone`].
    pub(super) fn may_batch(&mut self) -> Result<bool, Failure> {
        if self.batches.is_none() {
            let unseen = server_variables::nobody_sees_messages(self.session);
            let unseen = unseen.context("can't ask who looks at statements")?;
            self.batches = Some(unseen);
        }
        Ok(self.batches == Some(true))
    }

    /// Sends the collected statements. If too many batches are outstanding, the oldest answer is
    /// awaited first.
    pub(super) fn send_batch(&mut self) -> Result<(), Failure> {
        while self.on_the_way.len() >= ON_THE_WAY {
            self.receive()?;
        }
        let mut batch = std::mem::take(&mut self.open);
        batch.sent_at = Some(Instant::now());
        if let Err(error) = self.session.send_batch(batch.text()) {
            // An earlier batch may have been refused; its error is the better reason.
            while !self.on_the_way.is_empty() {
                self.receive()?;
            }
            return Err(lost(&batch, &error));
        }
        if self.on_the_way.is_empty() {
            announce(&batch, self.observer);
        }
        self.on_the_way.push_back(batch);
        Ok(())
    }

    /// Sends the open batch and receives all answers.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        if !self.open.is_empty() {
            self.send_batch()?;
        }
        while !self.on_the_way.is_empty() {
            self.receive()?;
        }
        Ok(())
    }

    /// Receives the answer to the oldest batch, and reports it statement by statement.
    fn receive(&mut self) -> Result<(), Failure> {
        let Some(batch) = self.on_the_way.pop_front() else {
            return Ok(());
        };
        let answer = self
            .session
            .receive_batch()
            .map_err(|error| lost(&batch, &error))?;
        if let Some((first, _)) = batch.ends() {
            let (at, took) = (
                &first.origin.at,
                batch.sent_at.map(|at| at.elapsed()).unwrap_or_default(),
            );
            let (statements, rows) = (answer.rows.len() as u64, answer.rows.iter().sum());
            let verb = &first.inspect().verb;
            self.log.sent(Sent {
                at,
                verb,
                statements,
                rows,
                took,
                evidence: None,
            });
        }
        let notices = self.session.notices();
        let refused = batch.refused(&answer);
        let complete = answer.rows.len();
        if refused.is_none() && complete != batch.len() {
            let error = format!(
                "the server answered {complete} of {} statements",
                batch.len()
            );
            return Err(lost(&batch, &DatabaseError::unsound(error)));
        }
        let mut index = 0;
        for item in batch.items() {
            match item {
                // A message with a syntax error runs nothing, not even its earlier statements.
                Item::Echo(text) if index <= complete => self.observer.event(Event::Echo(text)),
                Item::Echo(_) => {}
                Item::Statement(statement, verb) => {
                    let failed = refused.as_ref().filter(|refused| refused.index == index);
                    if index < complete || failed.is_some() {
                        self.observer.event(Event::Statement {
                            at: &statement.origin.at,
                            verb,
                        });
                        batch
                            .notices_of(&notices, index)
                            .for_each(|notice| self.notice(statement, notice));
                    }
                    if let Some(refused) = failed {
                        return Err(Failure::statement(statement, &refused.error));
                    }
                    if let Some(rows) = answer.rows.get(index) {
                        self.count(*rows);
                    }
                    index += 1;
                }
            }
        }
        if let Some((first, last)) = batch.ends() {
            // The report may belong to a later batch, too: plain statements, which no setting
            // changes.
            let last = self
                .on_the_way
                .back()
                .and_then(Batch::ends)
                .map_or(last, |(_, last)| last);
            reading::check_between(self.session, first, last)?;
        }
        if let Some(next) = self.on_the_way.front() {
            announce(next, self.observer);
        }
        Ok(())
    }
}

fn announce(batch: &Batch, observer: &mut dyn Observer) {
    if let Some((first, last)) = batch.ends() {
        let (from, to) = (&first.origin.at, &last.origin.at);
        observer.event(Event::OnTheWay {
            from,
            to,
            statements: batch.len(),
        });
    }
}

fn lost(batch: &Batch, error: &DatabaseError) -> Failure {
    match batch.ends() {
        Some((first, last)) => Failure::between(first, last, error),
        None => Failure::database("a batch", error),
    }
}
