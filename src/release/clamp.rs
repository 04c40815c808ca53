//! Enforces the release's time limits against its scripts.
//!
//! A script may lower a limit. A raised limit is put back: dumps, for example, begin with `SET
//! statement_timeout = 0`.

use super::event::{Event, Observer};
use super::run_context::RunContext;
use crate::database::{DatabaseError, Session};
use pgseal_verify::format::run_limits::{RunLimits, TimeLimit};
use psql_script::Position;

/// The server's settings and their maximum.
fn settings(limits: &RunLimits) -> [(&'static str, TimeLimit); 4] {
    [
        ("lock_timeout", limits.lock_timeout),
        ("statement_timeout", limits.statement_timeout),
        ("idle_in_transaction_session_timeout", limits.idle_timeout),
        ("transaction_timeout", limits.transaction_timeout),
    ]
}

/// Whether a statement could change a time limit, because it names one anywhere. `RESET ALL` and
/// `DISCARD ALL` name none; scripts that contain them are refused.
pub(super) fn may_change(sql: &str) -> bool {
    // The common suffix of all four settings.
    const COMMON: &[u8] = b"_timeout";
    let bytes = sql.as_bytes();
    memchr::memchr_iter(COMMON[0], bytes).any(|at| {
        bytes
            .get(at..at + COMMON.len())
            .is_some_and(|text| text.eq_ignore_ascii_case(COMMON))
    })
}

/// Puts back the limits that are now higher or off, and reports each to the observer.
pub(super) fn put_back(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    at: &Position,
    observer: &mut dyn Observer,
) -> Result<(), DatabaseError> {
    for (setting, limit) in put_back_silently(session, order.limits)? {
        observer.event(Event::Limited { at, setting, limit });
    }
    Ok(())
}

/// Like [`put_back`], but returns the limits that were put back.
pub(super) fn put_back_silently(
    session: &mut dyn Session,
    limits: &RunLimits,
) -> Result<Vec<(&'static str, TimeLimit)>, DatabaseError> {
    let mut lowered = Vec::new();
    // Values are in milliseconds; servers before 17 have no transaction_timeout. The script's
    // search_path is in force, so every name has its schema.
    let table = session.query(
        "select name, setting from pg_catalog.pg_settings where name operator(pg_catalog.=) any
             ('{lock_timeout,statement_timeout,idle_in_transaction_session_timeout,transaction_timeout}'::pg_catalog.text[])",
        &[],
    )?;
    for row in table.rows {
        let [Some(name), Some(setting)] = row.as_slice() else {
            continue;
        };
        let known = settings(limits)
            .into_iter()
            .find(|(known, _)| known == name);
        let Some((name, limit)) = known else { continue };
        if is_within(setting, limit) {
            continue;
        }
        // Set for the session, which also overrides a SET LOCAL of this transaction.
        session.batch(&format!("SET {name} = {}", limit.milliseconds()))?;
        lowered.push((name, limit));
    }
    Ok(lowered)
}

/// Whether a value in milliseconds is a limit, and not above `limit`. 0 means no limit.
fn is_within(setting: &str, limit: TimeLimit) -> bool {
    setting
        .parse()
        .is_ok_and(|set: u32| (1..=limit.milliseconds()).contains(&set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_could_change_a_limit() {
        for sql in [
            "SET statement_timeout = 0",
            "set local LOCK_TIMEOUT to '1h'",
            "reset transaction_timeout",
            "select set_config('idle_in_transaction_session_timeout', '0', false)",
            "do $$ begin set local lock_timeout = 0; end $$",
            "set \"lock_timeout\" = 0",
        ] {
            assert!(may_change(sql), "{sql}");
        }
        for sql in ["", "_timeou", "set search_path = public", "reset timezone"] {
            assert!(!may_change(sql), "{sql}");
        }
    }

    #[test]
    fn only_lower_ones_are_within() {
        let limit: TimeLimit = "5s".parse().unwrap();
        for within in ["1", "4999", "5000"] {
            assert!(is_within(within, limit), "{within}");
        }
        for beyond in ["0", "5001", "", "-1", "99999999999"] {
            assert!(!is_within(beyond, limit), "{beyond}");
        }
    }
}
