//! What a statement is that can't run inside a transaction, as far as its effect can be looked up in the catalog later.
//!
//! A tier with `transaction = "none"` records each statement before and after. After a crash between the two, the names that
//! are read here say where to look.

use super::tokens::Tokens;

/// A name as the server resolves it: unquoted parts are folded to lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    /// The schema, where the statement names one.
    pub schema: Option<String>,
    /// The name.
    pub name: String,
}

/// A statement that can't run inside a transaction block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outside {
    /// `CREATE [UNIQUE] INDEX CONCURRENTLY [IF NOT EXISTS] name ON [ONLY] table`. The index stands in the table's schema.
    CreateIndex {
        /// The index.
        name: String,
        /// Its table.
        table: ObjectName,
        /// Whether one that is there already is no error.
        if_not_exists: bool,
    },
    /// `DROP INDEX CONCURRENTLY [IF EXISTS] name`: the server takes one name only.
    DropIndex {
        /// The index.
        index: ObjectName,
    },
    /// `REINDEX ... CONCURRENTLY`, and `REINDEX SCHEMA`, `DATABASE`, `SYSTEM`. Repeating it does no harm.
    Reindex {
        /// What is built anew.
        of: Reindexed,
    },
    /// `VACUUM`, or `CLUSTER` of everything. Repeating it does no harm.
    Maintenance,
    /// `ALTER TABLE parent DETACH PARTITION partition CONCURRENTLY`
    Detach {
        /// The partitioned table.
        parent: ObjectName,
        /// The partition.
        partition: ObjectName,
    },
    /// `CREATE DATABASE`
    CreateDatabase(String),
    /// `DROP DATABASE [IF EXISTS]`
    DropDatabase(String),
    /// `CREATE TABLESPACE`
    CreateTablespace(String),
    /// `DROP TABLESPACE [IF EXISTS]`
    DropTablespace(String),
    /// `ALTER SYSTEM SET` or `RESET`; `None` is `RESET ALL`. It replaces a file as a whole; repeating it does no harm.
    AlterSystem(Option<String>),
    /// `CALL` or `DO`: may commit inside, and only its author knows how far it came.
    Procedure,
    /// What pgseal can't look up afterwards, and so refuses when packing.
    Unknown(&'static str),
}

/// What a REINDEX builds anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reindexed {
    /// One index.
    Index(ObjectName),
    /// All indexes of a table.
    Table(ObjectName),
    /// All indexes of a schema, of the database, or of its system tables.
    Many,
}

/// What the statement is, if it can't run inside a transaction block, or must not (`CALL`, `DO`); `None` if it can, and so
/// is recorded in the very transaction that it runs in.
pub fn outside(sql: &str) -> Option<Outside> {
    let tokens = Tokens::new(sql);
    let (start, _) = *tokens.statements().first()?;
    if tokens.is_any(start, &["call", "do"]) {
        return Some(Outside::Procedure);
    }
    super::inspect::inspect(sql).outside_transaction.map(Outside::Unknown)
}
