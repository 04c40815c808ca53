//! Making of standing clones.

use super::super::blank::by;
use super::super::clone::{self, CONNECTION_LIMIT, CloneError, ClonedDatabase, PATIENCE};
use super::super::fill::{self, others_end};
use super::super::server::Admin;
use super::super::{RehearsalError, carry, compare};
use super::marker::{self, Signer};
use super::{KeepError, Keeper, StandingClone, StandingError, find};
use crate::database::{Connect, DatabaseError, Purpose};
use crate::release::target;
use crate::trust::JudgedAt;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::clone_marker::{CloneMarker, ClonedRelease};
use pgseal_verify::format::fingerprint::{Fingerprint, Scope};
use pgseal_verify::format::receipt::Operator;
use pgseal_verify::format::rehearsal::{CloneMethod, Source};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::version::PGSEAL;

/// Parameters of a standing clone.
pub struct Make<'b> {
    pub source: &'b str,
    /// The clone's name; else the source's, `_clone_` and 8 digits.
    pub name: Option<&'b str>,
    /// Whether to dump and restore even without connections to the source.
    pub by_dump: bool,
    pub scope: &'b Scope,
    /// 32 hexadecimal digits.
    pub clone_id: &'b str,
    pub operator: &'b Operator,
    pub signer: &'b Signer<'b>,
}

/// A new standing clone.
pub struct Made {
    pub clone: StandingClone,
    /// Differences from the source as it was before, and what could not be copied.
    pub remarks: Vec<String>,
}

/// Makes a standing clone. After an error nothing of it is left, or the error says so.
pub fn make(
    keeper: &Keeper<'_>,
    order: &Make<'_>,
    step: &mut dyn FnMut(&str),
) -> Result<Made, KeepError> {
    let stopped = |error: KeepError| match keeper.stop.check() {
        Err(_) => RehearsalError::Interrupted.into(),
        Ok(()) => error,
    };
    let mut admin = Admin::open(keeper.connect, keeper.stop)?;
    let name = order.name.map_or_else(
        || clone::standing_name(order.source, order.clone_id),
        str::to_owned,
    );
    let naming = || clone::Naming {
        name: name.clone(),
        suffix: name.clone(),
        source: Some(order.source),
        target: None,
    };
    // Before the source is read, which may take long.
    naming().check(&admin)?;
    if admin.oid(&name)?.is_some() {
        let what = "a database of this server";
        return Err(CloneError::Name { name, what }.into());
    }
    if admin.oid(order.source)?.is_none() {
        return Err(RehearsalError::no_source(order.source).into());
    }
    step("fingerprint of the source");
    let source = keeper.fingerprint(order.source, order.scope);
    let source = source.map_err(|error| stopped(error.into()))?;
    step("make the clone");
    let made = fill::create_of(
        &mut admin,
        keeper.stop,
        order.source,
        order.by_dump,
        &mut |admin, template, owner| clone::create(admin, naming(), template, Some(owner)),
    );
    let (clone, method) = made.map_err(|error| stopped(error.into()))?;
    // From here on the clone exists: no early return before it is dropped.
    let filled = complete(keeper, order, &mut admin, (&clone, method), &source, step);
    filled.map_err(|error| {
        let error = stopped(error);
        match clone::drop(keeper.connect, &clone) {
            Ok(()) => error,
            Err(left) => KeepError::Left {
                error: Box::new(error),
                left,
            },
        }
    })
}

fn complete(
    keeper: &Keeper<'_>,
    order: &Make<'_>,
    admin: &mut Admin,
    (clone, method): (&ClonedDatabase, CloneMethod),
    source: &Fingerprint,
    step: &mut dyn FnMut(&str),
) -> Result<Made, KeepError> {
    let connect = keeper.server.database(clone.name());
    step(&format!("fill the clone by {}", by(method)));
    if method == CloneMethod::DumpRestore {
        let is_stopped = || keeper.stop.is_requested();
        let copied = keeper.server.copy(order.source, clone.name(), &is_stopped);
        copied.map_err(RehearsalError::Copy)?;
        let mut session = connect.connect(Purpose::Write)?;
        let _cancellable = keeper.stop.watch(session.canceller());
        clone.check(session.as_mut())?;
        session.set_patience(PATIENCE);
        session.batch("SET statement_timeout = 0; SET lock_timeout = 0")?;
        session.execute("ANALYZE")?;
    }
    alone(keeper, admin, clone)?;
    let lost = carry::carry(admin, order.source, clone)?;
    step("fingerprint of the clone");
    let taken = keeper.fingerprint(clone.name(), order.scope)?;
    alone(keeper, admin, clone)?;
    let differ = compare::lines(source, &taken);
    let lost = lost
        .iter()
        .map(|what| format!("not given to the clone: {what}"));
    let differ = differ
        .iter()
        .map(|line| format!("the source was written to meanwhile: {line}"));
    let remarks = lost.chain(differ).collect();
    step("sign the marker");
    let mark = Mark {
        source: Source {
            method,
            database: Some(order.source.to_owned()),
            dump_sha256: None,
            dump_bytes: None,
        },
        source_sha256: Some(source.sha256),
        taken: &taken,
        release: None,
        clone_id: order.clone_id,
        operator: order.operator,
    };
    let clone = sign(connect.as_ref(), clone, mark, keeper.clock, order.signer)?;
    Ok(Made { clone, remarks })
}

/// Fails if other sessions are connected to the new clone: they could have written to it.
fn alone(keeper: &Keeper<'_>, admin: &mut Admin, clone: &ClonedDatabase) -> Result<(), KeepError> {
    let others = others_end(admin, keeper.stop, clone.name())?;
    if others.is_empty() {
        return Ok(());
    }
    Err(StandingError::InUse {
        name: clone.name().to_owned(),
        by: others,
    }
    .into())
}

/// The facts of a marker that its maker knows.
pub(in crate::release::rehearse) struct Mark<'b> {
    pub source: Source,
    pub source_sha256: Option<Digest>,
    /// The clone's fingerprint.
    pub taken: &'b Fingerprint,
    pub release: Option<ClonedRelease>,
    pub clone_id: &'b str,
    pub operator: &'b Operator,
}

/// Signs a marker, writes it into the clone and reads it back.
pub(in crate::release::rehearse) fn sign(
    connect: &dyn Connect,
    clone: &ClonedDatabase,
    mark: Mark<'_>,
    clock: &dyn Fn() -> Timestamp,
    signer: &Signer<'_>,
) -> Result<StandingClone, StandingError> {
    let mut session = connect.connect(Purpose::Read)?;
    clone.check(session.as_mut())?;
    let observed = target::observe(session.as_mut())?;
    drop(session);
    let unknown = || {
        let text = "the role may not ask for the system identifier (pg_control_system)";
        StandingError::Database(DatabaseError::unsound(text))
    };
    let marker = CloneMarker {
        clone_id: mark.clone_id.to_owned(),
        database: clone.name().to_owned(),
        oid: clone.oid().to_owned(),
        system_identifier: observed.system_identifier.ok_or_else(unknown)?,
        source: mark.source,
        source_sha256: mark.source_sha256,
        sha256: mark.taken.sha256,
        scope: mark.taken.scope.clone(),
        made: clock(),
        connection_limit: CONNECTION_LIMIT,
        release: mark.release,
        operator: mark.operator.clone(),
        pgseal: PGSEAL.to_owned(),
        signer: signer.key.public_key().id().digest(),
    };
    marker::write(connect, marker, signer.key)?;
    find(connect, signer.root, JudgedAt::At(clock()))
}
