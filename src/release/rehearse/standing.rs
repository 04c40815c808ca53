//! Standing clones: clones that stay, for `check`, `gate`, `plan`, `report` and `fingerprint`.
//!
//! ```text
//! source --make--> database with a signed marker --find--> StandingClone --drop, reset-->
//! ```
//!
//! The marker is the comment of the schema `pgseal_clone`, so that reading it runs no code of the
//! clone (docs/decisions/080).

mod make;
mod marker;

use std::num::NonZeroUsize;
use std::sync::Arc;

pub use make::{Made, Make, make};
pub(super) use make::{Mark, sign};
pub use marker::Signer;
pub(super) use marker::{comment, oid};

use super::clone::{CloneError, quoted};
use super::fill::others_end;
use super::server::{Admin, Server};
use super::{RehearsalError, compare};
use crate::database::{Connect, DatabaseError, Purpose, Session};
use crate::release::cancellation::CancellationToken;
use crate::release::event::BackgroundObserver;
use crate::release::target;
use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::format::clone_marker::CloneMarker;
use pgseal_verify::format::fingerprint::{Fingerprint, Scope};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::record::signed::ReceiptError;

/// A database that is a clone by the word of a receipt key of the trust root.
///
/// Only [`find`] makes one.
#[derive(Debug)]
pub struct StandingClone {
    marker: CloneMarker,
}

/// Reason why a database is not a standing clone, or is left alone.
#[derive(Debug, thiserror::Error)]
pub enum StandingError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("there is no database {0:?} on this server")]
    Missing(String),
    #[error("the database {0:?} has no marker of a standing clone")]
    NoMarker(String),
    #[error("the marker of the database {database:?} does not count: {error}")]
    NotAuthentic {
        database: String,
        error: ReceiptError,
    },
    #[error("the marker of the database {0:?} cannot be read")]
    Unreadable(String),
    /// The marker was copied with the database, or the database was renamed.
    #[error(
        "the marker of the database {database:?} is of another one: expected {part} {expected:?}, found {found:?}"
    )]
    Other {
        database: String,
        part: &'static str,
        expected: String,
        found: String,
    },
    #[error("the clone {name:?} is in use: {}", .by.join(", "))]
    InUse { name: String, by: Vec<String> },
    #[error("the clone {0:?} was made from a dump, which pgseal does not have")]
    FromDump(String),
    #[error("the database {0:?} is the one that --db names, or its clone's source")]
    Guarded(String),
}

/// Reason why a clone could not be made, compared or dropped.
pub enum KeepError {
    Standing(StandingError),
    Rehearsal(RehearsalError),
    /// The clone of a failed making is left on the server.
    Left {
        error: Box<KeepError>,
        left: CloneError,
    },
}

impl From<StandingError> for KeepError {
    fn from(error: StandingError) -> Self {
        Self::Standing(error)
    }
}

impl From<RehearsalError> for KeepError {
    fn from(error: RehearsalError) -> Self {
        Self::Rehearsal(error)
    }
}

impl From<DatabaseError> for KeepError {
    fn from(error: DatabaseError) -> Self {
        Self::Standing(error.into())
    }
}

impl From<CloneError> for KeepError {
    fn from(error: CloneError) -> Self {
        Self::Rehearsal(error.into())
    }
}

impl StandingClone {
    pub fn marker(&self) -> &CloneMarker {
        &self.marker
    }

    pub fn name(&self) -> &str {
        &self.marker.database
    }

    /// The database from which it was made; `None` for a dump.
    pub fn source(&self) -> Option<&str> {
        self.marker.source.database.as_deref()
    }

    /// Fails unless the session is in this very database.
    pub(in crate::release) fn check(&self, session: &mut dyn Session) -> Result<(), DatabaseError> {
        if marker::oid(session)?.as_deref() == Some(self.marker.oid.as_str()) {
            return Ok(());
        }
        Err(DatabaseError::unsound(format!(
            "the database {:?} is not the clone that its marker names",
            self.name()
        )))
    }
}

/// The server of the clones, and the judge of their markers.
pub struct Keeper<'b> {
    /// Connects to the maintenance database.
    pub connect: &'b dyn Connect,
    pub server: &'b dyn Server,
    pub root: &'b TrustRoot,
    pub stop: &'b CancellationToken,
    /// Observes lock waits of statements.
    pub aside: Arc<dyn BackgroundObserver>,
    /// Number of connections that read rows.
    pub workers: NonZeroUsize,
    pub clock: &'b dyn Fn() -> Timestamp,
}

/// A database with a marker.
pub struct Listed {
    pub database: String,
    /// The clone, or why the marker does not count.
    pub clone: Result<StandingClone, StandingError>,
}

/// Databases of a server with a marker, and those that could not be asked.
pub struct List {
    pub clones: Vec<Listed>,
    /// Name and reason.
    pub unasked: Vec<(String, DatabaseError)>,
}

/// Reads and authenticates the marker of the database that `connect` leads to.
pub fn find(
    connect: &dyn Connect,
    root: &TrustRoot,
    when: JudgedAt,
) -> Result<StandingClone, StandingError> {
    let mut session = connect.connect(Purpose::Read)?;
    let observed = target::observe(session.as_mut())?;
    let oid = marker::oid(session.as_mut())?.unwrap_or_default();
    let database = observed.database;
    let Some(text) = marker::comment(session.as_mut(), marker::SCHEMA)? else {
        return Err(StandingError::NoMarker(database));
    };
    drop(session);
    let marker = marker::read(&database, &text, root, when)?;
    let system = observed.system_identifier.unwrap_or_default();
    is_of(&marker, [&database, &oid, &system])?;
    Ok(StandingClone { marker })
}

/// Fails unless the marker is of the database with this name, oid and system identifier.
fn is_of(marker: &CloneMarker, found: [&str; 3]) -> Result<(), StandingError> {
    let parts = [
        ("name", &marker.database),
        ("object identifier", &marker.oid),
        ("system identifier", &marker.system_identifier),
    ];
    for ((part, expected), one) in parts.into_iter().zip(found) {
        if expected != one {
            return Err(StandingError::Other {
                database: found[0].to_owned(),
                part,
                expected: expected.clone(),
                found: one.to_owned(),
            });
        }
    }
    Ok(())
}

impl Keeper<'_> {
    /// The clone of this name.
    pub fn find(&self, name: &str) -> Result<StandingClone, StandingError> {
        self.has(name)?;
        let connect = self.server.database(name);
        find(connect.as_ref(), self.root, JudgedAt::At((self.clock)()))
    }

    /// Fails unless the server has a database of this name.
    pub fn has(&self, name: &str) -> Result<(), StandingError> {
        match Admin::open(self.connect, self.stop)?.oid(name)? {
            Some(_) => Ok(()),
            None => Err(StandingError::Missing(name.to_owned())),
        }
    }

    /// All databases of the server with a marker.
    pub fn list(&self) -> Result<List, StandingError> {
        let mut admin = Admin::open(self.connect, self.stop)?;
        let names = admin.databases()?;
        drop(admin);
        let (mut clones, mut unasked) = (Vec::new(), Vec::new());
        for database in names {
            let connect = self.server.database(&database);
            match find(connect.as_ref(), self.root, JudgedAt::At((self.clock)())) {
                Err(StandingError::NoMarker(_)) => {}
                Err(StandingError::Database(error)) => unasked.push((database, error)),
                clone => clones.push(Listed { database, clone }),
            }
        }
        Ok(List { clones, unasked })
    }

    /// The clone's fingerprint now, with the scope of its marker, and whether it is as it was made.
    pub fn compare(&self, clone: &StandingClone) -> Result<(Fingerprint, bool), KeepError> {
        let marker = clone.marker();
        let now = self.fingerprint(clone.name(), &marker.scope)?;
        let is_alike = now.sha256 == marker.sha256;
        Ok((now, is_alike))
    }

    /// Drops a clone. Its other sessions have some seconds to end; it is never dropped under them.
    pub fn drop(&self, clone: &StandingClone) -> Result<(), KeepError> {
        let name = clone.name();
        let mut admin = Admin::open(self.connect, self.stop)?;
        // The server itself refuses the current database; a source is refused by name too.
        if name == admin.database || clone.source() == Some(name) {
            return Err(StandingError::Guarded(name.to_owned()).into());
        }
        let in_use = |by| StandingError::InUse {
            name: name.to_owned(),
            by,
        };
        let others = others_end(&mut admin, self.stop, name)?;
        if !others.is_empty() {
            return Err(in_use(others).into());
        }
        let found = admin.oid(name)?.unwrap_or_default();
        if found != clone.marker.oid {
            return Err(StandingError::Other {
                database: name.to_owned(),
                part: "object identifier",
                expected: clone.marker.oid.clone(),
                found,
            }
            .into());
        }
        // Without FORCE: the server refuses if a session has come since.
        match admin
            .session
            .execute(&format!("DROP DATABASE {}", quoted(name)))
        {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some(IN_USE) => Err(in_use(admin.sessions(name)?).into()),
            Err(error) => {
                let doing = format!("the clone {name:?} can't be dropped");
                Err(CloneError::database(doing)(error).into())
            }
        }
    }

    fn fingerprint(&self, database: &str, scope: &Scope) -> Result<Fingerprint, RehearsalError> {
        let connect = self.server.database(database);
        let limits = Default::default();
        let connect = crate::release::cancellable::CancellableConnector::new(
            connect,
            self.stop.clone(),
            &limits,
            &limits,
            Arc::clone(&self.aside),
        );
        compare::of(&connect, scope, self.workers, (self.clock)())
    }
}

/// SQLSTATE of a database with other sessions.
const IN_USE: &str = "55006";

#[cfg(test)]
mod tests {
    use super::*;
    use pgseal_verify::digest::Digest;
    use pgseal_verify::format::receipt::Operator;
    use pgseal_verify::format::rehearsal::{CloneMethod, Source};

    #[test]
    fn a_marker_is_of_one_database_of_one_cluster() {
        let digest = Digest::of(b"");
        let marker = CloneMarker {
            clone_id: "0".repeat(32),
            database: "app_clone".to_owned(),
            oid: "16384".to_owned(),
            system_identifier: "7".to_owned(),
            source: Source {
                method: CloneMethod::Template,
                database: Some("app".to_owned()),
                dump_sha256: None,
                dump_bytes: None,
            },
            source_sha256: None,
            sha256: digest,
            scope: Scope::All,
            made: Timestamp::from_seconds(0).unwrap(),
            connection_limit: 8,
            release: None,
            operator: Operator {
                user: "user".to_owned(),
                host: "host".to_owned(),
            },
            pgseal: String::new(),
            signer: digest,
        };
        assert!(is_of(&marker, ["app_clone", "16384", "7"]).is_ok());
        for other in [
            ["app", "16384", "7"],
            ["app_clone", "16385", "7"],
            ["app_clone", "16384", "8"],
            ["app_clone", "16384", ""],
        ] {
            let refused = is_of(&marker, other);
            assert!(
                matches!(refused, Err(StandingError::Other { .. })),
                "{other:?}"
            );
        }
    }
}
