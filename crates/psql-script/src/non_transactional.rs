//! Reads statements that cannot run inside a transaction, with the names to look up in the catalog
//! later.
//!
//! A tier with `transaction = "none"` records each statement before and after it runs. After a
//! crash between the two records, these names identify the catalog entries to check.

use super::tokens::{Kind, Tokens};
use std::fmt;

/// A name as the server resolves it: unquoted parts are folded to lower case. A long name is kept
/// as written, because the server's truncation depends on its encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    /// Schema, if the statement names one.
    pub schema: Option<String>,
    /// Name without the schema.
    pub name: String,
}

/// A statement that cannot run inside a transaction block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NonTransactional {
    /// `CREATE [UNIQUE] INDEX CONCURRENTLY [IF NOT EXISTS] name ON [ONLY] table`. The index goes to
    /// the table's schema.
    CreateIndex {
        /// Name of the index.
        name: String,
        /// Indexed table.
        table: ObjectName,
        /// True if an existing index is not an error.
        if_not_exists: bool,
    },
    /// `DROP INDEX CONCURRENTLY [IF EXISTS] name`: the server accepts one name only.
    DropIndex {
        /// Index to drop.
        index: ObjectName,
    },
    /// `REINDEX ... CONCURRENTLY`, and `REINDEX SCHEMA`, `DATABASE`, `SYSTEM`. It can be repeated
    /// safely.
    Reindex {
        /// Rebuilt indexes.
        of: Reindexed,
    },
    /// `VACUUM`, or `CLUSTER` of everything. It can be repeated safely.
    Maintenance,
    /// `ALTER TABLE parent DETACH PARTITION partition CONCURRENTLY`
    Detach {
        /// Partitioned table.
        parent: ObjectName,
        /// Partition to detach.
        partition: ObjectName,
    },
    /// `ALTER SYSTEM SET` or `RESET`; `None` is `RESET ALL`. It replaces a whole file and can be
    /// repeated safely.
    AlterSystem(Option<String>),
    /// `CALL` or `DO`: it may commit inside, and only its author knows its progress.
    Procedure,
    /// A statement whose effect pgseal does not look up afterwards (also of DATABASE and TABLESPACE,
    /// which belong to the server); packing refuses it.
    Unknown(&'static str),
}

/// Indexes that a REINDEX rebuilds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reindexed {
    /// One index.
    Index(ObjectName),
    /// All indexes of a table.
    Table(ObjectName),
    /// All indexes of a schema, of the database, or of its system tables.
    Many,
}

/// Classifies a statement that cannot run inside a transaction block, or must not (`CALL`, `DO`).
/// `None` for a statement that can, and that is recorded in its own transaction.
///
/// The result is `Some` for every statement that [`super::inspect`] reports as unable to run in a
/// transaction. Statements that the server refuses only for some objects (`CLUSTER` and `REINDEX
/// TABLE` of a partitioned table) are `None`: they fail without any effect.
pub fn classify(sql: &str) -> Option<NonTransactional> {
    let tokens = Tokens::new(sql);
    let statements = tokens.statements();
    let (start, end) = *statements.first()?;
    if statements.len() > 1 {
        let any = super::inspect::inspect(sql).outside_transaction.is_some()
            || statements
                .iter()
                .any(|(start, _)| tokens.is_any(*start, &["call", "do"]));
        return any.then_some(NonTransactional::Unknown(
            "one of several statements joined by \\;",
        ));
    }
    if tokens.is_any(start, &["call", "do"]) {
        return Some(NonTransactional::Procedure);
    }
    let what = super::inspect::outside_transaction(&tokens, start, end)?;
    let mut words = Words {
        tokens: &tokens,
        at: start,
        end,
    };
    Some(
        words
            .statement()
            .unwrap_or_else(|| NonTransactional::Unknown(unread(what))),
    )
}

/// Reason why such a statement is not one of the known forms.
fn unread(what: &'static str) -> &'static str {
    match what {
        "CREATE INDEX CONCURRENTLY" => "CREATE INDEX CONCURRENTLY without a plain name",
        "DROP INDEX CONCURRENTLY" => "DROP INDEX CONCURRENTLY of anything but one plain name",
        "REINDEX CONCURRENTLY" => "REINDEX CONCURRENTLY of anything but one plain name",
        "ALTER TABLE DETACH PARTITION CONCURRENTLY" => {
            "DETACH PARTITION CONCURRENTLY without plain names"
        }
        "ALTER SYSTEM" => "ALTER SYSTEM without a plain name of a setting",
        other => other,
    }
}

impl NonTransactional {
    /// A short phrase for the way to find its effect after a crash.
    pub fn evidence_phrase(&self) -> &'static str {
        match self {
            Self::CreateIndex { .. } => "the index is valid, INVALID or absent",
            Self::DropIndex { .. } => "the index is there or gone",
            Self::Reindex { .. } => {
                "it runs again, which does no harm; an index left over is named"
            }
            Self::Maintenance | Self::AlterSystem(_) => "it runs again, which does no harm",
            Self::Detach { .. } => "the partition is attached, pending or detached",
            Self::Procedure => "no evidence in the catalog: the operator decides",
            Self::Unknown(_) => "no evidence in the catalog: it is refused when packing",
        }
    }
}

/// Label for people, with the names.
impl fmt::Display for NonTransactional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateIndex { name, table, .. } => {
                write!(f, "CREATE INDEX CONCURRENTLY {name} ON {table}")
            }
            Self::DropIndex { index } => write!(f, "DROP INDEX CONCURRENTLY {index}"),
            Self::Reindex {
                of: Reindexed::Index(name),
            } => write!(f, "REINDEX INDEX {name}"),
            Self::Reindex {
                of: Reindexed::Table(name),
            } => write!(f, "REINDEX TABLE {name}"),
            Self::Reindex {
                of: Reindexed::Many,
            } => f.write_str("REINDEX of many tables"),
            Self::Maintenance => f.write_str("VACUUM or CLUSTER"),
            Self::Detach { parent, partition } => {
                write!(
                    f,
                    "ALTER TABLE {parent} DETACH PARTITION {partition} CONCURRENTLY"
                )
            }
            Self::AlterSystem(Some(name)) => write!(f, "ALTER SYSTEM {name}"),
            Self::AlterSystem(None) => f.write_str("ALTER SYSTEM RESET ALL"),
            Self::Procedure => f.write_str("CALL or DO"),
            Self::Unknown(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Reader of one statement's words, from left to right.
struct Words<'t, 'a> {
    tokens: &'t Tokens<'a>,
    at: usize,
    end: usize,
}

impl Words<'_, '_> {
    /// Reads the statement; `None` if its names cannot be read as the server would.
    fn statement(&mut self) -> Option<NonTransactional> {
        if self.take(&["vacuum"]) || self.take(&["cluster"]) {
            return Some(NonTransactional::Maintenance);
        }
        if self.take(&["reindex"]) {
            return self.reindex();
        }
        if self.take(&["alter", "system"]) {
            return self.alter_system();
        }
        if self.take(&["alter", "table"]) {
            return self.detach();
        }
        if self.take(&["drop", "index", "concurrently"]) {
            self.take(&["if", "exists"]);
            let index = self.qualified()?;
            // The server refuses CASCADE and a second name.
            self.take(&["restrict"]);
            return self
                .is_done()
                .then_some(NonTransactional::DropIndex { index });
        }
        self.create_index()
    }

    fn create_index(&mut self) -> Option<NonTransactional> {
        let create = self.take(&["create", "unique", "index", "concurrently"])
            || self.take(&["create", "index", "concurrently"]);
        let if_not_exists = create && self.take(&["if", "not", "exists"]);
        // ON is reserved and cannot be a name. Without a name the server chooses one.
        if !create || self.tokens.is(self.at, "on") {
            return None;
        }
        let name = self.name()?;
        if !self.take(&["on"]) {
            return None;
        }
        let table = self.relation()?;
        Some(NonTransactional::CreateIndex {
            name,
            table,
            if_not_exists,
        })
    }

    /// Reads the rest of a `REINDEX`: `CONCURRENTLY` is among the options, or after the kind.
    fn reindex(&mut self) -> Option<NonTransactional> {
        if self.tokens.mark(self.at, b'(') {
            self.at = self.tokens.behind_parenthesis(self.at);
        }
        let (index, table) = (self.take(&["index"]), self.take(&["table"]));
        if !index && !table {
            let many = ["schema", "database", "system"]
                .iter()
                .any(|kind| self.take(&[kind]));
            return many.then_some(NonTransactional::Reindex {
                of: Reindexed::Many,
            });
        }
        self.take(&["concurrently"]);
        let name = self.qualified()?;
        let of = if index {
            Reindexed::Index(name)
        } else {
            Reindexed::Table(name)
        };
        self.is_done().then_some(NonTransactional::Reindex { of })
    }

    fn alter_system(&mut self) -> Option<NonTransactional> {
        if self.take(&["reset", "all"]) {
            return self
                .is_done()
                .then_some(NonTransactional::AlterSystem(None));
        }
        if !self.take(&["set"]) && !self.take(&["reset"]) {
            return None;
        }
        let mut setting = self.name()?;
        while self.tokens.mark(self.at, b'.') {
            self.at += 1;
            setting = format!("{setting}.{}", self.name()?);
        }
        // The server compares the names of settings case-insensitively.
        Some(NonTransactional::AlterSystem(Some(
            setting.to_ascii_lowercase(),
        )))
    }

    fn detach(&mut self) -> Option<NonTransactional> {
        self.take(&["if", "exists"]);
        let parent = self.relation()?;
        if !self.take(&["detach", "partition"]) {
            return None;
        }
        let partition = self.qualified()?;
        let whole = self.take(&["concurrently"]) && self.is_done();
        whole.then_some(NonTransactional::Detach { parent, partition })
    }

    /// Consumes these words, if they are next.
    fn take(&mut self, words: &[&str]) -> bool {
        let found = self.at + words.len() <= self.end && self.tokens.are(self.at, words);
        if found {
            self.at += words.len();
        }
        found
    }

    fn is_done(&self) -> bool {
        self.at >= self.end
    }

    /// Reads the server's `relation_expr`: `[ONLY] name [*]`, `ONLY (name)`.
    fn relation(&mut self) -> Option<ObjectName> {
        let only = self.take(&["only"]);
        let open = only && self.tokens.mark(self.at, b'(');
        self.at += usize::from(open);
        let name = self.qualified()?;
        if open && !self.tokens.mark(self.at, b')') {
            return None;
        }
        let closed = open || !only && self.tokens.mark(self.at, b'*');
        self.at += usize::from(closed);
        Some(name)
    }

    /// Reads `name`, `schema.name` or `database.schema.name`.
    fn qualified(&mut self) -> Option<ObjectName> {
        let mut parts = vec![self.name()?];
        while self.tokens.mark(self.at, b'.') {
            self.at += 1;
            parts.push(self.name()?);
        }
        if parts.len() > 3 {
            return None;
        }
        let name = parts.pop()?;
        Some(ObjectName {
            schema: parts.pop(),
            name,
        })
    }

    /// Reads one identifier.
    fn name(&mut self) -> Option<String> {
        if self.is_done() {
            return None;
        }
        let name = self.tokens.identifier(self.at)?;
        let unicode = self.tokens.kind(self.at) == Some(Kind::Quoted { unicode: true });
        // Another escape character, a backslash, a pair of surrogates: legal, and refused rather
        // than misread.
        if unicode && (name.contains('\\') || !self.tokens.text(self.at).ends_with('"'))
            || name.is_empty()
        {
            return None;
        }
        self.at += 1;
        Some(name)
    }
}

#[cfg(test)]
mod tests;
