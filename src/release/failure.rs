//! A script's failure: position in the release, statement, and the server's error.

use std::fmt;

use serde::{Serialize, Serializer};

use super::cancellable::LOCK_NOT_AVAILABLE;
use super::cancellation::CANCELLED;
use super::excerpt::excerpt;
use super::lock::LockError;
use super::run_context::MissingScript;
use crate::database::{DatabaseError, ServerError};
use psql_script::{CopySource, Origin, ScriptError, Statement};

/// A failure, as the fields that operators need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// `file:line:column`, and the chain of includes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Number of the statement that a `\gexec` generated, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated: Option<u64>,
    /// The error message, without the content of the other fields.
    pub message: String,
    /// SQLSTATE of the server's error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The server's context: the call stack of functions, the line of a COPY.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// `file:line` of the line that a COPY refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_at: Option<String>,
    /// The statement's line with its neighbours, numbered, and a caret below the position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// What callers decide by; documents have only whether the connection was lost.
    #[serde(rename = "connection_lost", serialize_with = "is_lost")]
    pub cause: Cause,
}

/// Cause of a failure, as far as callers distinguish them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// pgseal's own check refused, or the script cannot be read.
    #[default]
    Refused,
    /// The server refused, for a reason that none of the others is.
    Server,
    LockNotAvailable,
    Deadlock,
    Serialization,
    Cancelled,
    /// The server ended the session: a limit of idle time or of the transaction's time.
    SessionEnded,
    ConnectionLost,
}

impl Cause {
    fn of(sqlstate: &str) -> Self {
        match sqlstate {
            LOCK_NOT_AVAILABLE => Self::LockNotAvailable,
            CANCELLED => Self::Cancelled,
            "40P01" => Self::Deadlock,
            "40001" => Self::Serialization,
            "25P03" | "25P04" => Self::SessionEnded,
            _ => Self::Server,
        }
    }

    /// Whether no session is left.
    pub fn is_connection_lost(self) -> bool {
        matches!(self, Self::SessionEnded | Self::ConnectionLost)
    }
}

fn is_lost<S: Serializer>(cause: &Cause, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bool(cause.is_connection_lost())
}

/// Conversion of a database error into the failure of one of pgseal's own requests.
pub trait Context<T> {
    /// `doing` begins the message: "can't begin".
    fn context(self, doing: &str) -> Result<T, Failure>;
}

impl<T> Context<T> for Result<T, DatabaseError> {
    fn context(self, doing: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::database(doing, &error))
    }
}

impl From<ScriptError> for Failure {
    fn from(error: ScriptError) -> Self {
        Self::script(&error)
    }
}

impl From<MissingScript> for Failure {
    fn from(error: MissingScript) -> Self {
        Self::plain(error)
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        Self::plain(error)
    }
}

impl Failure {
    /// A failure without a position.
    pub fn plain(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            ..Self::default()
        }
    }

    /// A failure of pgseal's own request.
    pub fn database(doing: &str, error: &DatabaseError) -> Self {
        let failure = Self::of(error);
        let message = format!("{doing}: {}", failure.message);
        failure.message(message)
    }

    /// A failure to read a script.
    pub fn script(error: &ScriptError) -> Self {
        Self {
            at: error.origin().map(ToString::to_string),
            hint: error.hint(),
            ..Self::plain(error)
        }
    }

    pub fn statement(statement: &Statement, error: &DatabaseError) -> Self {
        Self::part(statement, 0, error)
    }

    /// A failure of a part of a statement, which begins after `before` characters.
    pub fn part(statement: &Statement, before: u32, error: &DatabaseError) -> Self {
        let line = |character| statement.locate(character).line;
        let failure = Self::of_text(statement, &statement.sql, before, error, line);
        let DatabaseError::Server(server) = error else {
            return failure;
        };
        let position = server.position.map(|at| at.saturating_add(before));
        Self {
            at: position.map(|at| place(statement, at)).or(failure.at),
            data_at: data_at(statement, server),
            ..failure
        }
    }

    /// A failure of a statement that `\gexec` generated: its number from 1, its text, and the
    /// number of characters before the part.
    pub fn generated(
        statement: &Statement,
        number: u64,
        sql: &str,
        before: u32,
        error: &DatabaseError,
    ) -> Self {
        let line = |character: u32| {
            let before = sql.chars().take(character.saturating_sub(1) as usize);
            let lines = before.filter(|c| *c == '\n').count();
            u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1)
        };
        Self {
            generated: Some(number),
            ..Self::of_text(statement, sql, before, error, line)
        }
    }

    fn of_text(
        statement: &Statement,
        sql: &str,
        before: u32,
        error: &DatabaseError,
        line: impl Fn(u32) -> u32,
    ) -> Self {
        let failure = Self::of(error).at(&statement.origin);
        let DatabaseError::Server(server) = error else {
            return failure;
        };
        let position = server.position.map(|at| at.saturating_add(before));
        // The server's position is within the part. Without one, the part's first line is shown.
        let shown = position.or((before > 0).then_some(before + 1));
        Self {
            excerpt: Some(excerpt(sql, shown, position.is_some(), line)),
            ..failure
        }
    }

    /// A failure of a statement that uses a variable without a value.
    pub fn undefined(statement: &Statement) -> Option<Self> {
        let (name, at) = statement.undefined.first()?;
        let unset = format!("variable {name:?} is not set: give it by -v {name}=VALUE");
        Some(Self::plain(unset).at(at))
    }

    /// A failure of a batch whose answer did not arrive: the failed statement is unknown.
    pub fn between(first: &Statement, last: &Statement, error: &DatabaseError) -> Self {
        let failure = Self::of(error).at(&first.origin);
        if first.origin == last.origin {
            return failure;
        }
        let (last, message) = (&last.origin.at, &failure.message);
        let message = format!("somewhere from here to {last}: {message}");
        failure.message(message)
    }

    /// A refusal to send a statement.
    pub fn refused(statement: &Statement, why: impl fmt::Display) -> Self {
        Self::plain(why).at(&statement.origin)
    }

    #[must_use]
    pub fn at(self, at: impl fmt::Display) -> Self {
        let at = Some(at.to_string());
        Self { at, ..self }
    }

    #[must_use]
    pub fn message(self, message: String) -> Self {
        Self { message, ..self }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        let hint = Some(hint.into());
        Self { hint, ..self }
    }

    /// The position, with the generated statement's number.
    pub fn place(&self) -> Option<String> {
        let at = self.at.as_ref()?;
        Some(match self.generated {
            Some(number) => format!("statement {number} of \\gexec at {at}"),
            None => at.clone(),
        })
    }

    /// The headline for operators: position, message and SQLSTATE.
    pub fn headline(&self) -> String {
        let place = self.place().map_or(String::new(), |at| format!("{at}: "));
        let code = self.sqlstate.as_ref();
        let code = code.map_or(String::new(), |code| format!(" (SQLSTATE {code})"));
        format!("{place}{}{code}", self.message)
    }

    /// Whether the hint comes from the server. pgseal writes its own hints for blocked and
    /// cancelled statements.
    pub fn server_advises(&self) -> bool {
        let is_servers = !matches!(
            self.cause,
            Cause::Refused | Cause::ConnectionLost | Cause::LockNotAvailable | Cause::Cancelled
        );
        self.hint.is_some() && is_servers
    }

    /// The same failure, reported as pgseal's own refusal.
    #[must_use]
    pub fn refusal(self) -> Self {
        let cause = match self.cause {
            lost if lost.is_connection_lost() => Cause::ConnectionLost,
            _ => Cause::Refused,
        };
        Self {
            sqlstate: None,
            cause,
            ..self
        }
    }

    fn of(error: &DatabaseError) -> Self {
        match error {
            DatabaseError::Server(server) | DatabaseError::LedgerDenied(server) => Self {
                sqlstate: Some(server.code.clone()),
                detail: server.detail.clone(),
                hint: server.hint.clone(),
                context: server.context.clone(),
                cause: Cause::of(&server.code),
                ..Self::plain(&server.message)
            },
            DatabaseError::Connection(error) => Self {
                cause: Cause::ConnectionLost,
                ..Self::plain(error)
            },
            DatabaseError::Unsound(error) => Self::plain(error),
        }
    }
}

/// One line, as receipts keep it.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        match &self.detail {
            Some(detail) => write!(f, "; {detail}"),
            None => Ok(()),
        }
    }
}

/// `file:line:column` of a statement's character, from 1, with the chain of includes.
pub(super) fn place(statement: &Statement, character: u32) -> String {
    Origin {
        at: statement.locate(character),
        included_from: statement.origin.included_from.clone(),
    }
    .to_string()
}

/// Position of the COPY data line that the server's context names: `COPY widgets, line 2, column
/// id: "four"`.
///
/// Servers with messages in other languages name it differently; then only the context is shown.
fn data_at(statement: &Statement, server: &ServerError) -> Option<String> {
    let source = statement.copy.as_ref()?;
    let context = server.context.as_ref()?;
    let named = context
        .lines()
        .find_map(|line| line.strip_prefix("COPY ")?.split_once(", line "))?
        .1;
    let digits = named.split(|c: char| !c.is_ascii_digit()).next()?;
    let number: u32 = digits.parse().ok()?;
    match source {
        CopySource::File(path) => Some(format!("{path}:{number}")),
        CopySource::Script { line } => {
            let at = line.checked_add(number)?.checked_sub(1)?;
            Some(format!("{}:{at}", statement.origin.at.file))
        }
    }
}
