//! Server processes that still execute a statement. A killed client leaves its process running: for
//! half a second where the server checks its clients (`client_connection_check_interval`,
//! PostgreSQL 14), otherwise until the statement ends.

use super::names::list;
use crate::database::{DatabaseError, Session};

/// Finds a process of any user, other than this session's, that runs `sql`. Also finds a pgseal
/// process that holds or awaits, on one of the tables, the lock of CONCURRENTLY statements. The
/// application name of every pgseal session begins with `pgseal`, regardless of the operator's name
/// for it; a script may set another name.
pub(super) fn on(
    session: &mut dyn Session,
    sql: &str,
    tables: &[u32],
) -> Result<Option<String>, DatabaseError> {
    // The server keeps only the beginning of a long text (`track_activity_query_size`).
    let found = session.query(
        "select pg_catalog.format('server process %s still works on it, since %s', a.pid,
                    coalesce(pg_catalog.to_char(a.query_start, 'YYYY-MM-DD HH24:MI:SS TZ'), 'unknown'))
         from pg_catalog.pg_stat_activity a
         where a.pid <> pg_catalog.pg_backend_pid() and a.datname = pg_catalog.current_database()
           and (a.state = 'active' and a.query <> '' and pg_catalog.starts_with($1, a.query)
                or pg_catalog.starts_with(a.application_name, 'pgseal') and exists (select from pg_catalog.pg_locks l
                           where l.pid = a.pid and l.locktype = 'relation' and l.database = a.datid
                             and l.mode = 'ShareUpdateExclusiveLock'
                             and l.relation::text = any (pg_catalog.string_to_array($2, ','))))
         order by a.pid limit 1",
        &[sql, list(tables).as_str()],
    )?;
    Ok(found.single().map(str::to_owned))
}

/// Finds a process of any user that holds this lock on one of the tables. It may be building the
/// INVALID index, which may become valid soon. The server's own processes (autovacuum, which has no
/// user) also hold the lock but build nothing.
pub(super) fn holder(
    session: &mut dyn Session,
    tables: &[u32],
) -> Result<Option<String>, DatabaseError> {
    let found = session.query(
        "select pg_catalog.format('server process %s (%s of %s) works on the table', a.pid,
                    coalesce(nullif(a.application_name, ''), 'a client'), coalesce(a.usename::text, 'unknown'))
         from pg_catalog.pg_stat_activity a join pg_catalog.pg_locks l on l.pid = a.pid
         where a.pid <> pg_catalog.pg_backend_pid() and a.usesysid is not null and l.granted
           and l.locktype = 'relation' and l.database = a.datid and l.mode = 'ShareUpdateExclusiveLock'
           and l.relation::text = any (pg_catalog.string_to_array($1, ','))
         order by a.pid limit 1",
        &[list(tables).as_str()],
    )?;
    Ok(found.single().map(str::to_owned))
}
