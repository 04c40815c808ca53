//! The database port: the operations that a run needs. `postgres/` is the adapter; nothing below
//! it knows the protocol.

use std::fmt;
use std::io::Read;
use std::time::Duration;

/// Opens sessions to the one database that the operator named.
pub trait Connect: Sync {
    /// Opens a new session; dropping it closes it. With several hosts, the first session chooses
    /// one and all later sessions use the same host. Only [`Purpose::Resolve`] may try the others.
    fn connect(&self, purpose: Purpose) -> Result<Box<dyn Session>, DatabaseError>;
}

/// The purpose of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Reads: every transaction is read-only from the start.
    Read,
    /// Queries gates and probes, read-only, as the gate role that the operator named. Default: the
    /// role of the other sessions.
    Ask,
    /// Runs or rolls back a release.
    Write,
    /// Queries, read-only, the outcome of a COMMIT. After a failover, another named host may
    /// answer.
    Resolve,
}

/// Cancels a session's current statement from another thread.
pub trait Cancel: Send + Sync {
    /// Asks the server, on a separate connection, to cancel the running statement. The statement's
    /// own result shows whether the cancellation was in time.
    fn cancel(&self) -> Result<(), DatabaseError>;
}

/// A database connection.
///
/// The operations differ in the text that they take, and in what the server does with it:
///
/// | operation | text | protocol | result |
/// |---|---|---|---|
/// | `execute`, `execute_with` | one statement | extended | row count |
/// | `rows` | one statement | extended to parse, then simple | all rows |
/// | `select` | one SELECT | extended cursor | some rows |
/// | `open_cursor`, `fetch` | one analysed SELECT | simple cursor | some rows |
/// | `query`, `query_with` | pgseal's | extended | all rows |
/// | `batch`, `batch_ahead` | pgseal's | simple | none |
/// | `send_batch`, `receive_batch` | several statements | simple | row counts |
/// | `keep`, `execute_kept` | one statement | extended, prepared | none |
pub trait Session {
    /// [`Session::execute_with`] without parameters.
    fn execute(&mut self, sql: &str) -> Result<u64, DatabaseError> {
        self.execute_with(sql, &[])
    }

    /// Executes several of pgseal's own statements in one message. Never foreign text.
    fn batch(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// Like [`Session::batch`], but does not wait: if the statements fail, the next call fails.
    /// Only inside a transaction block, so that the server refuses the statements after them.
    fn batch_ahead(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// `server_version_num`: 150018 is 15.18.
    fn server_version_num(&self) -> u32;

    /// The server process of this session (`pg_backend_pid()`), as proved at the session's start.
    fn process(&self) -> u32;

    /// The session's initial database and roles. Scripts cannot change this record.
    fn identity(&self) -> &Identity;

    /// Executes exactly one statement and drops its rows; returns the reported row count. Uses the
    /// extended protocol, in which the server refuses two statements (PostgreSQL manual, "Extended
    /// Query"). Parameters for `$1`, `$2`, ... are in the server's text form; the server infers
    /// their types.
    fn execute_with(&mut self, sql: &str, parameters: &[String]) -> Result<u64, DatabaseError>;

    /// Returns the rows of exactly one statement of any kind as text. The server first parses it by
    /// the extended protocol, which proves that it is one. More than `limit` rows are
    /// [`DatabaseError::Unsound`].
    fn rows(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError>;

    /// Sends several statements in one message without waiting (PostgreSQL manual, "Multiple
    /// Statements in a Simple Query"). Only inside a transaction block, and only for texts whose
    /// boundaries no setting can move. Receive every batch before any other call.
    fn send_batch(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// Receives the result of the oldest in-flight batch.
    fn receive_batch(&mut self) -> Result<BatchAnswer, DatabaseError>;

    /// Sends `COPY ... FROM STDIN` and its data, chunk by chunk. A read error fails the COPY.
    fn copy_in(&mut self, sql: &str, data: &mut dyn Read) -> Result<u64, DatabaseError>;

    /// Runs `COPY ... TO STDOUT` and drops the data. Returns its size in bytes.
    fn copy_out(&mut self, sql: &str) -> Result<u64, DatabaseError>;

    /// Parses, analyses and rewrites a statement without planning or running it. Returns its result
    /// columns.
    fn analyse(&mut self, sql: &str) -> Result<Vec<Column>, DatabaseError>;

    /// Returns at most `limit` rows of one SELECT as text, inside a transaction. Uses a cursor
    /// (`DECLARE ... NO SCROLL CURSOR FOR`), so the server accepts only one plain SELECT.
    fn select(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError>;

    /// Opens a cursor (`DECLARE ... NO SCROLL CURSOR FOR`) for one SELECT and waits, inside a
    /// transaction. The server parses it once, by the simple protocol: [`Session::analyse`] must
    /// first prove that the text is one statement.
    fn open_cursor(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// Returns at most `limit` rows of the open cursor as text, and closes it.
    fn fetch(&mut self, limit: usize) -> Result<Table, DatabaseError>;

    /// [`Session::query_with`] with text parameters.
    fn query(&mut self, sql: &'static str, parameters: &[&str]) -> Result<Table, DatabaseError> {
        let parameters = parameters.iter().copied().map(Parameter::Text);
        let parameters: Vec<_> = parameters.collect();
        self.query_with(sql, &parameters, false)
    }

    /// Returns the rows of a pgseal query, with parameters for `$1`, `$2`, ... `sql` is never
    /// foreign text. `again` keeps the query prepared on the server: not where scripts run, which
    /// could deallocate it.
    fn query_with(
        &mut self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        again: bool,
    ) -> Result<Table, DatabaseError>;

    /// Parses and rewrites one statement for [`Session::execute_kept`]; replaces the previous one.
    fn keep(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// Executes the kept statement and drops its rows. The server parses it again if an object that
    /// it uses was altered (PostgreSQL manual, "PREPARE").
    fn execute_kept(&mut self) -> Result<(), DatabaseError>;

    /// Returns a handle that cancels this session's statement from another thread.
    fn canceller(&self) -> Box<dyn Cancel>;

    /// Limits how long the server may send nothing, and accept nothing, while a response is due;
    /// then the connection counts as lost. Detects networks that drop packets. For a batch, the
    /// limit is multiplied by its number of statements, up to an hour.
    fn set_patience(&mut self, patience: Duration);

    /// Limits the total time of one statement, but not of a batch: a server or proxy that sends
    /// something every few seconds is never silent. For statements that the server must have ended
    /// by then. [`Session::set_patience`] removes the limit.
    fn set_deadline(&mut self, limit: Duration);

    /// Returns notices and warnings since the last call, oldest first.
    fn notices(&mut self) -> Vec<Notice>;

    /// A parsing setting that differs from the session's start. Sends no query: uses the values
    /// that the server reported up to its last response (PostgreSQL manual, "Asynchronous
    /// Operations").
    fn changed_reading(&self) -> Option<ChangedReading>;
}

/// A parameter of a pgseal query.
#[derive(Clone, Copy, Debug)]
pub enum Parameter<'a> {
    /// `text`
    Text(&'a str),
    /// `oid[]`
    Oids(&'a [u32]),
}

/// A changed `standard_conforming_strings` or `client_encoding`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} changed from {from} to {to}")]
pub struct ChangedReading {
    pub setting: &'static str,
    /// Its value at the session's start.
    pub from: &'static str,
    pub to: String,
}

/// Connection properties for psql's variables. Like psql, pgseal queries them once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The database, `DBNAME`.
    pub database: String,
    /// The login role, `USER`.
    pub user: String,
    /// The role in effect at the start; `ALTER ROLE ... SET role` makes it differ from `user`.
    pub role: String,
    /// Whether the server is a standby. A promoted standby keeps its sessions.
    pub is_standby: bool,
    /// The server's version text, `SERVER_VERSION_NAME`: `15.18 (Debian 15.18-0+deb12u1)`.
    pub server_version: String,
}

/// A result column of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// Whether its type is `boolean`.
    pub is_boolean: bool,
}

/// Rows in the server's text form; `None` is NULL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub columns: Vec<String>,
    /// Values by row, one per column.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// Returns the value of a table with one row and one column.
    pub fn single(&self) -> Option<&str> {
        match self.rows.as_slice() {
            [row] if row.len() == 1 => row[0].as_deref(),
            _ => None,
        }
    }
}

/// The result of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchAnswer {
    /// Reported row counts of the completed statements, up to the first failure. Empty after a
    /// syntax error anywhere in the message.
    pub rows: Vec<u64>,
    /// The server's error. Its position counts characters of the whole message.
    pub error: Option<Box<ServerError>>,
}

/// A notice or warning from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Number of batch statements completed before the notice; 0 outside of batches.
    pub statement: usize,
    /// `NOTICE`, `WARNING`, ...
    pub severity: String,
    pub message: String,
    /// The `DETAIL` field.
    pub detail: Option<String>,
    /// The `HINT` field.
    pub hint: Option<String>,
    /// The call stack of functions.
    pub context: Option<String>,
    /// The server's source function that sent it (PostgreSQL manual, "Error and Notice Message
    /// Fields"). SQL and PL/pgSQL functions cannot set it.
    pub routine: Option<String>,
}

impl Notice {
    /// Returns the total size of its texts in bytes.
    pub fn size(&self) -> usize {
        let texts = [&self.detail, &self.hint, &self.context];
        self.message.len() + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// A failed database operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseError {
    /// The server refused the request; the connection stays usable.
    Server(Box<ServerError>),
    /// The server refused because the role may not read the ledger.
    LedgerDenied(Box<ServerError>),
    /// The connection failed or was lost. The outcome of the last request is unknown.
    Connection(ConnectionError),
    /// The server's response is unreliable.
    Unsound(Unsound),
}

/// A connection failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectionError {
    pub kind: ConnectionKind,
    pub message: String,
}

/// The kind of a connection failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionKind {
    /// Name resolution, address or server did not respond, or the server refused.
    Unreachable,
    /// The server requires a password, and none is known.
    Password,
    /// TLS is missing, or the certificate is invalid.
    Tls,
    /// The connection ended for a known reason.
    Lost,
    /// The connection ended without a message.
    Closed,
}

/// An unreliable response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unsound {
    pub kind: UnsoundKind,
    pub message: String,
}

/// The kind of an unreliable response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsoundKind {
    /// A connection pooler answers in the server's place.
    Pooler,
    /// A superuser's session begins as another role.
    OtherRole,
    /// The ledger differs from the schema that pgseal creates.
    Ledger,
    /// The ledger belongs to another role, which is no superuser.
    LedgerOwner,
    /// More rows than the caller's limit.
    TooManyRows,
    /// A malformed response, or one that does not match the request.
    Answer,
}

/// A server error, field by field (PostgreSQL manual, "Error and Notice Message Fields").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    pub code: String,
    pub message: String,
    /// The `DETAIL` field.
    pub detail: Option<String>,
    /// The `HINT` field.
    pub hint: Option<String>,
    /// The call stack of functions.
    pub context: Option<String>,
    /// The error position: a character of the statement, from 1.
    pub position: Option<u32>,
}

impl DatabaseError {
    /// Creates the error of a failed or lost connection.
    pub fn connection(kind: ConnectionKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Connection(ConnectionError { kind, message })
    }

    /// Creates the error of a failed connection attempt.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::connection(ConnectionKind::Unreachable, message)
    }

    /// Creates the error of a lost connection.
    pub fn lost(message: impl Into<String>) -> Self {
        Self::connection(ConnectionKind::Lost, message)
    }

    /// Creates the error of an unreliable response of this kind.
    pub fn unsound_of(kind: UnsoundKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Unsound(Unsound { kind, message })
    }

    /// Creates the error of an unreliable response.
    pub fn unsound(message: impl Into<String>) -> Self {
        Self::unsound_of(UnsoundKind::Answer, message)
    }

    /// Creates the error of a ledger that differs from pgseal's schema.
    pub fn ledger(message: impl Into<String>) -> Self {
        Self::unsound_of(UnsoundKind::Ledger, message)
    }

    /// Returns the SQLSTATE of a server error.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Server(error) | Self::LedgerDenied(error) => Some(&error.code),
            Self::Connection(_) | Self::Unsound(_) => None,
        }
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) | Self::LedgerDenied(error) => {
                write!(f, "{} (SQLSTATE {})", error.message, error.code)?;
                match &error.detail {
                    Some(detail) => write!(f, "; {detail}"),
                    None => Ok(()),
                }
            }
            Self::Connection(error) => error.fmt(f),
            Self::Unsound(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DatabaseError {}
