//! Trial databases: databases of developers, marked for `try`.
//!
//! ```text
//! database --mark--> TrialDatabase --copy--> ClonedDatabase --as in a rehearsal--> Rehearsed
//! ```
//!
//! A trial never writes to the marked database: it rehearses a directory on a copy of it. The marker
//! is the comment of the schema `pgseal_trial`. It is bound to one database of one cluster, and each
//! transaction on the copy asks for it first (docs/decisions/093).

mod own_release;

use super::clone::{literal, quoted};
use super::standing::{comment, oid};
use crate::database::{Connect, DatabaseError, Purpose, Session};
use crate::release::target;
use pgseal_verify::format::manifest::Target;
use pgseal_verify::format::receipt::ObservedTarget;

pub use own_release::{OwnRelease, OwnReleaseError};

/// Schema whose comment is the marker.
const SCHEMA: &str = "pgseal_trial";

/// Schemas of pgseal that no trial database has.
const FOREIGN: [(&str, &str); 2] = [
    ("pgseal", "the ledger of releases"),
    ("pgseal_clone", "the marker of a clone"),
];

/// Databases that every server has, and that others are copied from or connected through.
const OF_THE_SERVER: [&str; 3] = ["postgres", "template0", "template1"];

/// A database that carries its own marker, and nothing of a release.
///
/// Only [`find`] and [`mark`] make one.
#[derive(Debug)]
pub struct TrialDatabase {
    name: String,
    system_identifier: String,
    marker: String,
}

/// Reason why a database is not for trials.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the database {0:?} is not marked for trials")]
    NoMarker(String),
    /// The marker was copied with a dump, or the database was renamed.
    #[error("the marker of the database {database:?} is not its own: it says {found:?}")]
    Other { database: String, found: String },
    #[error("the database {database:?} has {what} (schema {schema}), and is not for trials")]
    Foreign {
        database: String,
        schema: &'static str,
        what: &'static str,
    },
    #[error("the database {0:?} belongs to the server, and is not for trials")]
    OfTheServer(String),
    /// The cluster is one on which the release may run.
    #[error("the server is one of the release's targets (system identifier {0})")]
    OnTarget(String),
    #[error("the role may not ask for the system identifier (pg_control_system)")]
    NoIdentifier,
}

impl TrialDatabase {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The marker, which each copy of the database has too.
    pub(super) fn marker(&self) -> &str {
        &self.marker
    }

    /// Fails if the release names the cluster of this database as a target.
    pub fn check_target(&self, target: &Target) -> Result<(), TrialError> {
        match target.system_identifiers.contains(&self.system_identifier) {
            true => Err(TrialError::OnTarget(self.system_identifier.clone())),
            false => Ok(()),
        }
    }

    /// Fails unless the database that `connect` leads to is still this one, with its marker.
    pub(super) fn check(&self, connect: &dyn Connect) -> Result<(), TrialError> {
        let found = find(connect)?;
        match found.marker == self.marker {
            true => Ok(()),
            false => Err(TrialError::Other {
                database: self.name.clone(),
                found: found.marker,
            }),
        }
    }
}

/// Marks the database that `connect` leads to. Also returns whether the marker is new.
pub fn mark(connect: &dyn Connect) -> Result<(TrialDatabase, bool), TrialError> {
    match find(connect) {
        Err(TrialError::NoMarker(_)) => {}
        found => return found.map(|found| (found, false)),
    }
    let mut session = connect.connect(Purpose::Write)?;
    let (_, marker) = expected(session.as_mut())?;
    // CREATE fails if the schema came meanwhile.
    let (schema, text) = (quoted(SCHEMA), literal(&marker));
    session.batch(&format!(
        "CREATE SCHEMA {schema}; COMMENT ON SCHEMA {schema} IS {text}"
    ))?;
    drop(session);
    find(connect).map(|found| (found, true))
}

/// The trial database that `connect` leads to.
pub fn find(connect: &dyn Connect) -> Result<TrialDatabase, TrialError> {
    let mut session = connect.connect(Purpose::Read)?;
    let session = session.as_mut();
    let (observed, marker) = expected(session)?;
    let (database, system_identifier) = (observed.database, observed.system_identifier);
    if OF_THE_SERVER.contains(&database.as_str()) {
        return Err(TrialError::OfTheServer(database));
    }
    for (schema, what) in FOREIGN {
        if has_schema(session, schema)? {
            return Err(TrialError::Foreign {
                database,
                schema,
                what,
            });
        }
    }
    match comment(session, SCHEMA)? {
        None if has_schema(session, SCHEMA)? => Err(TrialError::Other {
            database,
            found: String::new(),
        }),
        None => Err(TrialError::NoMarker(database)),
        Some(found) if found != marker => Err(TrialError::Other { database, found }),
        Some(_) => Ok(TrialDatabase {
            name: database,
            system_identifier: system_identifier.unwrap_or_default(),
            marker,
        }),
    }
}

/// Fails unless the session is in a copy of the trial database with this marker.
pub(super) fn check_copy(session: &mut dyn Session, marker: &str) -> Result<(), DatabaseError> {
    match comment(session, SCHEMA)?.as_deref() == Some(marker) {
        true => Ok(()),
        false => Err(DatabaseError::unsound(format!(
            "the database has lost the marker of its trial database (schema {SCHEMA})"
        ))),
    }
}

/// The marker that the session's database has if it is a trial database.
fn expected(session: &mut dyn Session) -> Result<(ObservedTarget, String), TrialError> {
    let observed = target::observe(session)?;
    let oid = oid(session)?.unwrap_or_default();
    let system = observed.system_identifier.as_deref();
    let system = system.ok_or(TrialError::NoIdentifier)?;
    let marker = format!(
        "pgseal trial 1: oid {oid}, system identifier {system}, database {}",
        observed.database
    );
    Ok((observed, marker))
}

fn has_schema(session: &mut dyn Session, schema: &str) -> Result<bool, DatabaseError> {
    let found = session.query(
        "select 'yes' from pg_catalog.pg_namespace where nspname operator(pg_catalog.=) $1",
        &[schema],
    )?;
    Ok(!found.rows.is_empty())
}
