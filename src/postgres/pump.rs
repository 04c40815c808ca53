//! Drives a connection and what waits for its answers, by hand.
//!
//! Which statement of a batch a notice belongs to shows only in the order of messages. The driver hands answers and
//! notices over on two ways, but it never reads past a notice before that is taken. So whoever takes a notice, and then
//! the answers that are there, knows what was complete when the server said it.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use ::tokio_postgres::config::{SslMode, SslNegotiation};
use ::tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, SimpleQueryStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::ahead::Ahead;
use super::batch::Flight;
use super::cancel::Canceller;
use super::clock::Clock;
use super::connector::Route;
use super::dial::dial;
use super::settings::Settings;
use super::trouble::{Then, Trouble};
use super::wire::{Arranged, Outbox, Wire};
use super::{error, start};
use crate::database::{BatchAnswer, ConnectionKind, DatabaseError, Notice, Purpose};

/// More than a release's scripts ever say at once; a script that raises notices in a loop must not fill memory.
const NOTICES_KEPT: usize = 1_000;

/// And so many bytes of them. The tree of a question has some tens of kilobytes.
const NOTICES_BYTES: usize = 64 << 20;

/// How long saying goodbye may take; after that the server finds out by itself.
const GOODBYE: Duration = Duration::from_secs(5);

/// A connection with what turns it.
pub(super) struct Pump {
    runtime: Runtime,
    line: Line,
    /// How long nothing may move while an answer is awaited; `None` waits for ever.
    patience: Option<Duration>,
    /// How long one answer may take as a whole; `None` for ever.
    deadline: Option<Duration>,
    /// Bytes that were read or written so far.
    moved: Arc<AtomicU64>,
}

/// A connection, and the batches on their way through it.
struct Line {
    connection: Connection<Wire, Wire>,
    /// What is sent beside the driver.
    outbox: Outbox,
    /// Set once; then nothing is sent or read any more.
    lost: Option<DatabaseError>,
    flights: VecDeque<Flight>,
    ahead: Option<Ahead>,
    notices: Vec<Notice>,
}

impl Pump {
    /// Connects by one route. Gives also whether that is with TLS, which a route may leave open.
    pub(super) fn connect(
        settings: &Arc<Settings>,
        route: &Route,
        purpose: Purpose,
    ) -> Result<(Client, Self, Canceller, bool), Trouble> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Trouble::new(Then::Stop, format!("no event loop: {e}")))?;
        let connected = runtime.block_on(async {
            let connecting = connect(settings, route, purpose);
            match settings.connect_timeout {
                Some(limit) => timeout(limit, connecting).await.unwrap_or_else(|_| {
                    let text = format!("no answer within {} s (connect_timeout)", limit.as_secs());
                    Err(Trouble::new(Then::NextAddress, text))
                }),
                None => connecting.await,
            }
        });
        let Connected { client, line, canceller, secure, moved } = connected?;
        let patience = settings.connect_timeout;
        Ok((client, Self { runtime, line, patience, deadline: patience, moved }, canceller, secure))
    }

    /// How long nothing may move while an answer is awaited.
    pub(super) fn set_patience(&mut self, patience: Duration) {
        (self.patience, self.deadline) = (Some(patience), None);
    }

    /// How long one answer may take, however much moves.
    pub(super) fn set_deadline(&mut self, limit: Duration) {
        self.deadline = Some(limit);
    }

    /// The session is proved: connecting is over, and its limit with it.
    pub(super) fn begun(&mut self) {
        self.deadline = None;
    }

    /// Waits for one answer, after those of every batch that is still on its way. `prefix` characters stood before the
    /// caller's statement in what was sent.
    pub(super) fn run<T>(
        &mut self,
        prefix: u32,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, DatabaseError> {
        self.receive_all()?;
        let mut answer = pin!(answer);
        let result = self.wait(|_, cx| answer.as_mut().poll(cx))?;
        self.pass()?;
        // Also an answer that the driver does not understand: what comes after it would answer another question.
        result.map_err(|e| self.line.failed(error::convert(&e, prefix)))
    }

    /// Sends a message and doesn't wait: [`Self::run`] fails next time where it does.
    pub(super) fn send_ahead(
        &mut self,
        sending: impl Future<Output = Result<SimpleQueryStream, Error>>,
    ) -> Result<(), DatabaseError> {
        self.settle()?;
        self.line.ahead = Some(Ahead::new(self.begin(sending)?));
        Ok(())
    }

    /// Sends a message whose answer is taken by [`Self::receive`]. Comes back when all of it is written, so that the server
    /// works while the caller does something else.
    pub(super) fn send(
        &mut self,
        sending: impl Future<Output = Result<SimpleQueryStream, Error>>,
        statements: u32,
    ) -> Result<(), DatabaseError> {
        self.pass()?;
        let stream = self.begin(sending)?;
        self.line.flights.push_back(Flight::new(stream, statements));
        self.line.outbox.watch();
        self.wait(|line, _| if line.outbox.is_written() { Poll::Ready(()) } else { Poll::Pending })
    }

    /// As [`Self::run`], for an exchange that watches the stream of answers, and may use the outbox.
    pub(super) fn exchange<T>(
        &mut self,
        sending: impl Future<Output = Result<SimpleQueryStream, Error>>,
        mut step: impl FnMut(&Outbox, Pin<&mut SimpleQueryStream>, &mut Context<'_>) -> Poll<Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        self.settle()?;
        let mut stream = Box::pin(self.begin(sending)?);
        let result = self.wait(|line, cx| step(&line.outbox, stream.as_mut(), cx))?;
        result.map_err(|e| self.line.failed(e))
    }

    /// The answer to the oldest message on its way.
    pub(super) fn receive(&mut self) -> Result<BatchAnswer, DatabaseError> {
        let landed = self.wait(|line, _| match line.flights.front() {
            Some(flight) if !flight.is_done() => Poll::Pending,
            _ => Poll::Ready(line.flights.pop_front()),
        })?;
        let Some(mut flight) = landed else {
            return Err(DatabaseError::unsound("no batch is on its way".to_owned()));
        };
        self.line.notices.append(&mut flight.notices);
        self.line.notices.truncate(NOTICES_KEPT + 1);
        flight.into_answer().map_err(|e| self.line.failed(e))
    }

    /// Notices of what is received.
    pub(super) fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.line.notices)
    }

    /// The value of a setting as the server last reported it.
    pub(super) fn parameter(&self, setting: &str) -> Option<&str> {
        self.line.connection.parameter(setting)
    }

    fn settle(&mut self) -> Result<(), DatabaseError> {
        self.receive_all()?;
        self.pass()
    }

    /// Takes the batches that are still on their way. Nobody asked for them; what failed there has failed the transaction, and
    /// the server remembers.
    fn receive_all(&mut self) -> Result<(), DatabaseError> {
        while !self.line.flights.is_empty() {
            self.receive()?;
        }
        Ok(())
    }

    /// Waits for the answer to what went ahead.
    fn pass(&mut self) -> Result<(), DatabaseError> {
        if self.line.ahead.is_none() {
            return Ok(());
        }
        let ahead = self.wait(|line, _| match &line.ahead {
            Some(ahead) if !ahead.is_ended() => Poll::Pending,
            _ => Poll::Ready(line.ahead.take()),
        })?;
        let ended = ahead.map_or(Ok(()), Ahead::into_result);
        ended.map_err(|e| self.line.failed(error::convert(&e, 0)))
    }

    fn begin(
        &mut self,
        sending: impl Future<Output = Result<SimpleQueryStream, Error>>,
    ) -> Result<SimpleQueryStream, DatabaseError> {
        let mut sending = pin!(sending);
        let stream = self.wait(|_, cx| sending.as_mut().poll(cx))?;
        stream.map_err(|e| self.line.failed(error::convert(&e, 0)))
    }

    /// Moves messages until `ready` says so, or until nothing has moved for too long.
    fn wait<T>(&mut self, mut ready: impl FnMut(&mut Line, &mut Context<'_>) -> Poll<T>) -> Result<T, DatabaseError> {
        let Self { runtime, line, patience, deadline, moved } = self;
        runtime.block_on(async {
            // Looks at the socket: what the server said meanwhile, even goodbye, is read before anything is written.
            yield_now().await;
            let mut seen = moved.load(Ordering::Relaxed);
            let mut silence = (*patience).map(|patience| Clock::start(line.longest_silence(patience)));
            // A batch's answers may all come at its end.
            let mut whole = (*deadline).filter(|_| line.flights.is_empty()).map(Clock::start);
            poll_fn(|cx| {
                let turned = line.turn(cx, &mut ready);
                if turned.is_ready() {
                    return turned;
                }
                if std::mem::replace(&mut seen, moved.load(Ordering::Relaxed)) != seen {
                    silence.iter_mut().for_each(Clock::restart);
                }
                let over = |clock: &mut Option<Clock>, cx: &mut Context<'_>| {
                    clock.as_mut().and_then(|clock| clock.is_over(cx).then_some(clock.limit.as_secs()))
                };
                let text = if let Some(limit) = over(&mut silence, cx) {
                    format!("the server was silent for {limit} s")
                } else if let Some(limit) = over(&mut whole, cx) {
                    format!("the server gave no answer within {limit} s, whatever else it said")
                } else {
                    return Poll::Pending;
                };
                let text = format!("{text}, so the connection counts as lost");
                Poll::Ready(Err(line.failed(DatabaseError::lost(text))))
            })
            .await
        })
    }
}

/// Longer than this no batch is waited for in silence, unless a single statement may take longer.
const BATCH_SILENCE: Duration = Duration::from_secs(3600);

struct Connected {
    client: Client,
    line: Line,
    canceller: Canceller,
    secure: bool,
    moved: Arc<AtomicU64>,
}

async fn connect(settings: &Arc<Settings>, route: &Route, purpose: Purpose) -> Result<Connected, Trouble> {
    let host = &settings.hosts[route.host];
    let dialed = dial(settings, host, &route.address, route.secure).await?;
    let mut config = Config::new();
    config.user(&settings.user).dbname(&settings.database).options(start::options(purpose));
    config.application_name(&settings.application_name).channel_binding(settings.channel_binding);
    if let Some(password) = &host.password {
        config.password(password.bytes());
    }
    // The wire has seen to TLS; so the driver is told that it begins at once.
    config.ssl_mode(if dialed.secure { SslMode::Require } else { SslMode::Disable });
    config.ssl_negotiation(SslNegotiation::Direct);
    let outbox = dialed.wire.outbox();
    let connected = config.connect_raw(dialed.wire, Arranged).await;
    let (client, connection) = connected.map_err(|e| Trouble::beginning(&e, &settings.user))?;
    let route = Route { secure: dialed.secure, ..route.clone() };
    let canceller = Canceller::new(&client, Arc::clone(settings), route).await;
    let canceller = canceller.map_err(|error| Trouble { error, then: Then::Stop })?;
    let line = Line { connection, outbox, lost: None, flights: VecDeque::new(), ahead: None, notices: Vec::new() };
    Ok(Connected { client, line, canceller, secure: dialed.secure, moved: dialed.moved })
}

impl Drop for Pump {
    /// Says goodbye. The client must be dropped before.
    fn drop(&mut self) {
        if self.line.lost.is_none() {
            self.line.flights.clear();
            let over = poll_fn(|cx| self.line.turn(cx, &mut |_, _| Poll::<()>::Pending));
            // Nobody to tell: a server that doesn't listen ends the session when the socket closes.
            let _ = self.runtime.block_on(async { timeout(GOODBYE, over).await });
        }
    }
}

impl Line {
    /// How long the server may be silent by right. It keeps the answers of a batch until all are there, and each of its
    /// statements may take as long as one that is alone.
    fn longest_silence(&self, patience: Duration) -> Duration {
        let on_the_way = self.flights.front().map_or(1, |flight| flight.statements.max(1));
        patience.saturating_mul(on_the_way).min(patience.max(BATCH_SILENCE))
    }

    /// Fails only when the connection is lost and `ready` would wait for ever.
    fn turn<T>(
        &mut self,
        cx: &mut Context<'_>,
        ready: &mut impl FnMut(&mut Self, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, DatabaseError>> {
        loop {
            self.drain(cx);
            if let Poll::Ready(value) = ready(self, cx) {
                return Poll::Ready(Ok(value));
            }
            if let Some(lost) = &self.lost {
                return Poll::Ready(Err(lost.clone()));
            }
            match self.connection.poll_message(cx) {
                Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                    // What was complete before it lies there, since the driver stopped at it.
                    self.drain(cx);
                    self.note(error::notice(&notice));
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(e))) => self.lost = Some(error::lost(&e)),
                Poll::Ready(None) => self.lost = Some(error::closed()),
                Poll::Pending => {
                    self.drain(cx);
                    let idle = self.outbox.is_empty();
                    let answer = ready(self, cx);
                    // What was put there just now has to be written before anybody waits.
                    if answer.is_pending() && idle && !self.outbox.is_empty() {
                        continue;
                    }
                    return answer.map(Ok);
                }
            }
        }
    }

    /// Takes every answer that is there, oldest batch first.
    fn drain(&mut self, cx: &mut Context<'_>) {
        self.ahead.iter_mut().for_each(|ahead| ahead.drain(cx));
        for flight in &mut self.flights {
            flight.advance(cx);
            if !flight.is_done() {
                break;
            }
        }
    }

    fn note(&mut self, notice: Notice) {
        let flight = self.flights.iter_mut().find(|flight| !flight.is_done());
        let (kept, statement) = match flight {
            Some(flight) => {
                let complete = flight.complete();
                (&mut flight.notices, complete)
            }
            None => (&mut self.notices, 0),
        };
        // Code in the server can say 64 MiB at a time.
        let bytes: usize = kept.iter().map(Notice::size).sum();
        let is_room = kept.len() < NOTICES_KEPT && bytes.saturating_add(notice.size()) <= NOTICES_BYTES;
        let message =
            format!("the server said more than {NOTICES_KEPT} things at once, or very long ones: the rest is left out");
        if is_room {
            kept.push(Notice { statement, ..notice });
        } else if kept.last().is_none_or(|last| last.message != message) {
            let (detail, hint, context, routine) = (None, None, None, None);
            kept.push(Notice { statement, severity: "WARNING".to_owned(), message, detail, hint, context, routine });
        }
    }

    /// An error of the server leaves the connection as it is, every other ends it.
    fn failed(&mut self, error: DatabaseError) -> DatabaseError {
        let DatabaseError::Connection(lost) = &error else { return error };
        match &self.lost {
            // "closed" is known to all; why is known to one.
            Some(known) if lost.kind == ConnectionKind::Closed => known.clone(),
            _ => self.lost.insert(error).clone(),
        }
    }
}
