//! What is remembered of a statement before it is sent, and what is found of it afterwards.

use serde::{Deserialize, Serialize};

use crate::database::DatabaseError;
use crate::release::failure::Failure;

/// What was there before the statement was sent, by oid: names may come to mean something else meanwhile. The row
/// "started" of the ledger keeps it as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Before {
    /// Of CREATE INDEX CONCURRENTLY.
    CreateIndex {
        /// The table, if there was one.
        table: Option<u32>,
        /// What had the index's name already.
        relation: Option<u32>,
    },
    /// Of DROP INDEX CONCURRENTLY.
    DropIndex {
        /// The index, if there was one.
        index: Option<u32>,
    },
    /// Of REINDEX.
    Reindex {
        /// The table, its partitions, and their TOAST tables; `None` is the whole database.
        tables: Option<Vec<u32>>,
        /// What is to be built anew, where it is known.
        indexes: Vec<Built>,
        /// INVALID indexes with names as REINDEX gives them, which somebody else left.
        invalid: Vec<u32>,
    },
    /// Of DETACH PARTITION CONCURRENTLY.
    Detach {
        /// The partitioned table, if there was one.
        parent: Option<u32>,
        /// The partition, if there was such a table.
        partition: Option<u32>,
        /// Whether it was one of the parent's.
        attached: bool,
    },
    /// Of CREATE or DROP DATABASE.
    Database {
        /// The database of that name.
        oid: Option<u32>,
    },
    /// Of CREATE or DROP TABLESPACE.
    Tablespace {
        /// The tablespace of that name.
        oid: Option<u32>,
    },
    /// Of what leaves nothing to compare.
    Nothing,
}

/// An index as it was built: building it anew changes one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// The index.
    pub index: u32,
    /// Its file.
    pub file: u32,
}

/// What the catalog says about a statement that was interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is complete: how we know.
    Took(String),
    /// Nothing of it is there, or repeating it does no harm: it may be sent again; how we know.
    NotThere(String),
    /// A part of it was left.
    Leftover {
        /// Which.
        what: String,
        /// Statements of pgseal's own that clear it away, in this order, each alone and outside of a transaction. When one
        /// of them is interrupted, [`super::find`] gives the rest; afterwards it says what became of the statement.
        cleanup: Vec<String>,
    },
    /// A server process still works on it: which. Ask again later.
    StillRunning(String),
    /// The catalog can't say: what a person must decide.
    Undecidable(String),
}

/// Why a statement must not begin, or did not do what the server said.
#[derive(Debug)]
pub(super) enum Refused {
    /// The catalog could not be asked.
    Database(DatabaseError),
    /// What is in the catalog.
    Found(Failure),
}

impl Refused {
    /// With what a person can do.
    pub(super) fn found(message: String, hint: String) -> Self {
        Self::Found(Failure { hint: Some(hint), ..Failure::plain(message) })
    }

    /// Of a statement that the server called done.
    pub(super) fn not_so(what: &str) -> Self {
        Self::Found(Failure::plain(format!("the server said that it is done, but {what}")))
    }
}

impl From<DatabaseError> for Refused {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

/// The row "started" is about something else than the statement.
pub(super) fn of_another_statement() -> DatabaseError {
    DatabaseError::unsound("what was remembered before the statement is about another kind of statement".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_version_remembers_is_not_guessed_at() {
        let known = r#"{"detach":{"parent":1,"partition":null,"attached":true}}"#;
        let before: Before = serde_json::from_str(known).unwrap();
        assert_eq!(serde_json::to_string(&before).unwrap(), known);
        let more = known.replace("true", r#"true,"moved":false"#);
        assert!(serde_json::from_str::<Before>(&more).unwrap_err().to_string().contains("unknown field"));
    }
}
