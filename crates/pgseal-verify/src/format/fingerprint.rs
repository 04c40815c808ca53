//! The document of a fingerprint: a description of a database for comparison with another.
//!
//! The format's number also covers the semantics. Another catalog query, another spelling of a
//! result or another digest of rows changes `sha256` of an unchanged database, and so requires a
//! new format. Format 1 is not final before the first release of pgseal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::timestamp::Timestamp;
use super::version::Format1;
use crate::digest::Digest;

/// `*.fingerprint.json`. Two databases are equal if `objects` and `data` are: the digest covers
/// these two alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Format of the document.
    pub format: Format1,
    /// The digest of `objects` and `data` in canonical form.
    pub sha256: Digest,
    /// `current_database()`.
    pub database: String,
    /// `server_version_num`.
    pub server_version_num: u32,
    /// Time by the clock of the host that queried the database.
    pub taken: Timestamp,
    /// Tables with rows in `data`.
    pub scope: Scope,
    /// The definition of every object by its identity, such as `table public.widgets` or `index
    /// public.widgets_pkey`.
    pub objects: BTreeMap<String, String>,
    /// The rows of every table by its name, `schema.table`.
    pub data: BTreeMap<String, TableData>,
}

/// Selection of the tables with rows in a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// No rows: definitions only.
    Schema,
    /// The rows of every table.
    All,
    /// The rows of these tables, `schema.table`.
    Tables(Vec<String>),
}

/// The rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableData {
    /// Number of rows.
    pub rows: u64,
    /// A digest that does not depend on the rows' order; for a sequence, its value.
    pub digest: String,
}
