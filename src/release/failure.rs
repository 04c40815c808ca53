//! A script's failure: position in the release, statement, and the server's error.

use std::fmt;

use serde::Serialize;

use super::cancellable::LOCK_NOT_AVAILABLE;
use super::cancellation::CANCELLED;
use super::excerpt::excerpt;
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
    /// Whether the connection was lost.
    pub connection_lost: bool,
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
        Self {
            message: format!("{doing}: {}", failure.message),
            ..failure
        }
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
        let failure = Self {
            at: Some(statement.origin.to_string()),
            ..Self::of(error)
        };
        let DatabaseError::Server(server) = error else {
            return failure;
        };
        let position = server
            .position
            .map(|position| position.saturating_add(before));
        let place = position.map(|position| {
            let at = statement.locate(position);
            Origin {
                at,
                included_from: statement.origin.included_from.clone(),
            }
            .to_string()
        });
        // The server's position is within the part. Without one, the part's first line is shown.
        let shown = position.or((before > 0).then_some(before + 1));
        let line = |character| statement.locate(character).line;
        Self {
            at: place.or(failure.at),
            excerpt: Some(excerpt(&statement.sql, shown, position.is_some(), line)),
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
        let failure = Self {
            at: Some(statement.origin.to_string()),
            generated: Some(number),
            ..Self::of(error)
        };
        let DatabaseError::Server(server) = error else {
            return failure;
        };
        let position = server
            .position
            .map(|position| position.saturating_add(before));
        let line = |character: u32| {
            let lines = sql
                .chars()
                .take(character.saturating_sub(1) as usize)
                .filter(|c| *c == '\n')
                .count();
            u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1)
        };
        let shown = position.or((before > 0).then_some(before + 1));
        Self {
            excerpt: Some(excerpt(sql, shown, position.is_some(), line)),
            ..failure
        }
    }

    /// A failure of a batch whose answer did not arrive: the failed statement is unknown.
    pub fn between(first: &Statement, last: &Statement, error: &DatabaseError) -> Self {
        let failure = Self {
            at: Some(first.origin.to_string()),
            ..Self::of(error)
        };
        if first.origin == last.origin {
            return failure;
        }
        Self {
            message: format!(
                "somewhere from here to {}: {}",
                last.origin.at, failure.message
            ),
            ..failure
        }
    }

    /// A refusal to send a statement.
    pub fn refused(statement: &Statement, why: impl fmt::Display) -> Self {
        Self {
            at: Some(statement.origin.to_string()),
            ..Self::plain(why)
        }
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
        let place = self
            .place()
            .map(|place| format!("{place}: "))
            .unwrap_or_default();
        let code = self
            .sqlstate
            .as_ref()
            .map(|code| format!(" (SQLSTATE {code})"))
            .unwrap_or_default();
        format!("{place}{}{code}", self.message)
    }

    /// Whether the hint comes from the server. pgseal writes its own hints for blocked and
    /// cancelled statements.
    pub fn server_advises(&self) -> bool {
        self.hint.is_some()
            && self
                .sqlstate
                .as_deref()
                .is_some_and(|code| ![LOCK_NOT_AVAILABLE, CANCELLED].contains(&code))
    }

    fn of(error: &DatabaseError) -> Self {
        match error {
            DatabaseError::Server(server) | DatabaseError::LedgerDenied(server) => Self {
                sqlstate: Some(server.code.clone()),
                detail: server.detail.clone(),
                hint: server.hint.clone(),
                context: server.context.clone(),
                // The server also ends the session with these errors: limits of idle time and of
                // the transaction's time.
                connection_lost: ["25P03", "25P04"].contains(&server.code.as_str()),
                ..Self::plain(&server.message)
            },
            DatabaseError::Connection(error) => Self {
                connection_lost: true,
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
