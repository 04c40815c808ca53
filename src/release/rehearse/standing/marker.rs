//! The marker in the database: a comment of the schema `pgseal_clone`, which has no objects. It is
//! the signed document, and in its last line the signature.

use base64ct::{Base64, Encoding as _};

use super::super::clone::{literal, quoted};
use super::StandingError;
use crate::database::{Connect, DatabaseError, Purpose, Session};
use crate::trust::{JudgedAt, SecretKey, TrustRoot};
use pgseal_verify::format::clone_marker::{CloneMarker, CloneStatement};
use pgseal_verify::format::json;
use pgseal_verify::format::statement::{DigestSet, PAYLOAD_TYPE, Subject};
use pgseal_verify::record::clone_marker;

/// Schema whose comment is the marker.
pub(super) const SCHEMA: &str = "pgseal_clone";

/// The key that signs markers, and the trust root that has it.
pub struct Signer<'b> {
    pub root: &'b TrustRoot,
    pub key: &'b SecretKey,
}

/// The oid of the session's database.
pub(in crate::release::rehearse) fn oid(
    session: &mut dyn Session,
) -> Result<Option<String>, DatabaseError> {
    let oid = session.query(
        "select oid::pg_catalog.text from pg_catalog.pg_database
         where datname operator(pg_catalog.=) pg_catalog.current_database()",
        &[],
    )?;
    Ok(oid.single().map(str::to_owned))
}

/// The comment of a schema, from catalogs alone: a table or view could run code of the database's owner.
pub(in crate::release::rehearse) fn comment(
    session: &mut dyn Session,
    schema: &str,
) -> Result<Option<String>, DatabaseError> {
    let found = session.query(
        "select d.description from pg_catalog.pg_namespace n
         join pg_catalog.pg_description d on d.objoid operator(pg_catalog.=) n.oid
             and d.classoid operator(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
             and d.objsubid operator(pg_catalog.=) 0
         where n.nspname operator(pg_catalog.=) $1",
        &[schema],
    )?;
    Ok(found.single().map(str::to_owned))
}

/// Authenticates a marker's text.
pub(super) fn read(
    database: &str,
    text: &str,
    root: &TrustRoot,
    when: JudgedAt,
) -> Result<CloneMarker, StandingError> {
    let unreadable = || StandingError::Unreadable(database.to_owned());
    let (document, signature) = text.rsplit_once('\n').ok_or_else(unreadable)?;
    let signature = Base64::decode_vec(signature).map_err(|_| unreadable())?;
    clone_marker::check(document.as_bytes().to_vec(), signature, root, when).map_err(|error| {
        StandingError::NotAuthentic {
            database: database.to_owned(),
            error,
        }
    })
}

/// Signs the marker and writes it into the clone that `connect` leads to.
pub(super) fn write(
    connect: &dyn Connect,
    marker: CloneMarker,
    key: &SecretKey,
) -> Result<(), StandingError> {
    let database = marker.database.clone();
    let statement = CloneStatement {
        subject: vec![Subject {
            name: database.clone(),
            digest: DigestSet {
                sha256: marker.sha256,
            },
        }],
        predicate: marker,
    };
    let unreadable = || StandingError::Unreadable(database.clone());
    let bytes = json::to_canonical(&statement).map_err(|_| unreadable())?;
    let signature = Base64::encode_string(&key.sign(PAYLOAD_TYPE, &bytes));
    let document = String::from_utf8(bytes).map_err(|_| unreadable())?;
    let (schema, text) = (quoted(SCHEMA), literal(&format!("{document}\n{signature}")));
    let mut session = connect.connect(Purpose::Write)?;
    session.batch(&format!(
        "CREATE SCHEMA IF NOT EXISTS {schema}; COMMENT ON SCHEMA {schema} IS {text}"
    ))?;
    Ok(())
}
