//! The port: what a run needs of a database. `postgres/` is the adapter; nothing below it knows the protocol.

use std::fmt;
use std::io::Read;
use std::time::Duration;

/// Opens sessions to the one database that the operator named.
pub trait Connect: Sync {
    /// A new session of its own; dropping it closes it. Where several hosts are named, the first session chooses one, and
    /// all later ones go to the same; only [`Purpose::Resolve`] may look at the others.
    fn connect(&self, purpose: Purpose) -> Result<Box<dyn Session>, DatabaseError>;
}

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Reads: every transaction in it is read-only from the start.
    Read,
    /// Asks gates and probes, read-only, as the gate role: the one that the operator named for it, else that of the others.
    Ask,
    /// Runs a release, or rolls it back.
    Write,
    /// Asks, read-only, what came of a COMMIT: after a failover that may be another of the hosts that were named.
    Resolve,
}

/// Stops what a session is doing, from another thread.
pub trait Cancel: Send + Sync {
    /// Asks the server to cancel the statement that runs now, on a connection of its own. Whether it was in time shows in
    /// the statement's own answer.
    fn cancel(&self) -> Result<(), DatabaseError>;
}

/// A connection.
pub trait Session {
    /// Sends exactly one statement by the extended protocol, in which the server itself refuses two (PostgreSQL manual,
    /// "Extended Query"), and drops the rows it returns. Gives the number of rows that the server reported.
    fn execute(&mut self, sql: &str) -> Result<u64, DatabaseError>;

    /// Several statements of pgseal's own in one message. Never foreign text.
    fn batch(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// As [`Session::batch`], and doesn't wait: the next call fails where the statements do. Only inside a transaction block, so
    /// that the server then refuses what comes behind them.
    fn batch_ahead(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// `server_version_num`: 150018 is 15.18.
    fn server_version_num(&self) -> u32;

    /// The process of the server that answers here (`pg_backend_pid()`), as the session's start proved it.
    fn process(&self) -> u32;

    /// Who began the session, and where. A session keeps it, whatever its scripts set.
    fn identity(&self) -> &Identity;

    /// As [`Session::execute`], with parameters for `$1`, `$2`, ... in the server's text form; the server finds their
    /// types.
    fn execute_with(&mut self, sql: &str, parameters: &[String]) -> Result<u64, DatabaseError>;

    /// The rows of exactly one statement as text, whatever kind of statement it is. The server parses it first by the
    /// extended protocol, which proves that it is one; more than `limit` rows are [`DatabaseError::Unsound`].
    fn rows(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError>;

    /// Puts several statements on the way in one message (PostgreSQL manual, "Multiple Statements in a Simple Query") and
    /// doesn't wait. Only inside a transaction block, and only for texts whose boundaries no setting can move. Other calls
    /// have to wait until every batch is received.
    fn send_batch(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// The answer to the oldest batch that is on the way.
    fn receive_batch(&mut self) -> Result<BatchAnswer, DatabaseError>;

    /// Sends `COPY ... FROM STDIN` and its data, chunk by chunk. When reading fails, the COPY fails too.
    fn copy_in(&mut self, sql: &str, data: &mut dyn Read) -> Result<u64, DatabaseError>;

    /// Runs `COPY ... TO STDOUT` and drops the data. Gives its size in bytes.
    fn copy_out(&mut self, sql: &str) -> Result<u64, DatabaseError>;

    /// Parses, analyses and rewrites a statement without planning or running it. Gives the columns it would return.
    fn analyse(&mut self, sql: &str) -> Result<Vec<Column>, DatabaseError>;

    /// The rows of one SELECT as text: opens it as a cursor (`DECLARE ... NO SCROLL CURSOR FOR`), so that the server
    /// accepts one plain SELECT and nothing else, and fetches at most `limit` rows. Must be inside a transaction.
    fn select(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError>;

    /// Opens one SELECT as a cursor (`DECLARE ... NO SCROLL CURSOR FOR`), and waits until that is done. The server parses it once,
    /// by the simple protocol: not for a text that [`Session::analyse`] has not proved to be one statement. Must be inside a
    /// transaction.
    fn open_cursor(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// At most `limit` rows of that cursor, as text, and closes it.
    fn fetch(&mut self, limit: usize) -> Result<Table, DatabaseError>;

    /// The rows of a query of pgseal's own, with text parameters for `$1`, `$2`, ... Never foreign text as `sql`.
    fn query(&mut self, sql: &'static str, parameters: &[&str]) -> Result<Table, DatabaseError>;

    /// As [`Session::query`], with parameters of other types too. A query that the session executes `again` is kept prepared by
    /// the server: not where a script runs that could deallocate it.
    fn query_with(
        &mut self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        again: bool,
    ) -> Result<Table, DatabaseError>;

    /// Parses and rewrites one statement, and keeps it for [`Session::execute_kept`] in the place of the one before.
    fn keep(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// Executes the kept statement, and drops its rows. The server parses it again where it invalidated it since: when what it reads
    /// was altered (PostgreSQL manual, "PREPARE").
    fn execute_kept(&mut self) -> Result<(), DatabaseError>;

    /// Stops what this session is doing, from another thread.
    fn canceller(&self) -> Box<dyn Cancel>;

    /// How long the server may be silent, and take nothing, while an answer is awaited; then the connection counts as lost.
    /// A network that swallows packets would otherwise never be noticed. The answer to a batch is waited for as often as it
    /// has statements, up to an hour.
    fn set_patience(&mut self, patience: Duration);

    /// How long the answer to one statement may take as a whole, whatever the server says meanwhile: a server or proxy that
    /// says something every few seconds is never silent. It does not count for batches. For what the server must have ended
    /// by then; [`Session::set_patience`] lifts it.
    fn set_deadline(&mut self, limit: Duration);

    /// Notices and warnings since the last call, oldest first.
    fn notices(&mut self) -> Vec<Notice>;

    /// What no longer is as the session began of the settings that decide how the server reads a text, by what the server
    /// reported until the last answer (PostgreSQL manual, "Asynchronous Operations"). Asks nothing.
    fn changed_reading(&self) -> Option<ChangedReading>;
}

/// A parameter of a query of pgseal's own.
#[derive(Clone, Copy, Debug)]
pub enum Parameter<'a> {
    /// `text`
    Text(&'a str),
    /// `oid[]`
    Oids(&'a [u32]),
}

/// `standard_conforming_strings` or `client_encoding`, where a session does not have it as it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedReading {
    /// The setting.
    pub setting: &'static str,
    /// Its value when the session began.
    pub from: &'static str,
    /// Its value now.
    pub to: String,
}

/// What psql's variables tell of a connection; as there, it is asked for once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The database, `DBNAME`.
    pub database: String,
    /// The role that logged in, `USER`.
    pub user: String,
    /// The role whose rights the session began with: another one where `ALTER ROLE ... SET role` says so.
    pub role: String,
    /// Whether the server is a standby. One that becomes a primary keeps its sessions.
    pub is_standby: bool,
    /// The server's version as it writes it, `SERVER_VERSION_NAME`: `15.18 (Debian 15.18-0+deb12u1)`.
    pub server_version: String,
}

/// A column that a statement would return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether its type is `boolean`.
    pub is_boolean: bool,
}

impl fmt::Display for ChangedReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} changed from {} to {}", self.setting, self.from, self.to)
    }
}

/// Rows in the server's text form; `None` is NULL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Values by row, as many as columns.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// The value of the only row's only column.
    pub fn single(&self) -> Option<&str> {
        match self.rows.as_slice() {
            [row] if row.len() == 1 => row[0].as_deref(),
            _ => None,
        }
    }
}

/// How a batch ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchAnswer {
    /// Rows that the server reported, by statement; statements behind the one that failed are not there. After a syntax
    /// error anywhere in the message none is.
    pub rows: Vec<u64>,
    /// What the server refused. Its position counts characters of the whole message.
    pub error: Option<Box<ServerError>>,
}

/// Something the server says beside its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How many statements of the batch were complete when it was said; 0 outside of batches.
    pub statement: usize,
    /// `NOTICE`, `WARNING`, ...
    pub severity: String,
    /// The text.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// The server's advice.
    pub hint: Option<String>,
    /// The call stack of functions.
    pub context: Option<String>,
    /// The server's own function that said it (PostgreSQL manual, "Error and Notice Message Fields"), which no function in SQL or
    /// PL/pgSQL can name.
    pub routine: Option<String>,
}

impl Notice {
    /// Bytes of its texts.
    pub fn size(&self) -> usize {
        let texts = [&self.detail, &self.hint, &self.context];
        self.message.len() + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// Why the database did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseError {
    /// The server refused; the connection lives.
    Server(Box<ServerError>),
    /// The server refused: the role may not read the ledger.
    LedgerDenied(Box<ServerError>),
    /// The connection could not be made, or is lost; whether the last request was carried out is not known.
    Connection(ConnectionError),
    /// The server answered, and the answer can't be relied on.
    Unsound(Unsound),
}

/// No connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionError {
    /// The reason.
    pub kind: ConnectionKind,
    /// The reason in words.
    pub message: String,
}

/// The reason that there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionKind {
    /// Name, address or server did not answer, or the server refused.
    Unreachable,
    /// The server asks for a password, and none is known.
    Password,
    /// TLS is missing, or the certificate does not hold.
    Tls,
    /// A connection ended, and the reason is known.
    Lost,
    /// A connection ended without a word.
    Closed,
}

/// An answer that can't be relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsound {
    /// The kind of answer.
    pub kind: UnsoundKind,
    /// The reason in words.
    pub message: String,
}

/// The kind of an answer that can't be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsoundKind {
    /// A connection pooler answers in the server's place.
    Pooler,
    /// A superuser's session begins as another role.
    OtherRole,
    /// The ledger is not as pgseal makes it.
    Ledger,
    /// More rows than the caller takes.
    TooManyRows,
    /// An answer without sense, or not to what was asked.
    Answer,
}

/// An error of the server, field by field (PostgreSQL manual, "Error and Notice Message Fields").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// SQLSTATE.
    pub code: String,
    /// The text.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// The server's advice.
    pub hint: Option<String>,
    /// The call stack of functions.
    pub context: Option<String>,
    /// The character of the statement it is about, from 1.
    pub position: Option<u32>,
}

impl DatabaseError {
    /// A connection that could not be made.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::Connection(ConnectionError { kind: ConnectionKind::Unreachable, message: message.into() })
    }

    /// A connection that ended.
    pub fn lost(message: impl Into<String>) -> Self {
        Self::Connection(ConnectionError { kind: ConnectionKind::Lost, message: message.into() })
    }

    /// An answer that can't be relied on.
    pub fn unsound(message: impl Into<String>) -> Self {
        Self::Unsound(Unsound { kind: UnsoundKind::Answer, message: message.into() })
    }

    /// A ledger that is not as pgseal makes it.
    pub fn ledger(message: impl Into<String>) -> Self {
        Self::Unsound(Unsound { kind: UnsoundKind::Ledger, message: message.into() })
    }

    /// SQLSTATE, if the server answered.
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

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DatabaseError {}
