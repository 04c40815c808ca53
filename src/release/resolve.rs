//! Determines the outcome of a COMMIT without an answer, by queries on a new connection.

use std::time::{Duration, Instant};

use super::event::{Event, Observer};
use super::executor::ledger_run;
use super::run_context::RunContext;
use crate::database::{Connect, DatabaseError, Purpose, Session};
use crate::record::ledger;
use pgseal_verify::format::receipt::{ObservedTarget, Receipt};

/// The outcome of a COMMIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The transaction's rows are present.
    Committed,
    /// The server reports the transaction as aborted.
    Aborted,
    /// The answering cluster was restored to, or failed over to, a state without the transaction;
    /// the evidence.
    NotHere(String),
    /// No server could report the outcome; the reason.
    Unknown(String),
}

/// Time limit for a server that does not answer.
const UNREACHABLE: Duration = Duration::from_secs(30);

/// Maximum time beyond `idle_in_transaction_session_timeout` that an abandoned transaction can stay
/// in progress.
const MARGIN: Duration = Duration::from_secs(15);

/// Time that the run's abandoned session may stay busy with COMMIT before it is terminated.
const OURS_IS_OVER: Duration = Duration::from_secs(5);

/// SQLSTATE of `pg_xact_status` for an id that was never assigned (`invalid_parameter_value`).
const IN_THE_FUTURE: &str = "22023";

/// The first pause between two attempts; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Queries until the server knows the outcome, or the time is up.
pub(super) fn ask(
    order: &RunContext<'_>,
    run: &Receipt,
    transaction_id: &str,
    observer: &mut dyn Observer,
) -> Resolution {
    let begun = Instant::now();
    let idle = Duration::from_millis(order.limits.idle_timeout.milliseconds().into());
    let (mut pause, mut attempt) = (FIRST_PAUSE, 0);
    loop {
        attempt += 1;
        let (why, limit) = match once(order.connect, &run.target, ledger_run(run), transaction_id) {
            Ok(Some(resolution)) => return resolution,
            // The server ends the session when its client is silent for too long. In the middle of
            // a message it waits without limit.
            Ok(None) => {
                if begun.elapsed() > OURS_IS_OVER {
                    end_session(order, transaction_id);
                }
                (
                    "the transaction is still in progress".to_owned(),
                    UNREACHABLE.max(idle + MARGIN),
                )
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

/// Queries once; `None` while the transaction is in progress. Only the run's own cluster can
/// answer.
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
    let status = session.query(
        "select pg_catalog.pg_xact_status($1::text::xid8)",
        &[transaction_id],
    );
    let status = match status {
        Ok(table) => Ok(table.single().unwrap_or("forgotten").to_owned()),
        Err(DatabaseError::Server(error)) if error.code == IN_THE_FUTURE => Err(error.message),
        Err(DatabaseError::Server(error)) => {
            return unsaid(session.as_mut(), ledger_run, transaction_id, &error.message);
        }
        Err(lost) => return Err(lost),
    };
    // Queried after the status: a transaction that was committed then is visible now. Its row
    // proves the commit, whatever the status.
    if ledger::has_transaction(session.as_mut(), ledger_run, transaction_id)? {
        return Ok(Some(Resolution::Committed));
    }
    let moved = match (target.timeline, here.timeline) {
        (Some(then), Some(now)) if then != now => Some(format!(
            "the server is on timeline {now} now, and was on {then}: it failed over or was restored"
        )),
        _ => None,
    };
    let nothing = "and nothing of the run is there";
    Ok(match (status.as_deref(), moved) {
        (Ok("in progress"), None) => None,
        (Ok("aborted"), None) => Some(Resolution::Aborted),
        (_, Some(moved)) => Some(Resolution::NotHere(format!("{moved}, {nothing}"))),
        // The server never assigned this id: it is in a state from before the run.
        (Err(why), None) => Some(Resolution::NotHere(format!(
            "the server does not know the transaction ({why}), {nothing}"
        ))),
        // After a crash or a restore, ids are assigned again. The run's own transaction would have
        // left its rows.
        (Ok(status), None) => Some(Resolution::NotHere(format!(
            "the transaction of this id is {status} and not the run's, {nothing}"
        ))),
    })
}

/// Searches for the transaction's rows, which can still prove the commit when the server does not
/// report its status.
fn unsaid(
    session: &mut dyn Session,
    ledger_run: &str,
    transaction_id: &str,
    why: &str,
) -> Result<Option<Resolution>, DatabaseError> {
    Ok(Some(
        match ledger::has_transaction(session, ledger_run, transaction_id)? {
            true => Resolution::Committed,
            false => Resolution::Unknown(format!(
                "the server does not say what became of the transaction: {why}"
            )),
        },
    ))
}

/// Terminates the run's own session, which waits for the lost part of its last message. A session
/// that waits for a standby to confirm is spared: it is committed here.
fn end_session(order: &RunContext<'_>, transaction_id: &str) {
    let Ok(mut session) = order.connect.connect(Purpose::Resolve) else {
        return;
    };
    // Best effort: the next query shows the result.
    let _ = session.query(
        "select pg_terminate_backend(a.pid)::text from pg_stat_activity a
         where a.backend_xid = ($1::text::numeric % 4294967296)::text::xid and a.usename = session_user
           and a.wait_event is distinct from 'SyncRep'",
        &[transaction_id],
    );
}
