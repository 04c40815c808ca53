//! The role of gates and probes, which must be able to do nothing but read.
//!
//! It is the defence against attacks that no check can exclude. For example, an index can be
//! committed in the last round trip and evaluated by the planner.

use super::run_context::CloneOf;
use crate::database::{DatabaseError, Session};
use pgseal_verify::format::trust_document::GateRole;

/// A role that can do more than read. Gates that would run as it are closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooMuch {
    /// Name of the role.
    pub role: String,
    /// Excess rights, as sentences about the role.
    pub rights: Vec<String>,
    /// SQL statements that create a read-only role, for a superuser or the database's owner.
    pub remedy: Vec<String>,
}

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "role {} can do more than read: it {}",
            self.role,
            self.rights.join(", ")
        )
    }
}

/// Name of the role in [`TooMuch::remedy`].
pub const SUGGESTED: &str = "pgseal_gate";

/// The checked rights of the gate role and of the run's role.
#[derive(Default)]
pub struct Roles {
    /// Excess rights of the gate role, if it can do more than read.
    pub too_much: Option<TooMuch>,
    /// Whether the run's role is or could become a superuser. Then queries of objects that belong
    /// to other roles are refused.
    pub superuser_runs: bool,
}

/// Checks the rights of the session's login role, and of the run's role if that is another. With
/// [`GateRole::Any`] nothing is checked.
///
/// The remedy is for the session's database, or for the one that a clone was made of.
pub fn check(
    session: &mut dyn Session,
    wanted: GateRole,
    runs_as: Option<&str>,
    clone: Option<CloneOf<'_>>,
) -> Result<Roles, DatabaseError> {
    if wanted == GateRole::Any {
        return Ok(Roles::default());
    }
    let found = session.query(MORE_RIGHTS, &[runs_as.unwrap_or_default()])?;
    let mut found = found.rows.into_iter().flatten();
    // Everything but a plain "false" counts as yes.
    let mut next = || found.next().flatten().as_deref() != Some("false");
    let (has_more, superuser_runs) = (next(), next());
    let too_much = if has_more {
        too_much(session, clone)?
    } else {
        None
    };
    Ok(Roles {
        too_much,
        superuser_runs,
    })
}

fn too_much(
    session: &mut dyn Session,
    clone: Option<CloneOf<'_>>,
) -> Result<Option<TooMuch>, DatabaseError> {
    let found = session.query(RIGHTS, &[])?;
    if found.rows.is_empty() {
        return Ok(None);
    }
    let rights = found.rows.into_iter().flatten();
    let rights = rights.map(|right| {
        right.unwrap_or_else(|| "has rights that the server has no words for".to_owned())
    });
    let identity = session.identity();
    let database = match &clone {
        Some(clone) => clone.source(),
        None => Some(identity.database.as_str()),
    };
    let remedy = remedy(database, session.server_version_num());
    Ok(Some(TooMuch {
        role: identity.user.clone(),
        rights: rights.collect(),
        remedy,
    }))
}

/// SQL that creates a role which may only read this database. `pg_read_all_data` came with
/// PostgreSQL 14. The clone of a dump has no database that stays.
pub fn remedy(database: Option<&str>, version: u32) -> Vec<String> {
    let read = match version {
        140_000.. => format!("grant pg_read_all_data, pg_read_all_stats to {SUGGESTED};"),
        _ => format!(
            "grant usage on schema public to {SUGGESTED}; grant select on all tables in schema public to {SUGGESTED}; \
             grant pg_read_all_stats to {SUGGESTED};"
        ),
    };
    let connect = database.map(|database| {
        let database = super::settings::quoted(database);
        format!("grant connect on database {database} to {SUGGESTED};")
    });
    let create = format!("create role {SUGGESTED} login;");
    [Some(create), connect, Some(read)]
        .into_iter()
        .flatten()
        .collect()
}

/// Whether a role is or could become a superuser, or use files and programs of the server
/// (`pg_read_server_files`, `pg_write_server_files`, `pg_execute_server_program`: 4569 to 4571).
macro_rules! is_superuser {
    ($role:literal) => {
        concat!(
            "exists (select from pg_roles r
                     where (r.rolsuper or r.oid between 4569::oid and 4571::oid) and pg_has_role(",
            $role,
            ", r.oid, 'MEMBER'::text))"
        )
    };
}

pub(crate) use is_superuser;

/// A necessary condition of [`RIGHTS`], cheaper to plan and false for most readers; and whether the
/// role `$1` is a superuser.
const MORE_RIGHTS: &str = concat!(
    "
    select (exists (select from pg_roles r
                    where pg_has_role(session_user, r.oid, 'MEMBER'::text)
                      and (r.rolsuper or r.rolreplication or r.oid < 16384::oid and r.rolname not in ('pg_read_all_data', 'pg_read_all_stats')
                           or exists (select from pg_shdepend d
                                      where d.refclassid = 'pg_authid'::regclass::oid and d.refobjid = r.oid
                                        and d.deptype = 'o'))))::text,
           (case when $1 = ''::text then false else ",
    is_superuser!("$1::name"),
    " end)::text"
);

/// Rights whose effects escape a read-only transaction that is rolled back.
///
/// These are superuser rights, files and programs of the server, other sessions, replication slots,
/// and an owner's rights to an object: the server does not count `REINDEX` and `ANALYZE` as writes.
/// Rights by membership count, inherited or not, because `SET ROLE` takes them.
const RIGHTS: &str = "
    with mine(oid, name, super, replicates) as (
        select r.oid, r.rolname::text, r.rolsuper, r.rolreplication
        from pg_roles r where pg_has_role(session_user, r.oid, 'MEMBER'::text)
    ), itself(name, super) as (
        select r.rolname::text, r.rolsuper from pg_roles r where r.rolname = session_user
    ), owned(class, oid) as (
        select d.classid, d.objid from pg_shdepend d
        where d.refclassid = 'pg_authid'::regclass::oid and d.refobjid in (select oid from mine) and d.deptype = 'o'
          and (d.dbid = (select oid from pg_database where datname = current_database())
               or d.classid = 'pg_database'::regclass::oid
                  and d.objid = (select oid from pg_database where datname = current_database()))
          and d.classid <> 'pg_default_acl'::regclass::oid
          and not (d.classid = 'pg_namespace'::regclass::oid
                   and exists (select from pg_namespace n where n.oid = d.objid and n.nspname = 'pgseal'))
          and not (d.classid = 'pg_class'::regclass::oid
                   and exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                               where c.oid = d.objid and (n.nspname = 'pgseal' or c.relpersistence = 't')))
          and not (d.classid = 'pg_proc'::regclass::oid
                   and exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                               where p.oid = d.objid and n.nspname = 'pgseal'))
    )
    select 'is a superuser'::text from itself where super
    union all
    select 'is a member of '::text || m.name || ', a superuser'::text
    from mine m cross join itself i where m.super and not i.super
    union all
    select 'is a member of '::text || m.name from mine m cross join itself i
    where not i.super and m.oid < 16384::oid
      and m.name in ('pg_execute_server_program'::text, 'pg_write_server_files'::text, 'pg_read_server_files'::text,
                     'pg_signal_backend'::text, 'pg_signal_autovacuum_worker'::text, 'pg_maintain'::text,
                     'pg_checkpoint'::text)
    union all
    select case when m.name = i.name then 'may replicate'::text else 'is a member of '::text || m.name || ', which may replicate'::text end
    from mine m cross join itself i where m.replicates and not m.super and not i.super
    union all
    (select 'owns '::text || pg_describe_object(o.class, o.oid, 0) from owned o cross join itself i
     where not i.super order by o.oid limit 1)";
