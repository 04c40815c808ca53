//! Catalog state recorded before a statement is sent, and its effect found afterwards.

use serde::{Deserialize, Serialize};

use crate::database::DatabaseError;
use crate::release::failure::Failure;

/// State before the statement was sent. Objects are identified by oid, because a name may refer to
/// another object later. The ledger row "started" stores it as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Before {
    /// Of CREATE INDEX CONCURRENTLY.
    CreateIndex {
        /// The table, if there was one.
        table: Option<u32>,
        /// The relation that already had the index's name.
        relation: Option<u32>,
    },
    /// Of DROP INDEX CONCURRENTLY.
    DropIndex {
        /// The index, if there was one.
        index: Option<u32>,
    },
    Reindex {
        /// The table, its partitions, and their TOAST tables; `None` is the whole database.
        tables: Option<Vec<u32>>,
        /// The indexes to rebuild, where known.
        indexes: Vec<Built>,
        /// INVALID indexes left by others, with names as REINDEX generates them.
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
    /// A statement that leaves nothing to compare.
    Nothing,
}

/// An index as built. A rebuild changes one of the two fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    pub index: u32,
    pub file: u32,
}

/// The effect of an interrupted statement, according to the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Complete, with the evidence.
    Took(String),
    /// No effect, or repeating it is harmless: it may be sent again. Holds the evidence.
    NotThere(String),
    Leftover {
        /// A description of the leftover.
        what: String,
        /// Cleanup statements in order, each executed alone and outside a transaction. If one is
        /// interrupted, [`super::find`] returns the rest; afterwards it reports the effect of the
        /// original statement.
        cleanup: Vec<String>,
    },
    /// A server process still executes it. Holds the process; query again later.
    StillRunning(String),
    /// The catalog cannot decide it. Holds the decision left to the operator.
    Undecidable(String),
}

/// Reasons to refuse a statement, or to reject the server's success report.
#[derive(Debug)]
pub(super) enum Refused {
    /// The catalog query failed.
    Database(DatabaseError),
    /// The conflicting catalog state.
    Found(Failure),
}

impl Refused {
    /// Refusal with a hint for the operator.
    pub(super) fn found(message: String, hint: String) -> Self {
        Self::Found(Failure::plain(message).hint(hint))
    }

    /// Refusal of a statement that the server reported as done.
    pub(super) fn not_so(what: &str) -> Self {
        Self::Found(Failure::plain(format!(
            "the server said that it is done, but {what}"
        )))
    }
}

impl From<DatabaseError> for Refused {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

/// Error for a ledger row "started" that belongs to another kind of statement.
pub(super) fn of_another_statement() -> DatabaseError {
    DatabaseError::unsound(
        "what was remembered before the statement is about another kind of statement".to_owned(),
    )
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
        assert!(
            serde_json::from_str::<Before>(&more)
                .unwrap_err()
                .to_string()
                .contains("unknown field")
        );
    }
}
