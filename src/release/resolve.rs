//! A COMMIT whose answer was lost: asked on a new connection, never guessed.

use std::time::{Duration, Instant};

use super::event::{Event, Observer};
use super::order::Order;
use crate::database::{Connect, DatabaseError, Purpose, Session};
use crate::record::ledger;
use pgseal_verify::format::receipt::{ObservedTarget, Receipt};

/// What came of a COMMIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// What the transaction wrote is there.
    Committed,
    /// The server knows it as aborted.
    Aborted,
    /// The cluster that answers was restored to, or failed over to, a state without it; how that is known.
    NotHere(String),
    /// No server could say; why.
    Unknown(String),
}

/// How long a server that doesn't answer is tried.
const UNREACHABLE: Duration = Duration::from_secs(30);

/// How much longer than `idle_in_transaction_session_timeout` a transaction can be in progress that nobody goes on with.
const MARGIN: Duration = Duration::from_secs(15);

/// How long the run's own session may still be busy with COMMIT before it is ended: nobody speaks to it any more.
const OURS_IS_OVER: Duration = Duration::from_secs(5);

/// SQLSTATE of `pg_xact_status` for an id that was never given out (`invalid_parameter_value`).
const IN_THE_FUTURE: &str = "22023";

/// The first pause between two tries; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Asks until the server knows, or the time is up.
pub(super) fn ask(
    order: &Order<'_>,
    run: &Receipt,
    ledger_run: &str,
    transaction_id: &str,
    observer: &mut dyn Observer,
) -> Resolution {
    let begun = Instant::now();
    let idle = Duration::from_millis(order.limits.idle_timeout.milliseconds().into());
    let (mut pause, mut attempt) = (FIRST_PAUSE, 0);
    loop {
        attempt += 1;
        let (why, limit) = match once(order.connect, &run.target, ledger_run, transaction_id) {
            Ok(Some(resolution)) => return resolution,
            // The server ends it when its client is silent for too long; in the middle of a message it waits for ever.
            Ok(None) => {
                if begun.elapsed() > OURS_IS_OVER {
                    end_session(order, transaction_id);
                }
                ("the transaction is still in progress".to_owned(), UNREACHABLE.max(idle + MARGIN))
            }
            Err(error) => (error.to_string(), UNREACHABLE),
        };
        observer.event(Event::Resolving(attempt, &why));
        if begun.elapsed() + pause > limit {
            return Resolution::Unknown(why);
        }
        std::thread::sleep(pause);
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Asks once; `None` while the transaction goes on. Another cluster than the run's can't say.
pub fn once(
    connect: &dyn Connect,
    target: &ObservedTarget,
    ledger_run: &str,
    transaction_id: &str,
) -> Result<Option<Resolution>, DatabaseError> {
    // docs/decisions/049
    let mut session = connect.connect(Purpose::Resolve)?;
    session.set_deadline(UNREACHABLE);
    let here = super::target::observe(session.as_mut())?;
    if (&here.database, &here.system_identifier) != (&target.database, &target.system_identifier) {
        let text = "another database cluster answers now than the one that was committing";
        return Ok(Some(Resolution::Unknown(text.to_owned())));
    }
    let status = session.query("select pg_catalog.pg_xact_status($1::text::xid8)", &[transaction_id]);
    let status = match status {
        Ok(table) => Ok(table.single().unwrap_or("forgotten").to_owned()),
        Err(DatabaseError::Server(error)) if error.code == IN_THE_FUTURE => Err(error.message),
        Err(DatabaseError::Server(error)) => {
            return unsaid(session.as_mut(), ledger_run, transaction_id, &error.message);
        }
        Err(lost) => return Err(lost),
    };
    // Asked after the status: a transaction that was committed then is visible now. A row proves it, whatever the status.
    if ledger::has_transaction(session.as_mut(), ledger_run, transaction_id)? {
        return Ok(Some(Resolution::Committed));
    }
    let moved = match (target.timeline, here.timeline) {
        (Some(then), Some(now)) if then != now => {
            Some(format!("the server is on timeline {now} now, and was on {then}: it failed over or was restored"))
        }
        _ => None,
    };
    let nothing = "and nothing of the run is there";
    Ok(match (status.as_deref(), moved) {
        (Ok("in progress"), None) => None,
        (Ok("aborted"), None) => Some(Resolution::Aborted),
        (_, Some(moved)) => Some(Resolution::NotHere(format!("{moved}, {nothing}"))),
        // The server never gave out this id: it is in a state from before the run.
        (Err(why), None) => {
            Some(Resolution::NotHere(format!("the server does not know the transaction ({why}), {nothing}")))
        }
        // After a crash or a restore ids are given out again. The rows would have come with the run's own transaction.
        (Ok(status), None) => {
            Some(Resolution::NotHere(format!("the transaction of this id is {status} and not the run's, {nothing}")))
        }
    })
}

/// The server would not say what became of the transaction; its rows may still prove it.
fn unsaid(
    session: &mut dyn Session,
    ledger_run: &str,
    transaction_id: &str,
    why: &str,
) -> Result<Option<Resolution>, DatabaseError> {
    Ok(Some(match ledger::has_transaction(session, ledger_run, transaction_id)? {
        true => Resolution::Committed,
        false => Resolution::Unknown(format!("the server does not say what became of the transaction: {why}")),
    }))
}

/// Ends the run's own session, which the server still waits for, since a part of its last message never came. Not one that
/// waits for a standby to confirm: it is committed here.
fn end_session(order: &Order<'_>, transaction_id: &str) {
    let Ok(mut session) = order.connect.connect(Purpose::Resolve) else { return };
    // Best effort: the next question tells.
    let _ = session.query(
        "select pg_terminate_backend(a.pid)::text from pg_stat_activity a
         where a.backend_xid = ($1::text::numeric % 4294967296)::text::xid and a.usename = session_user
           and a.wait_event is distinct from 'SyncRep'",
        &[transaction_id],
    );
}
