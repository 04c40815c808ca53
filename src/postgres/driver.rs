//! Sends protocol messages and receives the answers, in the server's order.

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

/// Maximum notices kept, more than a release's scripts raise. The limit keeps a script that raises
/// notices in a loop from filling memory.
const NOTICES_KEPT: usize = 1_000;

/// Maximum bytes of notices kept. The tree of a guarded query takes some tens of kilobytes.
const NOTICES_BYTES: usize = 64 << 20;

/// Time limit for the closing message. After that, the server has to notice the closed connection
/// itself.
const GOODBYE: Duration = Duration::from_secs(5);

/// Maximum silence while a batch runs, unless a single statement may be silent for longer.
const BATCH_SILENCE: Duration = Duration::from_secs(3600);

type Result<T> = result::Result<T, DatabaseError>;

/// A session's connection, with its in-flight messages and their answers.
pub(super) struct Driver {
    wire: Wire,
    /// Settings as the server last reported them.
    parameters: HashMap<String, String>,
    /// The error that ended the connection. Once it is set, nothing is sent or read any more.
    lost: Option<DatabaseError>,
    /// In-flight answers, oldest first: those of batches, or of one message that was sent ahead.
    sent: VecDeque<Answer>,
    /// Whether the oldest in-flight answer belongs to a message that was sent ahead.
    is_ahead: bool,
    notices: Vec<Notice>,
    /// Maximum silence while waiting for an answer; `None` is no limit.
    patience: Option<Duration>,
    /// Time limit for a whole answer; `None` is no limit.
    deadline: Option<Duration>,
}

impl Driver {
    /// Applies `limit` to every answer until the session is verified.
    pub(super) fn new(wire: Wire, login: Login, limit: Option<Duration>) -> Self {
        Self {
            wire,
            parameters: login.parameters,
            lost: None,
            sent: VecDeque::new(),
            is_ahead: false,
            notices: login.notices,
            patience: limit,
            deadline: limit,
        }
    }

    /// Sets the maximum silence while waiting for an answer, and removes the time limit of a whole
    /// answer.
    pub(super) fn set_patience(&mut self, patience: Duration) {
        (self.patience, self.deadline) = (Some(patience), None);
    }

    /// Sets the time limit of a whole answer, however many bytes arrive.
    pub(super) fn set_deadline(&mut self, limit: Option<Duration>) {
        self.deadline = limit;
    }

    /// Takes the notices received since the last call.
    pub(super) fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// The value of a setting as the server last reported it.
    pub(super) fn parameter(&self, setting: &str) -> Option<&str> {
        self.parameters.get(setting).map(String::as_str)
    }

    /// Sends one message and waits for its answer, after receiving those of every in-flight batch.
    /// A server error is part of the answer.
    pub(super) fn run(
        &mut self,
        answer: Answer,
        fill: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<Answer> {
        let [answer] = self.run_all([answer], fill)?;
        Ok(answer)
    }

    /// Like [`Self::run`], for messages that are sent at once and answered one by one.
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

    /// Sends a message without waiting for its answer. If the message fails, the next call returns
    /// the error.
    pub(super) fn send_ahead(
        &mut self,
        fill: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<()> {
        self.settle()?;
        self.put([Answer::default()], fill)?;
        self.is_ahead = true;
        self.look()
    }

    /// Sends a batch; [`Self::receive`] takes its answer. Returns once the batch is written, so
    /// that the server works on it while the caller continues.
    pub(super) fn send(
        &mut self,
        statements: u32,
        fill: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<()> {
        self.pass()?;
        self.put([Answer::of_batch(statements)], fill)?;
        self.flush()
    }

    /// Like [`Self::run`], but returns as soon as the server asks for the data of a COPY.
    pub(super) fn begin(
        &mut self,
        answer: Answer,
        fill: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<()> {
        self.settle()?;
        self.put([answer], fill)?;
        let mut clock = self.clock();
        let is_open = |answer: &Answer| !answer.is_done && !answer.asks();
        while self.current().is_some_and(is_open) {
            self.step(&mut clock)?;
        }
        Ok(())
    }

    /// The oldest in-flight answer, as far as it has arrived.
    pub(super) fn current(&self) -> Option<&Answer> {
        self.sent.front()
    }

    /// Writes the next part of a message in progress, and reads messages that arrive meanwhile.
    pub(super) fn write(
        &mut self,
        fill: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<()> {
        self.put([], fill)?;
        self.flush()
    }

    /// Receives the answer to the oldest in-flight message.
    pub(super) fn receive(&mut self) -> Result<Answer> {
        let mut clock = self.clock();
        loop {
            let Some(front) = self.sent.front() else {
                return Err(DatabaseError::unsound("no batch is on its way"));
            };
            // The server's error explains more than the closed connection, so it takes precedence.
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
            // A failure sets `lost`, which the loop checks above.
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

    /// Receives and drops the answers of in-flight batches. A failed batch has aborted the
    /// transaction, so the server reports that failure again.
    fn receive_batches(&mut self) -> Result<()> {
        while self.current().is_some_and(|answer| answer.batch.is_some()) {
            self.receive()?;
        }
        Ok(())
    }

    /// Waits for the answer to the message that was sent ahead.
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

    /// Reads available messages without waiting. Pending messages, even one that ends the session,
    /// are read before anything is sent.
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
                self.parameters
                    .insert(name.to_owned(), body.value()?.to_owned());
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

    /// Ends the connection; the first error is kept.
    fn lose(&mut self, error: &io::Error) -> DatabaseError {
        self.wire.abandon();
        self.lost.get_or_insert_with(|| error::lost(error)).clone()
    }

    /// Limits for the next answer. The server may hold back a batch's answers until all statements
    /// have run, so the limit on silence is multiplied by the number of statements, and no limit
    /// applies to the whole.
    fn clock(&self) -> Clock {
        let batch = self.sent.front().and_then(|answer| answer.batch);
        let longest = |patience: Duration| {
            patience
                .saturating_mul(batch.unwrap_or(1).max(1))
                .min(patience.max(BATCH_SILENCE))
        };
        Clock::start(
            self.patience.map(longest),
            self.deadline.filter(|_| batch.is_none()),
        )
    }
}

impl Drop for Driver {
    /// Ends the session after the in-flight answers arrived, because the session holds its locks
    /// until then.
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
    // Server code can send notices of up to 64 MiB each.
    let bytes: usize = kept.iter().map(Notice::size).sum();
    if kept.len() < NOTICES_KEPT && bytes.saturating_add(notice.size()) <= NOTICES_BYTES {
        kept.push(notice);
        return;
    }
    let message = format!(
        "the server said more than {NOTICES_KEPT} things at once, or very long ones: the rest is left out"
    );
    if kept.last().is_none_or(|last| last.message != message) {
        kept.push(Notice {
            statement: notice.statement,
            severity: "WARNING".to_owned(),
            message,
            detail: None,
            hint: None,
            context: None,
            routine: None,
        });
    }
}
