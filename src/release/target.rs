//! Validates that the database is the release's target.

use std::fmt;

use super::run_context::CloneOf;
use crate::database::{DatabaseError, Identity, Session};
use pgseal_verify::format::database_pattern::DatabasePattern;
use pgseal_verify::format::manifest::Target;
use pgseal_verify::format::receipt::ObservedTarget;
use pgseal_verify::format::trust_document::Policy;

/// Mismatches between server and target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("wrong target: expected {part} {expected:?}, found {found:?}")]
    Differs {
        part: TargetPart,
        expected: String,
        found: String,
    },
    /// The clone of another database, or of a dump.
    #[error("wrong target: expected a clone of {expected:?}, found one of {found}")]
    CloneOf { expected: String, found: String },
    #[error("wrong target: the trust root allows releases on {allowed}, not on {found:?}")]
    NotAllowed { allowed: String, found: String },
    #[error("PostgreSQL {0} is too old: pgseal needs 13 or later")]
    TooOld(String),
    /// The server is a standby: it can run nothing, and its state lags behind the primary.
    #[error("the server is a standby: a release runs, and its gates are asked, on the primary")]
    Standby,
}

/// A part of the target that a manifest names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetPart {
    Database,
    Version,
    Role,
    /// The cluster's system identifier.
    SystemIdentifier,
}

impl fmt::Display for TargetPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "the database",
            Self::Version => "the server's version",
            Self::Role => "the role",
            Self::SystemIdentifier => "the system identifier",
        })
    }
}

const CONTROL: &str = "select s.system_identifier::text, c.timeline_id::text
    from pg_catalog.pg_control_system() as s, pg_catalog.pg_control_checkpoint() as c";

/// Reads the server's identity, and the role that the session began with.
pub fn observe(session: &mut dyn Session) -> Result<ObservedTarget, DatabaseError> {
    // If the role may not query them, they stay unknown; a release that names an identifier is then
    // refused.
    let control = match session.query(CONTROL, &[]) {
        Ok(table) => table.rows.into_iter().flatten().collect(),
        Err(DatabaseError::Server(_)) => Vec::new(),
        Err(lost) => return Err(lost),
    };
    let mut control = control.into_iter();
    let (system_identifier, timeline) = (control.next().flatten(), control.next().flatten());
    let timeline = timeline.and_then(|number| number.parse().ok());
    let server_version_num = session.server_version_num();
    let Identity {
        database,
        server_version,
        role,
        ..
    } = session.identity().clone();
    Ok(ObservedTarget {
        database,
        server_version,
        server_version_num,
        role,
        system_identifier,
        timeline,
    })
}

/// Compares the server with the requirements of the release and the trust root.
///
/// A rehearsal's clone has its own name and may be on another server, which the trust root does not
/// list. The other requirements apply to it too. A standing clone stands for its source, on the
/// source's server.
pub fn check(
    wanted: &Target,
    policy: &Policy,
    clone: Option<CloneOf<'_>>,
    found: &ObservedTarget,
) -> Result<(), TargetError> {
    if found.server_version_num < 130_000 {
        return Err(TargetError::TooOld(found.server_version.clone()));
    }
    let differs = |part, expected: &str, found: &str| {
        Err(TargetError::Differs {
            part,
            expected: expected.to_owned(),
            found: found.to_owned(),
        })
    };
    // A standing clone is on the server of its source.
    let of_source = |name: &str| ObservedTarget {
        database: name.to_owned(),
        ..found.clone()
    };
    let (name, meant) = match clone {
        Some(CloneOf::Rehearsal(clone)) => (Some(clone.name()), None),
        Some(CloneOf::Standing(clone)) => (Some(clone.name()), clone.source().map(of_source)),
        None => (None, Some(found.clone())),
    };
    if let Some(name) = name.filter(|name| *name != found.database) {
        return differs(TargetPart::Database, name, &found.database);
    }
    let fits = meant
        .as_ref()
        .is_some_and(|meant| wanted.database.matches(meant));
    match clone {
        Some(CloneOf::Standing(clone)) if !fits => {
            let found = clone.source().map(|source| format!("{source:?}"));
            return Err(TargetError::CloneOf {
                expected: wanted.database.to_string(),
                found: found.unwrap_or_else(|| "a dump".to_owned()),
            });
        }
        None if !fits => {
            let wanted = wanted.database.to_string();
            return differs(TargetPart::Database, &wanted, &named(found, &wanted));
        }
        _ => {}
    }
    match &wanted.server {
        Some(range) if !range.contains(found.server_version_num) => {
            return differs(
                TargetPart::Version,
                &range.to_string(),
                &found.server_version,
            );
        }
        _ => {}
    }
    match &wanted.role {
        Some(role) if *role != found.role => return differs(TargetPart::Role, role, &found.role),
        _ => {}
    }
    if let Some(CloneOf::Rehearsal(_)) = clone {
        return Ok(());
    }
    let (clusters, unknown) = (&wanted.system_identifiers, UNKNOWN.to_owned());
    let identifier = found.system_identifier.as_ref().unwrap_or(&unknown);
    if !clusters.is_empty() && !clusters.contains(identifier) {
        return differs(
            TargetPart::SystemIdentifier,
            &clusters.join(", "),
            identifier,
        );
    }
    let is_allowed = |one: &DatabasePattern| meant.as_ref().is_some_and(|meant| one.matches(meant));
    if !policy.targets.is_empty() && !policy.targets.iter().any(is_allowed) {
        let allowed = list(&policy.targets);
        let found = named(meant.as_ref().unwrap_or(found), &allowed);
        return Err(TargetError::NotAllowed { allowed, found });
    }
    Ok(())
}

/// A system identifier that the role may not read.
const UNKNOWN: &str = "unknown";

/// The name of a database, with the system identifier if that was compared.
fn named(found: &ObservedTarget, wanted: &str) -> String {
    let system = found.system_identifier.as_deref().unwrap_or(UNKNOWN);
    match wanted.contains('@') {
        true => format!("{}@{system}", found.database),
        false => found.database.clone(),
    }
}

/// Formats as `app, tenant_*`.
pub fn list(databases: &[DatabasePattern]) -> String {
    let all: Vec<String> = databases.iter().map(ToString::to_string).collect();
    all.join(", ")
}

/// Refuses a standby.
pub fn check_primary(session: &dyn Session) -> Result<(), TargetError> {
    if session.identity().is_standby {
        Err(TargetError::Standby)
    } else {
        Ok(())
    }
}
