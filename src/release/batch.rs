//! Plain statements that travel together, and which of them an answer is about.

use std::time::Instant;

use crate::database::{BatchAnswer, DatabaseError, Notice, ServerError};
use psql_script::Statement;

/// Statements of a message. More gain nothing, and what the operator sees of a run would lag behind.
const STATEMENTS: usize = 200;

/// Bytes of a message; a single statement may be longer.
const BYTES: usize = 64 << 10;

/// Messages that may be on the way: while the server works on one, the next is read and sent.
pub const ON_THE_WAY: usize = 2;

/// One message: plain statements in the script's order, and what the script echoes between them.
#[derive(Default)]
pub struct Batch {
    text: String,
    items: Vec<Item>,
    statements: usize,
    /// When it was sent.
    pub sent_at: Option<Instant>,
}

/// A step of the script that waits for its turn.
pub enum Item {
    /// A statement and its first word.
    Statement(Box<Statement>, &'static str),
    /// What `\echo` says.
    Echo(String),
}

/// The statement that the server refused.
pub struct Refused {
    /// Its number, from 0.
    pub index: usize,
    /// What the server said, its position counted in the statement alone.
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

    /// Adds what is to be said after the statements so far.
    pub fn echo(&mut self, text: String) {
        self.items.push(Item::Echo(text));
    }

    /// Whether a statement of this size should go into the next message.
    pub fn has_no_room_for(&self, sql: &str) -> bool {
        self.statements >= STATEMENTS || self.statements > 0 && self.text.len() + sql.len() >= BYTES
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.statements == 0
    }

    /// How many statements it has.
    pub fn len(&self) -> usize {
        self.statements
    }

    /// The message.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// In the script's order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The first and the last statement.
    pub fn ends(&self) -> Option<(&Statement, &Statement)> {
        Some((self.iter().next()?, self.iter().next_back()?))
    }

    /// Which statement an answer's error is about.
    ///
    /// Statements that were complete come before it. A syntax error anywhere stops the whole message before its first
    /// statement; then the position tells.
    pub fn refused(&self, answer: &BatchAnswer) -> Option<Refused> {
        let error = answer.error.as_deref()?;
        let complete = answer.rows.len().min(self.statements.saturating_sub(1));
        let found = error.position.and_then(|position| self.holding(position));
        let (index, position) = match found {
            Some((index, position)) if index == complete || answer.rows.is_empty() => (index, Some(position)),
            _ => (complete, None),
        };
        Some(Refused { index, error: DatabaseError::Server(Box::new(ServerError { position, ..error.clone() })) })
    }

    /// The notices that statement `index` caused. What is said behind the last one belongs to it.
    pub fn notices_of<'n>(&self, notices: &'n [Notice], index: usize) -> impl Iterator<Item = &'n Notice> {
        let last = self.statements.saturating_sub(1);
        notices.iter().filter(move |notice| notice.statement.min(last) == index)
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &Statement> {
        self.items.iter().filter_map(|item| match item {
            Item::Statement(statement, _) => Some(statement.as_ref()),
            Item::Echo(_) => None,
        })
    }

    /// The statement at a 1-based character of the message, and the character in it.
    fn holding(&self, position: u32) -> Option<(usize, u32)> {
        let mut before = 0u32;
        for (index, statement) in self.iter().enumerate() {
            let length = u32::try_from(statement.sql.chars().count()).ok()?;
            // The line feed between counts to the one before it; the end of the message to the last.
            if position <= before.saturating_add(length).saturating_add(1) || index + 1 == self.statements {
                return Some((index, position.saturating_sub(before).clamp(1, length.saturating_add(1))));
            }
            before = before.saturating_add(length).saturating_add(1);
        }
        None
    }
}
