//! Why a script failed: where in the release, at which statement, and what the server said.

use std::fmt;

use crate::database::DatabaseError;
use crate::sql::{ScriptError, Statement};

/// A failure, as the lines that a person needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `file:line:column`, and the chain of includes.
    pub at: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The line of the statement, and a caret below the place.
    pub excerpt: Option<String>,
    /// The server's hint.
    pub hint: Option<String>,
    /// The server's context: the call stack of functions.
    pub context: Option<String>,
    /// Whether the connection was lost.
    pub connection_lost: bool,
}

impl Failure {
    /// Without a place.
    pub fn plain(message: impl fmt::Display) -> Self {
        let message = message.to_string();
        Self { at: None, message, excerpt: None, hint: None, context: None, connection_lost: false }
    }

    /// Of a request of pgseal's own.
    pub fn database(doing: &str, error: &DatabaseError) -> Self {
        let connection_lost = matches!(error, DatabaseError::Connection(_));
        Self { connection_lost, ..Self::plain(format!("{doing}: {error}")) }
    }

    /// Of reading a script.
    pub fn script(error: &ScriptError) -> Self {
        Self { at: error.origin().map(ToString::to_string), hint: error.hint(), ..Self::plain(error) }
    }

    /// Of a statement.
    pub fn statement(statement: &Statement, error: &DatabaseError) -> Self {
        let failure = Self { at: Some(statement.origin.to_string()), ..Self::plain(error) };
        let DatabaseError::Server(server) = error else { return Self { connection_lost: true, ..failure } };
        let place = server.position.map(|position| {
            let at = statement.locate(position);
            let chain = &statement.origin.included_from;
            crate::sql::Origin { at, included_from: chain.clone() }.to_string()
        });
        Self {
            at: place.or(failure.at),
            excerpt: Some(excerpt(&statement.sql, server.position)),
            hint: server.hint.clone(),
            context: server.context.clone(),
            ..failure
        }
    }

    /// About a statement that must not be sent.
    pub fn refused(statement: &Statement, why: impl fmt::Display) -> Self {
        Self { at: Some(statement.origin.to_string()), ..Self::plain(why) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{at}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The line of a statement that a character stands in, with a caret below it; the first line without a position.
fn excerpt(sql: &str, position: Option<u32>) -> String {
    const WIDTH: usize = 100;
    let Some(position) = position else {
        let first = sql.trim_start().lines().next().unwrap_or_default();
        return first.chars().take(WIDTH).collect();
    };
    let at = position.saturating_sub(1) as usize;
    let before: Vec<char> = sql.chars().take(at).collect();
    let line_start = before.iter().rposition(|c| *c == '\n').map_or(0, |newline| newline + 1);
    let line: Vec<char> = sql.chars().skip(line_start).take_while(|c| *c != '\n').collect();
    let column = at - line_start;
    let from = column.saturating_sub(WIDTH / 2);
    let shown: String = line.iter().skip(from).take(WIDTH).map(|c| if c.is_control() { ' ' } else { *c }).collect();
    format!("{shown}\n{}^", " ".repeat(column - from))
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn the_caret_stands_below_the_place() {
        assert_eq!(excerpt("select 1,\n  wrong\nfrom t", Some(13)), "  wrong\n  ^");
        assert_eq!(excerpt("select é wrong", Some(10)), "select é wrong\n         ^");
        assert_eq!(excerpt("\nselect 1\n", None), "select 1");
    }
}
