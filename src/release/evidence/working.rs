//! Which server process still works on a statement. A client that was killed leaves its process behind: for half a second
//! where the server looks after its clients (`client_connection_check_interval`, PostgreSQL 14), else to the statement's end.

use super::names::list;
use crate::database::{DatabaseError, Session};

/// A process other than this session's that runs `sql`, whoever's; or one of pgseal's that holds or wants on one of the
/// tables the lock of statements that work CONCURRENTLY. Every session of pgseal's begins with a name that begins with
/// `pgseal`, whatever the operator calls it; a script may call itself otherwise.
pub(super) fn on(session: &mut dyn Session, sql: &str, tables: &[u32]) -> Result<Option<String>, DatabaseError> {
    // The server keeps the beginning of a long text only (`track_activity_query_size`).
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

/// Anybody's process that holds this lock on one of the tables: what is INVALID may be its work, and valid soon. The
/// server's own (autovacuum, which has no user) hold it too, and build nothing.
pub(super) fn holder(session: &mut dyn Session, tables: &[u32]) -> Result<Option<String>, DatabaseError> {
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
