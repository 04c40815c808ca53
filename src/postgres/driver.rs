//! Sends messages and takes the answers, in the order in which the server gives them.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::result;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::backend::Message;

use super::answer::Answer;
use super::clock::Clock;
use super::error;
use super::login::Login;
use super::wire::Wire;
use crate::database::{DatabaseError, Notice};

/// More than a release's scripts ever say at once; a script that raises notices in a loop must not fill memory.
const NOTICES_KEPT: usize = 1_000;

/// And so many bytes of them. The tree of a question has some tens of kilobytes.
const NOTICES_BYTES: usize = 64 << 20;

/// How long saying goodbye may take; after that the server finds out by itself.
const GOODBYE: Duration = Duration::from_secs(5);

/// Longer than this no batch is waited for in silence, unless a single statement may take longer.
const BATCH_SILENCE: Duration = Duration::from_secs(3600);

type Result<T> = result::Result<T, DatabaseError>;

/// A session's connection, and what is on its way through it.
pub(super) struct Driver {
    wire: Wire,
    /// Settings as the server last reported them.
    parameters: HashMap<String, String>,
    /// Set once; then nothing is sent or read any more.
    lost: Option<DatabaseError>,
    /// Answers that were not received, oldest first: batches, or one to a message that went ahead.
    sent: VecDeque<Answer>,
    /// The oldest of them belongs to a message that went ahead.
    is_ahead: bool,
    notices: Vec<Notice>,
    /// How long nothing may move while an answer is awaited; `None` is for ever.
    patience: Option<Duration>,
    /// How long one answer may take as a whole; `None` is for ever.
    deadline: Option<Duration>,
}

impl Driver {
    /// Until the session is proved, `limit` holds for every answer.
    pub(super) fn new(wire: Wire, login: Login, limit: Option<Duration>) -> Self {
        let Login { parameters, notices, .. } = login;
        let (lost, sent, is_ahead) = (None, VecDeque::new(), false);
        Self { wire, parameters, lost, sent, is_ahead, notices, patience: limit, deadline: limit }
    }

    /// How long nothing may move while an answer is awaited.
    pub(super) fn set_patience(&mut self, patience: Duration) {
        (self.patience, self.deadline) = (Some(patience), None);
    }

    /// How long one answer may take, however much moves.
    pub(super) fn set_deadline(&mut self, limit: Option<Duration>) {
        self.deadline = limit;
    }

    /// Notices of what is received.
    pub(super) fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// The value of a setting as the server last reported it.
    pub(super) fn parameter(&self, setting: &str) -> Option<&str> {
        self.parameters.get(setting).map(String::as_str)
    }

    /// Sends one message and waits for its answer, after those of every batch that is still on its way. An error of the
    /// server is in the answer.
    pub(super) fn run(&mut self, answer: Answer, fill: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<Answer> {
        let [answer] = self.run_all([answer], fill)?;
        Ok(answer)
    }

    /// As [`Self::run`], for messages that go out at once and are answered one by one.
    pub(super) fn run_all<const N: usize>(
        &mut self,
        answers: [Answer; N],
        fill: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<[Answer; N]> {
        self.receive_batches()?;
        self.put(answers, fill)?;
        let ahead = self.pass();
        let mut answers = [(); N].map(|()| Answer::default());
        for answer in &mut answers {
            *answer = self.receive()?;
        }
        ahead.map(|()| answers)
    }

    /// Sends a message and does not wait: the next call fails where it does.
    pub(super) fn send_ahead(&mut self, fill: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<()> {
        self.settle()?;
        self.put([Answer::default()], fill)?;
        self.is_ahead = true;
        self.look()
    }

    /// Sends a batch whose answer is taken by [`Self::receive`]. Returns when all of it is written, so that the server works
    /// while the caller does something else.
    pub(super) fn send(&mut self, statements: u32, fill: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<()> {
        self.pass()?;
        self.put([Answer::of_batch(statements)], fill)?;
        self.flush()
    }

    /// As [`Self::run`], up to the moment in which the server asks for the data of a COPY.
    pub(super) fn begin(&mut self, answer: Answer, fill: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<()> {
        self.settle()?;
        self.put([answer], fill)?;
        let mut clock = self.clock();
        while self.sent.front().is_some_and(|answer| !answer.is_done && !answer.asks()) {
            self.step(&mut clock)?;
        }
        Ok(())
    }

    /// The oldest answer that was not received, as far as it is there.
    pub(super) fn current(&self) -> Option<&Answer> {
        self.sent.front()
    }

    /// Writes a part of a message that is begun, and takes what the server says meanwhile.
    pub(super) fn write(&mut self, fill: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<()> {
        self.put([], fill)?;
        self.flush()
    }

    /// The answer to the oldest message on its way.
    pub(super) fn receive(&mut self) -> Result<Answer> {
        let mut clock = self.clock();
        loop {
            let Some(front) = self.sent.front() else {
                return Err(DatabaseError::unsound("no batch is on its way"));
            };
            // The error that ended the connection says more than its end.
            if !front.is_done && front.error.is_none() {
                self.alive()?;
            }
            if (front.is_done || self.lost.is_some())
                && let Some(mut answer) = self.sent.pop_front()
            {
                self.notices.append(&mut answer.notices);
                self.notices.truncate(NOTICES_KEPT + 1);
                return Ok(answer);
            }
            // What fails here is lost, which is looked at above.
            let _ = self.step(&mut clock);
        }
    }

    fn alive(&self) -> Result<()> {
        self.lost.clone().map_or(Ok(()), Err)
    }

    fn settle(&mut self) -> Result<()> {
        self.receive_batches()?;
        self.pass()
    }

    /// Takes the batches that are still on their way. Nobody asked for them; what failed there has failed the transaction, and
    /// the server remembers.
    fn receive_batches(&mut self) -> Result<()> {
        while self.sent.front().is_some_and(|answer| answer.batch.is_some()) {
            self.receive()?;
        }
        Ok(())
    }

    /// Waits for the answer to what went ahead.
    fn pass(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.is_ahead) {
            return Ok(());
        }
        self.receive()?.accepted(0).map(drop)
    }

    fn put<const N: usize>(
        &mut self,
        answers: [Answer; N],
        fill: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<()> {
        self.look()?;
        self.wire.put(fill).map_err(|e| self.lose(&e))?;
        self.sent.extend(answers);
        Ok(())
    }

    /// Takes what is there without waiting: what the server said meanwhile, even goodbye, is read before anything is sent.
    fn look(&mut self) -> Result<()> {
        self.alive()?;
        self.take_read()?;
        while self.wire.turn().map_err(|e| self.lose(&e))? {
            self.take_read()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let mut clock = self.clock();
        self.look()?;
        while !self.wire.is_written() {
            self.wire.wait(&mut clock).map_err(|e| self.lose(&e))?;
            self.look()?;
        }
        Ok(())
    }

    fn take_read(&mut self) -> Result<()> {
        while let Some(message) = self.wire.parse().map_err(|e| self.lose(&e))? {
            self.take(message)?;
        }
        Ok(())
    }

    /// Waits for one message.
    fn step(&mut self, clock: &mut Clock) -> Result<()> {
        let message = self.wire.message(clock).map_err(|e| self.lose(&e))?;
        self.take(message)
    }

    fn take(&mut self, message: Message) -> Result<()> {
        let answer = self.sent.iter_mut().find(|answer| !answer.is_done);
        let taken = match (message, answer) {
            (Message::NoticeResponse(body), answer) => {
                let batch = answer.filter(|answer| answer.batch.is_some());
                let (kept, statement) = match batch {
                    Some(batch) => (&mut batch.notices, batch.complete.len()),
                    None => (&mut self.notices, 0),
                };
                error::notice(body.fields(), statement).map(|notice| keep(kept, notice))
            }
            (Message::ParameterStatus(body), _) => body.name().and_then(|name| {
                self.parameters.insert(name.to_owned(), body.value()?.to_owned());
                Ok(())
            }),
            (Message::NotificationResponse(_), _) => Ok(()),
            (Message::ErrorResponse(body), answer) => match (error::error(body.fields()), answer) {
                (Ok(DatabaseError::Server(error)), Some(answer)) => {
                    answer.error.get_or_insert(error);
                    Ok(())
                }
                (Ok(DatabaseError::Server(error)), None) => {
                    return Err(self.lost.insert(DatabaseError::lost(error.message)).clone());
                }
                (Ok(lost), _) => return Err(self.lost.insert(lost).clone()),
                (Err(e), _) => Err(e),
            },
            (message, Some(answer)) => answer.take(message),
            (_, None) => Err(error::unexpected()),
        };
        taken.map_err(|e| self.lose(&e))
    }

    /// The first reason counts.
    fn lose(&mut self, error: &io::Error) -> DatabaseError {
        self.wire.abandon();
        self.lost.get_or_insert_with(|| error::lost(error)).clone()
    }

    /// How long the server may be silent by right, and how long it may take. It keeps the answers of a batch until all are
    /// there, and each of its statements may take as long as one that is alone.
    fn clock(&self) -> Clock {
        let batch = self.sent.front().and_then(|answer| answer.batch);
        let longest =
            |patience: Duration| patience.saturating_mul(batch.unwrap_or(1).max(1)).min(patience.max(BATCH_SILENCE));
        Clock::start(self.patience.map(longest), self.deadline.filter(|_| batch.is_none()))
    }
}

impl Drop for Driver {
    /// Says goodbye, after what is on its way: until then the session holds its locks.
    fn drop(&mut self) {
        let mut clock = Clock::start(None, Some(GOODBYE));
        while self.lost.is_none() && self.sent.iter().any(|answer| !answer.is_done) {
            let _ = self.step(&mut clock);
        }
        if self.lost.is_none() {
            let _ = self.wire.close(&mut clock);
        }
    }
}

fn keep(kept: &mut Vec<Notice>, notice: Notice) {
    // Code in the server can say 64 MiB at a time.
    let bytes: usize = kept.iter().map(Notice::size).sum();
    if kept.len() < NOTICES_KEPT && bytes.saturating_add(notice.size()) <= NOTICES_BYTES {
        kept.push(notice);
        return;
    }
    let message =
        format!("the server said more than {NOTICES_KEPT} things at once, or very long ones: the rest is left out");
    if kept.last().is_none_or(|last| last.message != message) {
        let (severity, statement) = ("WARNING".to_owned(), notice.statement);
        let (detail, hint, context, routine) = (None, None, None, None);
        kept.push(Notice { statement, severity, message, detail, hint, context, routine });
    }
}
