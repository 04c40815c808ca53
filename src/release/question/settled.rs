//! Transactions with visible changes that have not yet sent their cache invalidations to other sessions.
//!
//! A session looks names up in its cache until it receives an invalidation. A transaction becomes visible first, then sends its
//! invalidations, and then releases the lock of its own number (PostgreSQL, `xact.c`, "CommitTransaction"; `twophase.c`,
//! "FinishPreparedTransaction", which removes files in between). So all invalidations of a snapshot's changes are sent if no
//! session holds the lock of a number that the snapshot shows; a session that takes a lock afterwards has processed them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::QuestionError;
use crate::database::{Parameter, Session};

/// Maximum wait for a transaction, and the pause between two queries.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Locks `l` of other transactions on their own numbers. A prepared transaction has no process.
macro_rules! numbers_of_others {
    () => {
        "pg_lock_status() l
         where l.locktype = 'transactionid'::text and l.mode = 'ExclusiveLock'::text and l.granted
           and (l.pid is null or l.pid <> pg_backend_pid())"
    };
}

/// Whether another transaction has a number, and so could have unsent invalidations.
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

/// Visible transactions with unsent invalidations, by the server's names, separated by spaces; NULL if there are none. A snapshot
/// lists the numbers of transactions in progress, but not those of their subtransactions, which are higher.
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

/// Waits until the invalidations of all visible changes are sent. A timeout is an error, not a reason to retry: code that ran
/// meanwhile may have swapped the question.
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
