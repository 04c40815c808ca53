//! The document of a fingerprint.

use std::collections::BTreeMap;

use serde::Serialize;

use super::FingerprintError;
use crate::database::Session;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::fingerprint::{Fingerprint, Scope, TableData};
use pgseal_verify::format::json::{self, JsonError};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::version::Format1;

/// Reason why a file is not a fingerprint.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A file that is not a fingerprint in canonical JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A document with objects or rows changed after it was made.
    #[error("its digest is {written}, and that of its content is {found}")]
    Digest { written: Digest, found: Digest },
}

/// Reads a `*.fingerprint.json`, and recomputes its digest.
pub fn parse(bytes: &[u8]) -> Result<Fingerprint, DocumentError> {
    let fingerprint: Fingerprint = json::from_canonical(bytes)?;
    let found = digest(&fingerprint.objects, &fingerprint.data)?;
    if found != fingerprint.sha256 {
        return Err(DocumentError::Digest {
            written: fingerprint.sha256,
            found,
        });
    }
    Ok(fingerprint)
}

#[derive(Serialize)]
struct Content<'a> {
    objects: &'a BTreeMap<String, String>,
    data: &'a BTreeMap<String, TableData>,
}

/// The digest of definitions and rows, in canonical form: the required value of
/// [`Fingerprint::sha256`].
pub fn digest(
    objects: &BTreeMap<String, String>,
    data: &BTreeMap<String, TableData>,
) -> Result<Digest, JsonError> {
    Ok(Digest::of(&json::to_canonical(&Content { objects, data })?))
}

pub(super) fn make(
    session: &mut dyn Session,
    scope: Scope,
    objects: BTreeMap<String, String>,
    data: BTreeMap<String, TableData>,
    taken: Timestamp,
) -> Result<Fingerprint, FingerprintError> {
    let name = session.query("select pg_catalog.current_database()::pg_catalog.text", &[])?;
    let unsound = |what: &dyn std::fmt::Display| FingerprintError::Unsound(what.to_string());
    let database = name
        .single()
        .ok_or_else(|| unsound(&"the database has no name"))?
        .to_owned();
    let sha256 = digest(&objects, &data).map_err(|error| unsound(&error))?;
    let server_version_num = session.server_version_num();
    Ok(Fingerprint {
        format: Format1,
        sha256,
        database,
        server_version_num,
        taken,
        scope,
        objects,
        data,
    })
}
