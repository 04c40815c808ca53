//! Transactions whose changes are visible, and that have not yet told other sessions what to forget of the catalog.
//!
//! A session looks names up in its cache until it is told. A transaction becomes visible first, then tells, and then gives back
//! the lock of its own number (PostgreSQL, `xact.c`, "CommitTransaction"; `twophase.c`, "FinishPreparedTransaction", which removes
//! files in between). So it has told what a snapshot shows if nobody holds the lock of a number that the snapshot shows; and a
//! session that takes a lock then has learned it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::QuestionError;
use crate::database::{Parameter, Session};

/// How long a transaction is waited for, and in between two looks.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Locks `l` that other transactions have of their own numbers. One that is prepared has no process.
macro_rules! numbers_of_others {
    () => {
        "pg_lock_status() l
         where l.locktype = 'transactionid'::text and l.mode = 'ExclusiveLock'::text and l.granted
           and (l.pid is null or l.pid <> pg_backend_pid())"
    };
}

/// Whether anybody else has a number, and could be one of those that have not told.
macro_rules! anybody {
    () => {
        concat!(
            "(select count(*) > 0::int8 from ",
            settled::numbers_of_others!(),
            ")::text"
        )
    };
}

pub(super) use {anybody, numbers_of_others};

/// Those that are visible and have not told, as the server names them, with a space between; NULL where there are none. Of those
/// that are under way a snapshot lists the numbers, but not those of their subtransactions, which are higher.
const COMMITTING: &str = concat!(
    "select string_agg(virtualtransaction, ' '::text) from (
         select l.virtualtransaction from ",
    numbers_of_others!(),
    " group by l.virtualtransaction
      having bool_and((int8in(xid8out(pg_snapshot_xmax(pg_current_snapshot()))) - int8in(xidout(l.transactionid))
                       & 4294967295::int8) between 1::int8 and 2147483647::int8
                      and not exists (select from pg_snapshot_xip(pg_current_snapshot()) as x
                                      where xid(x) = l.transactionid))) as c"
);

const STILL: &str = concat!(
    "select from ",
    numbers_of_others!(),
    " and l.virtualtransaction = any (string_to_array($1, ' '::text)) limit 1"
);

/// Waits until all that is visible by now has been told. What has not been by then is no reason to ask again: code that ran meanwhile
/// may have swapped what would be asked.
pub(super) fn wait(session: &mut dyn Session) -> Result<(), QuestionError> {
    let found = session.query(COMMITTING, &[])?;
    let Some(committing) = found.single() else {
        return Ok(());
    };
    let begun = Instant::now();
    while !session
        .query_with(STILL, &[Parameter::Text(committing)], false)?
        .rows
        .is_empty()
    {
        if begun.elapsed() > PATIENCE {
            return Err(QuestionError::Changed(
                "what a transaction did that is still being committed".to_owned(),
            ));
        }
        sleep(PAUSE);
    }
    Ok(())
}
