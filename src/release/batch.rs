//! Batches of plain statements, and attribution of the server's errors to a statement.

use std::time::Instant;

use crate::database::{BatchAnswer, DatabaseError, Notice, ServerError};
use psql_script::Statement;

/// Maximum statements in a message. More gain nothing and delay the operator's view of the run.
const STATEMENTS: usize = 200;

/// Maximum bytes of a message; a single statement may be longer.
const BYTES: usize = 64 << 10;

/// Maximum in-flight messages: the next is read and sent while the server works on one.
pub const ON_THE_WAY: usize = 2;

/// One message: plain statements in the script's order, with the `\echo` texts between them.
#[derive(Default)]
pub struct Batch {
    text: String,
    items: Vec<Item>,
    statements: usize,
    pub sent_at: Option<Instant>,
}

/// A queued step of the script.
pub enum Item {
    /// A statement and its first word.
    Statement(Box<Statement>, &'static str),
    /// The text of an `\echo`.
    Echo(String),
}

/// The statement that the server refused.
pub struct Refused {
    /// Number of the statement in the batch, from 0.
    pub index: usize,
    /// The server's error, with the position counted within the statement.
    pub error: DatabaseError,
}

impl Batch {
    /// Adds a statement that [`psql_script::plain`] accepted.
    pub fn push(&mut self, statement: Statement, verb: &'static str) {
        self.text.push_str(&statement.sql);
        self.text.push('\n');
        self.items.push(Item::Statement(Box::new(statement), verb));
        self.statements += 1;
    }

    /// Adds a text to print after the statements so far.
    pub fn echo(&mut self, text: String) {
        self.items.push(Item::Echo(text));
    }

    /// Whether a statement of this size belongs in the next message.
    pub fn has_no_room_for(&self, sql: &str) -> bool {
        self.statements >= STATEMENTS || self.statements > 0 && self.text.len() + sql.len() >= BYTES
    }

    /// Whether the batch has no statements.
    pub fn is_empty(&self) -> bool {
        self.statements == 0
    }

    /// Number of statements.
    pub fn len(&self) -> usize {
        self.statements
    }

    /// The text of the message.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Statements and echoes in the script's order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The first and the last statement.
    pub fn ends(&self) -> Option<(&Statement, &Statement)> {
        Some((self.iter().next()?, self.iter().next_back()?))
    }

    /// Finds the statement that an answer's error is about.
    ///
    /// Completed statements precede it. A syntax error anywhere stops the whole message before its
    /// first statement; then the error's position identifies the statement.
    pub fn refused(&self, answer: &BatchAnswer) -> Option<Refused> {
        let error = answer.error.as_deref()?;
        let complete = answer.rows.len().min(self.statements.saturating_sub(1));
        let found = error.position.and_then(|position| self.holding(position));
        let (index, position) = match found {
            Some((index, position)) if index == complete || answer.rows.is_empty() => {
                (index, Some(position))
            }
            _ => (complete, None),
        };
        Some(Refused {
            index,
            error: DatabaseError::Server(Box::new(ServerError {
                position,
                ..error.clone()
            })),
        })
    }

    /// Notices caused by statement `index`. Notices after the last statement belong to it.
    pub fn notices_of<'n>(
        &self,
        notices: &'n [Notice],
        index: usize,
    ) -> impl Iterator<Item = &'n Notice> {
        let last = self.statements.saturating_sub(1);
        notices
            .iter()
            .filter(move |notice| notice.statement.min(last) == index)
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &Statement> {
        self.items.iter().filter_map(|item| match item {
            Item::Statement(statement, _) => Some(statement.as_ref()),
            Item::Echo(_) => None,
        })
    }

    /// Maps a 1-based character of the message to its statement and the character within it.
    fn holding(&self, position: u32) -> Option<(usize, u32)> {
        let mut before = 0u32;
        for (index, statement) in self.iter().enumerate() {
            let length = u32::try_from(statement.sql.chars().count()).ok()?;
            // A line feed between two statements counts to the first; the message's end counts to
            // the last.
            let end = before.saturating_add(length).saturating_add(1);
            if position <= end || index + 1 == self.statements {
                let position = position.saturating_sub(before);
                return Some((index, position.clamp(1, length.saturating_add(1))));
            }
            before = end;
        }
        None
    }
}
