//! A fingerprint as data: what a database is, so that two of them can be compared.
//!
//! The format's number stands for what counts as well: whoever asks the catalogs another question, spells an answer
//! otherwise or makes the digest of rows in another way changes what `sha256` is of an unchanged database, and that is a
//! new format. Format 1 is not final before the first release of pgseal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::timestamp::Timestamp;
use super::version::Format1;
use crate::digest::Digest;

/// `*.fingerprint.json`. Two databases are alike where `objects` and `data` are: the digest is over these two alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The document's format.
    pub format: Format1,
    /// The digest of `objects` and `data` in canonical form.
    pub sha256: Digest,
    /// `current_database()`.
    pub database: String,
    /// `server_version_num`.
    pub server_version_num: u32,
    /// The clock of the host that asked.
    pub taken: Timestamp,
    /// Which tables' rows are in `data`.
    pub scope: Scope,
    /// The definition of every object by its identity, such as `table public.widgets` or `index public.widgets_pkey`.
    pub objects: BTreeMap<String, String>,
    /// The rows of every table by its name, `schema.table`.
    pub data: BTreeMap<String, TableData>,
}

/// Which tables' rows are in a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// None: definitions only.
    Schema,
    /// Those of every table.
    All,
    /// Those of these tables, `schema.table`.
    Tables(Vec<String>),
}

/// The rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableData {
    /// How many.
    pub rows: u64,
    /// A digest that does not depend on their order; of a sequence its value.
    pub digest: String,
}
