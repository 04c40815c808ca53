//! Copies the source, or a dump, into the clone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clone::{self, CloneError, ClonedDatabase, Naming, PATIENCE, Template};
use super::error::RehearsalError;
use super::load::{self, SetupScript, Text};
use super::server::{Admin, Described};
use super::{ClonedFrom, Job, Steps, carry};
use crate::database::Purpose;
use crate::release::cancellation::CancellationToken;
use crate::release::run_context::RunContext;
use pgseal_verify::format::rehearsal::CloneMethod;

/// Checks for connections to the source, and the pause between them: closed sessions end with a
/// delay.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// Checks for other sessions of a clone before it is given up.
const LOOKS_FOR_OTHERS: u32 = 50;

/// SQLSTATEs for a template with connections, and for a missing right to copy it.
const NOT_BY_TEMPLATE: [&str; 2] = ["55006", "42501"];

/// Creates the clone: complete if copied by template, else empty.
pub(super) fn create(
    job: &Job<'_>,
    admin: &mut Admin,
) -> Result<(ClonedDatabase, CloneMethod), RehearsalError> {
    let target = job.order.bundle.manifest().target.database.first_name();
    let target = target.unwrap_or("release");
    let naming = |source| Naming::of_rehearsal(job.rehearsal_id, source, target);
    let ClonedFrom::Database { name, by_dump } = job.from else {
        let clone = clone::create(admin, naming(None), Template::Empty(""), None)?;
        return Ok((clone, CloneMethod::Dump));
    };
    if let Some(trial) = job.trial {
        trial.check(job.server.database(name).as_ref())?;
    }
    let stop = job.order.stop;
    let (mut clone, method) =
        create_of(admin, stop, name, by_dump, &mut |admin, template, owner| {
            clone::create(admin, naming(Some(name)), template, Some(owner))
        })?;
    if let Some(trial) = job.trial {
        clone.requires_marker(trial);
    }
    Ok((clone, method))
}

/// Creates a database from a template, with an owner.
type Create<'a> =
    dyn FnMut(&mut Admin, Template<'_>, &str) -> Result<ClonedDatabase, CloneError> + 'a;

/// Creates the clone of a database by `create`: complete if copied by template, else empty.
pub(super) fn create_of(
    admin: &mut Admin,
    stop: &CancellationToken,
    source: &str,
    by_dump: bool,
    create: &mut Create<'_>,
) -> Result<(ClonedDatabase, CloneMethod), RehearsalError> {
    let Some(Described { owner, locale }) = admin.describe(source)? else {
        return Err(RehearsalError::no_source(source));
    };
    if !by_dump && is_quiet(stop, admin, source)? {
        match create(admin, Template::Database(source), &owner) {
            Ok(clone) => return Ok((clone, CloneMethod::Template)),
            Err(CloneError::Database { error, .. })
                if error
                    .code()
                    .is_some_and(|code| NOT_BY_TEMPLATE.contains(&code)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let clone = create(admin, Template::Empty(&locale), &owner)?;
    Ok((clone, CloneMethod::DumpRestore))
}

fn is_quiet(
    stop: &CancellationToken,
    admin: &mut Admin,
    source: &str,
) -> Result<bool, RehearsalError> {
    for _ in 0..LOOKS {
        if admin.connections(source)? == 0 {
            return Ok(true);
        }
        stop.pause(PAUSE).map_err(|_| RehearsalError::Interrupted)?;
    }
    Ok(false)
}

/// Waits some seconds for the other sessions of a database to end. Returns those that are left.
pub(super) fn others_end(
    admin: &mut Admin,
    stop: &CancellationToken,
    database: &str,
) -> Result<Vec<String>, RehearsalError> {
    for _ in 0..LOOKS_FOR_OTHERS {
        if admin.connections(database)? == 0 {
            return Ok(Vec::new());
        }
        stop.pause(PAUSE).map_err(|_| RehearsalError::Interrupted)?;
    }
    Ok(admin.sessions(database)?)
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
        ClonedFrom::Dump { .. } => {
            carry::limit(admin, None, clone)?;
            Vec::new()
        }
    };
    Ok(lost
        .into_iter()
        .map(|what| format!("not given to the clone: {what}"))
        .collect())
}
