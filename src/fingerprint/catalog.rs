//! Catalog queries of the fingerprint, one for each kind of object. Each returns the object's
//! identity in the first column, and one property in each other column; NULL is an absent property.
//!
//! Identities are those of `pg_identify_object`, which are made for programs: they are independent
//! of the language and of `search_path`. Object identifiers and column numbers are replaced by
//! names.

mod code;
mod foreign;
mod macros;
mod others;
mod relations;
mod types;

pub(super) use macros::expand;

/// A query about one kind of object.
pub(super) struct Query {
    /// The first major version with such objects.
    pub since: u32,
    /// SQL with macros (`macros.rs`).
    pub sql: &'static str,
}

const fn always(sql: &'static str) -> Query {
    Query { since: 0, sql }
}

const fn since(since: u32, sql: &'static str) -> Query {
    Query { since, sql }
}

pub(super) fn queries() -> impl Iterator<Item = &'static Query> {
    let all = [
        relations::QUERIES,
        code::QUERIES,
        types::QUERIES,
        foreign::QUERIES,
        others::QUERIES,
    ];
    all.into_iter().flatten()
}
