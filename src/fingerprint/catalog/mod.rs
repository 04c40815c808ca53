//! What is asked of the catalogs: one question a kind of object. Each gives the object's identity first and then its
//! properties, every column one of them; NULL is a property that it doesn't have.
//!
//! Identities are those of `pg_identify_object`, which are made for programs: in every language and with every
//! `search_path` the same. Whatever has an object identifier or a column number is spelled by its name.

mod code;
mod data;
mod foreign;
mod macros;
mod others;
mod relations;
mod replication;
mod types;

pub(super) use data::TABLES;
pub(super) use macros::expand;

/// A query about one kind of object.
pub(super) struct Question {
    /// The first major version that has such objects.
    pub since: u32,
    /// SQL with macros (`macros.rs`).
    pub sql: &'static str,
}

const fn always(sql: &'static str) -> Question {
    Question { since: 0, sql }
}

const fn since(since: u32, sql: &'static str) -> Question {
    Question { since, sql }
}

/// All of them.
pub(super) fn questions() -> impl Iterator<Item = &'static Question> {
    let all = [relations::QUESTIONS, code::QUESTIONS, types::QUESTIONS, foreign::QUESTIONS, replication::QUESTIONS];
    all.into_iter().flatten().chain(others::QUESTIONS)
}
