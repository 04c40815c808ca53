//! From the source, or a dump, to the clone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clone::{self, CloneError, ClonedDatabase, PATIENCE, Taken, Template};
use super::error::RehearsalError;
use super::load::{self, SetupScript, Text};
use super::server::Admin;
use super::{ClonedFrom, Job, Steps, carry};
use crate::database::Purpose;
use crate::release::run_context::RunContext;
use pgseal_verify::format::rehearsal::CloneMethod;

/// How often it is looked whether somebody is connected to the source, and how long between: sessions that were just closed
/// take a moment to go.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// The server's codes for "somebody is connected to the template" and "you may not copy it".
const NOT_BY_TEMPLATE: [&str; 2] = ["55006", "42501"];

/// Makes the clone: whole by template, empty where it is to be filled.
pub(super) fn create(
    job: &Job<'_>,
    admin: &mut Admin,
) -> Result<(ClonedDatabase, CloneMethod), RehearsalError> {
    let target = &job.order.bundle.manifest().target.database;
    let maintenance = admin.database.clone();
    match job.from {
        ClonedFrom::Dump { .. } => {
            let taken = Taken {
                source: None,
                target,
                maintenance: &maintenance,
            };
            let clone = clone::create(
                admin,
                (target, job.rehearsal_id),
                &taken,
                Template::Empty(""),
                None,
            )?;
            Ok((clone, CloneMethod::Dump))
        }
        ClonedFrom::Database { name, by_dump } => {
            let described = admin.describe(name)?;
            let Some(described) = described else {
                return Err(RehearsalError::Copy(format!(
                    "there is no database {name:?} on this server"
                )));
            };
            let taken = Taken {
                source: Some(name),
                target,
                maintenance: &maintenance,
            };
            let (ids, owner) = ((name, job.rehearsal_id), Some(described.owner.as_str()));
            if !by_dump && is_quiet(job, admin, name)? {
                match clone::create(admin, ids, &taken, Template::Database(name), owner) {
                    Ok(clone) => return Ok((clone, CloneMethod::Template)),
                    Err(CloneError::Database { error, .. })
                        if error
                            .code()
                            .is_some_and(|code| NOT_BY_TEMPLATE.contains(&code)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let clone = clone::create(
                admin,
                ids,
                &taken,
                Template::Empty(&described.locale),
                owner,
            )?;
            Ok((clone, CloneMethod::DumpRestore))
        }
    }
}

fn is_quiet(job: &Job<'_>, admin: &mut Admin, source: &str) -> Result<bool, RehearsalError> {
    for _ in 0..LOOKS {
        if admin.connections(source)? == 0 {
            return Ok(true);
        }
        job.order
            .stop
            .pause(PAUSE)
            .map_err(|_| RehearsalError::Interrupted)?;
    }
    Ok(false)
}

/// Fills it, and gives it what belongs to a database and is not in it. Gives what is to be told.
pub(super) fn fill(
    job: &Job<'_>,
    admin: &mut Admin,
    order: &RunContext<'_>,
    clone: &ClonedDatabase,
    method: CloneMethod,
    steps: &mut dyn Steps,
) -> Result<Vec<String>, RehearsalError> {
    let is_stopped = || job.order.stop.is_requested();
    match job.from {
        ClonedFrom::Database { name, .. } if method != CloneMethod::Template => {
            job.server
                .copy(name, clone.name(), &is_stopped)
                .map_err(RehearsalError::Copy)?;
        }
        ClonedFrom::Database { .. } => {}
        ClonedFrom::Dump {
            path,
            is_sql: false,
            ..
        } => {
            job.server
                .restore(path, clone.name(), &is_stopped)
                .map_err(RehearsalError::Copy)?;
        }
        ClonedFrom::Dump {
            path, is_sql: true, ..
        } => {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            let given = SetupScript {
                name: &name,
                text: Text::File(path),
                variables: &BTreeMap::new(),
            };
            load::run(order, clone, &given, steps)
                .map_err(|failure| RehearsalError::Script(Box::new(failure)))?;
        }
    }
    if method != CloneMethod::Template {
        // A dump brings no statistics, and plans without them are not those of the release.
        let mut session = order.connect.connect(Purpose::Write)?;
        session.set_patience(PATIENCE);
        session.execute("ANALYZE")?;
    }
    let lost = match job.from {
        ClonedFrom::Database { name, .. } => carry::carry(admin, name, clone)?,
        ClonedFrom::Dump { .. } => Vec::new(),
    };
    Ok(lost
        .into_iter()
        .map(|what| format!("not given to the clone: {what}"))
        .collect())
}
