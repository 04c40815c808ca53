//! The run lock: a session-level advisory lock that allows one run at a time in a database.

use super::cancellation::CancellationToken;
use super::event::{Event, Observer};
use super::failure::{Context as _, Failure};
use super::retry::jittered;
use crate::database::{DatabaseError, Session};

/// The lock's key in every database: the first 8 bytes of SHA-256("pgseal run lock 1"), so that no
/// other program uses it.
const KEY: &str = "-2437371639947053445";

/// Milliseconds between attempts, before [`jittered`]: about three seconds in all.
const PAUSES: [u32; 5] = [100, 200, 400, 800, 1_500];

/// Errors of taking the lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    #[error("another pgseal run holds the lock of this database{0}")]
    Held(String),
    #[error("it was interrupted while it waited for the lock of this database")]
    Interrupted,
    #[error("cannot acquire the lock: {0}")]
    Database(#[from] DatabaseError),
}

/// Takes the lock.
///
/// It polls: a session that waits inside the server for an advisory lock deadlocks with `CREATE
/// INDEX CONCURRENTLY`.
pub fn take(
    session: &mut dyn Session,
    stop: &CancellationToken,
    observer: &mut dyn Observer,
) -> Result<(), LockError> {
    // docs/decisions/007. The jitter keeps two waiting processes from polling at the same time.
    let own = session.process().to_string();
    for (attempt, pause) in (0..).zip(PAUSES) {
        if try_once(session)? {
            return Ok(());
        }
        let (by, pause) = (holder(session), jittered(pause, &own, attempt));
        observer.event(Event::LockHeld {
            by: by.as_deref(),
            again: attempt > 0,
            pause,
        });
        stop.pause(pause).map_err(|_| LockError::Interrupted)?;
    }
    if try_once(session)? {
        return Ok(());
    }
    let by = holder(session).map(|who| format!(": {who}"));
    Err(LockError::Held(by.unwrap_or_default()))
}

fn try_once(session: &mut dyn Session) -> Result<bool, DatabaseError> {
    let taken = session.query(
        "select pg_catalog.pg_try_advisory_lock($1::text::bigint)::text",
        &[KEY],
    )?;
    Ok(taken.single() == Some("true"))
}

/// Gives the lock back before the session ends.
pub(super) fn give_back(session: &mut dyn Session) -> Result<(), LockError> {
    session.query(
        "select pg_catalog.pg_advisory_unlock($1::text::bigint)::text",
        &[KEY],
    )?;
    Ok(())
}

/// Whether this session holds the lock.
pub(super) fn is_held(session: &mut dyn Session) -> Result<bool, DatabaseError> {
    // Every operator has its schema: the session may be in a tier, with the release's search path.
    let held = session.query(
        "select exists (select from pg_catalog.pg_locks l, pg_catalog.pg_database d
             where l.locktype operator(pg_catalog.=) 'advisory' and l.granted
               and l.pid operator(pg_catalog.=) pg_catalog.pg_backend_pid()
               and l.database operator(pg_catalog.=) d.oid
               and d.datname operator(pg_catalog.=) pg_catalog.current_database()
               and (l.classid::pg_catalog.int8 operator(pg_catalog.<<) 32) operator(pg_catalog.|) l.objid::pg_catalog.int8
                   operator(pg_catalog.=) $1::pg_catalog.text::pg_catalog.int8)::pg_catalog.text",
        &[KEY],
    )?;
    Ok(held.single() == Some("true"))
}

/// Fails if a function of a script released the session's lock: another run may have intervened.
pub(super) fn check_held(session: &mut dyn Session) -> Result<(), Failure> {
    if is_held(session).context("can't ask for the lock")? {
        return Ok(());
    }
    Err(Failure::plain(
        "the run's lock was given back by a statement before this one",
    ))
}

/// Releases every other advisory lock of the session. Only outside of transactions.
///
/// A session-level lock taken by a script's function outlives its transaction and blocks others
/// while pgseal pauses.
pub(super) fn give_back_others(session: &mut dyn Session) -> Result<(), DatabaseError> {
    // A lock that was taken several times must be released as often.
    for _ in 0..TIMES_TAKEN {
        if session.query(GIVE_BACK_OTHERS, &[KEY])?.rows.is_empty() {
            return Ok(());
        }
    }
    Err(DatabaseError::unsound(
        "an advisory lock that a script took can't be given back".to_owned(),
    ))
}

/// Maximum times that one lock may have been taken.
const TIMES_TAKEN: usize = 10_000;

/// Locks with one number have `objsubid` 1, those with two have 2. The numbers may be negative and
/// are stored in oids.
const GIVE_BACK_OTHERS: &str = "
    select case
        when l.objsubid = 1 and l.mode = 'ExclusiveLock' then pg_catalog.pg_advisory_unlock(k.whole)
        when l.objsubid = 1 then pg_catalog.pg_advisory_unlock_shared(k.whole)
        when l.mode = 'ExclusiveLock' then pg_catalog.pg_advisory_unlock(k.high, k.low)
        else pg_catalog.pg_advisory_unlock_shared(k.high, k.low) end::text
    from pg_catalog.pg_locks l
         cross join lateral (
             select l.classid::bigint << 32 | l.objid::bigint as whole, l.classid::bigint::bit(32)::integer as high,
                    l.objid::bigint::bit(32)::integer as low) k
    where l.locktype = 'advisory' and l.granted and l.pid = pg_catalog.pg_backend_pid()
      and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
      and not (l.objsubid = 1 and l.mode = 'ExclusiveLock' and k.whole = $1::text::bigint)";

/// Takes the lock for the transaction too: `pg_advisory_unlock_all` in a script releases only
/// session-level locks.
pub fn hold_in_transaction(session: &mut dyn Session) -> Result<(), LockError> {
    let taken = session.query(
        "select pg_catalog.pg_try_advisory_xact_lock($1::pg_catalog.text::pg_catalog.int8)::pg_catalog.text",
        &[KEY],
    )?;
    match taken.single() {
        Some("true") => Ok(()),
        _ => Err(LockError::Held(String::new())),
    }
}

/// The session that holds the lock now, if any.
pub fn holder(session: &mut dyn Session) -> Option<String> {
    let table = session.query(
        "select pg_catalog.format('process %s of %s, since %s', a.pid, coalesce(nullif(a.usename::text, ''), 'unknown'),
                       coalesce(pg_catalog.to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS'), 'unknown'))
         from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a on a.pid = l.pid
         where l.locktype = 'advisory' and l.granted and l.database = (
             select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
           and (l.classid::bigint << 32 | l.objid::bigint) = $1::text::bigint
         limit 1",
        &[KEY],
    );
    table.ok()?.single().map(str::to_owned)
}
