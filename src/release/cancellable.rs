//! Connections of a run: every statement can be cancelled, and lock timeouts and time limits are
//! explained.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cancellation::{CANCELLED, Cancellable, CancellationToken};
use super::event::BackgroundObserver;
use super::waiting::{Blocked, Waiting};
use crate::database::{
    BatchAnswer, Cancel, ChangedReading, Column, Connect, DatabaseError, Identity, Notice,
    Parameter, Purpose, ServerError, Session, Table,
};
use pgseal_verify::format::run_limits::{RunLimits, TimeLimit};

/// SQLSTATE of a lock that was not available in time, or not at once (`NOWAIT`).
pub const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The only statement that is sent even after a stop request.
const ROLLBACK: &str = "ROLLBACK";

/// Opens sessions that belong to one run.
pub struct CancellableConnector {
    connect: Arc<dyn Connect + Send>,
    run: Arc<Run>,
}

/// State shared by the sessions of a run.
struct Run {
    stop: CancellationToken,
    /// The manifest's limits, and those in force.
    limits: [RunLimits; 2],
    waiting: Waiting,
}

impl CancellableConnector {
    /// Watches until it and its sessions are dropped. `signed` are the manifest's limits, `limits`
    /// those in force.
    pub fn new(
        connect: Arc<dyn Connect + Send>,
        stop: CancellationToken,
        signed: &RunLimits,
        limits: &RunLimits,
        aside: Arc<dyn BackgroundObserver>,
    ) -> Self {
        let waiting = Waiting::begin(Arc::clone(&connect), aside, limits);
        Self {
            connect,
            run: Arc::new(Run {
                stop,
                limits: [signed.clone(), limits.clone()],
                waiting,
            }),
        }
    }
}

impl Connect for CancellableConnector {
    fn connect(&self, purpose: Purpose) -> Result<Box<dyn Session>, DatabaseError> {
        self.run.stop.refuse()?;
        let session = self.connect.connect(purpose)?;
        let cancellable = self.run.stop.watch(session.canceller());
        let pid = Arc::from(session.process().to_string());
        let (run, batches) = (Arc::clone(&self.run), VecDeque::new());
        Ok(Box::new(WatchedSession {
            _cancellable: cancellable,
            session,
            pid,
            run,
            batches,
        }))
    }
}

struct WatchedSession {
    // Dropped first, so that a closing session is not cancelled.
    _cancellable: Cancellable,
    session: Box<dyn Session>,
    pid: Arc<str>,
    run: Arc<Run>,
    /// Send times of the in-flight batches.
    batches: VecDeque<Instant>,
}

impl WatchedSession {
    fn send<T>(
        &mut self,
        send: impl FnOnce(&mut dyn Session) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.run.stop.refuse()?;
        self.send_anyway(send)
    }

    fn send_anyway<T>(
        &mut self,
        send: impl FnOnce(&mut dyn Session) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let since = self.run.waiting.sent(&self.pid);
        let answer = send(self.session.as_mut());
        let blocked = self.run.waiting.answered();
        answer.map_err(|error| match error {
            DatabaseError::Server(server) => {
                DatabaseError::Server(Box::new(self.run.explain(*server, blocked.as_ref(), since)))
            }
            other => other,
        })
    }
}

impl Run {
    /// Adds facts that the server omits: an interruption, the limit that ended the statement, the
    /// blocking sessions.
    fn explain(
        &self,
        error: ServerError,
        blocked: Option<&Blocked>,
        since: Instant,
    ) -> ServerError {
        let ServerError {
            code, detail, hint, ..
        } = &error;
        let of = |pick: fn(&RunLimits) -> TimeLimit| self.limits.each_ref().map(pick);
        let said = match code.as_str() {
            LOCK_NOT_AVAILABLE => limit("lock_timeout", of(|limits| limits.lock_timeout)),
            CANCELLED if self.stop.is_requested() => return self.stop.explain(error),
            CANCELLED => {
                let [signed, in_force] = of(|limits| limits.statement_timeout);
                // The server's own explanation is in the server's language.
                match since.elapsed() >= Duration::from_millis(in_force.milliseconds().into()) {
                    true => limit("statement_timeout", [signed, in_force]),
                    false => {
                        "it was cancelled on the server, or by the script's own statement_timeout"
                            .to_owned()
                    }
                }
            }
            // transaction_timeout and idle_in_transaction_session_timeout; both end the session.
            "25P04" => limit(
                "transaction_timeout",
                of(|limits| limits.transaction_timeout),
            ),
            "25P03" => limit(
                "idle_in_transaction_session_timeout",
                of(|limits| limits.idle_timeout),
            ),
            _ => return error,
        };
        let hint = hint.clone().or(Some(said));
        let detail = detail.clone().or_else(|| blocked.map(ToString::to_string));
        ServerError {
            detail,
            hint,
            ..error
        }
    }
}

fn limit(name: &str, [signed, in_force]: [TimeLimit; 2]) -> String {
    if signed == in_force {
        format!("{name} is {in_force}, as [limits] in release.toml has it")
    } else {
        format!(
            "{name} was lowered to {in_force} for this run; [limits] in release.toml has {signed}"
        )
    }
}

impl Session for WatchedSession {
    fn execute(&mut self, sql: &str) -> Result<u64, DatabaseError> {
        if sql == ROLLBACK {
            return self.send_anyway(|session| session.execute(sql));
        }
        self.send(|session| session.execute(sql))
    }

    fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.send(|session| session.batch(sql))
    }

    fn batch_ahead(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.session.batch_ahead(sql)
    }

    fn server_version_num(&self) -> u32 {
        self.session.server_version_num()
    }

    fn process(&self) -> u32 {
        self.session.process()
    }

    fn identity(&self) -> &Identity {
        self.session.identity()
    }

    fn execute_with(&mut self, sql: &str, parameters: &[String]) -> Result<u64, DatabaseError> {
        self.send(|session| session.execute_with(sql, parameters))
    }

    fn rows(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError> {
        self.send(|session| session.rows(sql, limit))
    }

    fn send_batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.send(|session| session.send_batch(sql))?;
        self.batches.push_back(Instant::now());
        Ok(())
    }

    fn receive_batch(&mut self) -> Result<BatchAnswer, DatabaseError> {
        let begun = self.run.waiting.sent(&self.pid);
        let since = self.batches.pop_front().unwrap_or(begun);
        let answer = self.session.receive_batch();
        let blocked = self.run.waiting.answered();
        let mut answer = answer?;
        let explain =
            |error: Box<ServerError>| Box::new(self.run.explain(*error, blocked.as_ref(), since));
        answer.error = answer.error.map(explain);
        Ok(answer)
    }

    fn copy_in(&mut self, sql: &str, data: &mut dyn Read) -> Result<u64, DatabaseError> {
        self.send(|session| session.copy_in(sql, data))
    }

    fn copy_out(&mut self, sql: &str) -> Result<u64, DatabaseError> {
        self.send(|session| session.copy_out(sql))
    }

    fn analyse(&mut self, sql: &str) -> Result<Vec<Column>, DatabaseError> {
        self.send(|session| session.analyse(sql))
    }

    fn select(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError> {
        self.send(|session| session.select(sql, limit))
    }

    fn open_cursor(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.send(|session| session.open_cursor(sql))
    }

    fn fetch(&mut self, limit: usize) -> Result<Table, DatabaseError> {
        self.send(|session| session.fetch(limit))
    }

    fn query_with(
        &mut self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        again: bool,
    ) -> Result<Table, DatabaseError> {
        self.send(|session| session.query_with(sql, parameters, again))
    }

    fn keep(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.send(|session| session.keep(sql))
    }

    fn execute_kept(&mut self) -> Result<(), DatabaseError> {
        self.send(|session| session.execute_kept())
    }

    fn canceller(&self) -> Box<dyn Cancel> {
        self.session.canceller()
    }

    fn set_patience(&mut self, patience: Duration) {
        self.session.set_patience(patience);
    }

    fn set_deadline(&mut self, limit: Duration) {
        self.session.set_deadline(limit);
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.session.notices()
    }

    fn changed_reading(&self) -> Option<ChangedReading> {
        self.session.changed_reading()
    }
}
