//! Copies the source, or a dump, into the clone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clone::{self, CloneError, ClonedDatabase, PATIENCE, Template};
use super::error::RehearsalError;
use super::load::{self, SetupScript, Text};
use super::server::{Admin, Described};
use super::{ClonedFrom, Job, Steps, carry};
use crate::database::Purpose;
use crate::release::run_context::RunContext;
use pgseal_verify::format::rehearsal::CloneMethod;

/// Checks for connections to the source, and the pause between them: closed sessions end with a
/// delay.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// SQLSTATEs for a template with connections, and for a missing right to copy it.
const NOT_BY_TEMPLATE: [&str; 2] = ["55006", "42501"];

/// Creates the clone: complete if copied by template, else empty.
pub(super) fn create(
    job: &Job<'_>,
    admin: &mut Admin,
) -> Result<(ClonedDatabase, CloneMethod), RehearsalError> {
    let target = job.order.bundle.manifest().target.database.first_name();
    let target = target.unwrap_or("release");
    let make = |admin: &mut Admin, source, template, owner| {
        clone::create(admin, job.rehearsal_id, source, target, template, owner)
    };
    let ClonedFrom::Database { name, by_dump } = job.from else {
        let clone = make(admin, None, Template::Empty(""), None)?;
        return Ok((clone, CloneMethod::Dump));
    };
    let Some(Described { owner, locale }) = admin.describe(name)? else {
        return Err(RehearsalError::no_source(name));
    };
    if !by_dump && is_quiet(job, admin, name)? {
        match make(admin, Some(name), Template::Database(name), Some(&owner)) {
            Ok(clone) => return Ok((clone, CloneMethod::Template)),
            Err(CloneError::Database { error, .. })
                if error
                    .code()
                    .is_some_and(|code| NOT_BY_TEMPLATE.contains(&code)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let clone = make(admin, Some(name), Template::Empty(&locale), Some(&owner))?;
    Ok((clone, CloneMethod::DumpRestore))
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

/// Fills the clone, and copies properties of the database. Returns remarks.
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
        ClonedFrom::Database { .. } if method == CloneMethod::Template => {}
        ClonedFrom::Database { name, .. } => {
            let copied = job.server.copy(name, clone.name(), &is_stopped);
            copied.map_err(RehearsalError::Copy)?;
        }
        ClonedFrom::Dump { path, is_sql, .. } if !is_sql => {
            let restored = job.server.restore(path, clone.name(), &is_stopped);
            restored.map_err(RehearsalError::Copy)?;
        }
        ClonedFrom::Dump { path, .. } => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let script = SetupScript {
                name: &name,
                text: Text::File(path),
                variables: &BTreeMap::new(),
            };
            load::run(order, clone, &script, steps)?;
        }
    }
    if method != CloneMethod::Template {
        // A dump has no statistics, and plans without them differ from those of the release.
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
