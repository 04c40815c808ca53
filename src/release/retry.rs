//! Retries of a transaction or statement after a lock timeout, deadlock or serialization failure,
//! once it is rolled back completely.

use std::time::Duration;

use super::event::{Event, Observer};
use super::failure::{Cause, Failure};
use super::run_context::RunContext;
use super::{fresh, lock};
use crate::database::Session;
use pgseal_verify::digest::Digest;

/// Pauses before the first, second, ... retry, in milliseconds, before [`jittered`]. The last is
/// used for all later ones.
const PAUSES: [u32; 4] = [1_000, 2_000, 4_000, 8_000];

/// The reason why a retry may help, for operators; `None` if it would not.
pub fn reason(failure: &Failure) -> Option<&'static str> {
    // docs/decisions/051
    match failure.cause {
        Cause::LockNotAvailable => Some("a lock was not to be had in time"),
        Cause::Deadlock => Some("a deadlock was resolved against this run"),
        Cause::Serialization => Some("the transaction could not be serialized with others"),
        _ => None,
    }
}

/// Decides on a retry, resets the session, reports and sleeps.
///
/// The caller guarantees that everything is rolled back; `retries` are done so far. Returns false
/// if the reset fails or the operator interrupts the run meanwhile.
pub(super) fn again(
    failure: &Failure,
    retries: u32,
    order: &RunContext<'_>,
    run_id: &str,
    session: &mut dyn Session,
    observer: &mut dyn Observer,
) -> bool {
    let may_help = retries < order.lock_retries && !failure.cause.is_connection_lost();
    let Some(reason) = reason(failure).filter(|_| may_help) else {
        return false;
    };
    // Release the session's locks before the pause, so that other sessions need not wait for it. If
    // a script released the run's own lock, another run may have intervened, and earlier checks are
    // void.
    let is_fresh = fresh::make(session, order.limits).and_then(|()| lock::is_held(session));
    if !matches!(is_fresh, Ok(true)) {
        return false;
    }
    let pause = jittered(
        PAUSES[(retries as usize).min(PAUSES.len() - 1)],
        run_id,
        retries,
    );
    observer.event(Event::Retrying {
        failure,
        reason,
        retry: retries + 1,
        of: order.lock_retries,
        pause,
    });
    order.stop.pause(pause).is_ok()
}

/// Scales a pause to between half and one and a half times its length, so that two colliding runs
/// do not collide again.
///
/// The library has no randomness: a digest of the run's own seed replaces it.
pub(super) fn jittered(milliseconds: u32, seed: &str, number: u32) -> Duration {
    let digest = Digest::of(format!("{seed} {number}").as_bytes());
    let bytes = digest.as_bytes();
    let share = u32::from(bytes[0]) << 8 | u32::from(bytes[1]);
    Duration::from_millis(
        u64::from(milliseconds / 2) + u64::from(milliseconds) * u64::from(share) / 65_536,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{DatabaseError, ServerError};

    #[test]
    fn pauses_differ_and_stay_within_bounds() {
        let pauses: Vec<u128> = (0..100)
            .map(|n| jittered(1_000, "a run", n).as_millis())
            .collect();
        assert!(
            pauses.iter().all(|ms| (500..1_500).contains(ms)),
            "{pauses:?}"
        );
        let (low, high) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
        assert!(*low < 600 && *high > 1_400, "{pauses:?}");
        assert_ne!(
            jittered(1_000, "a run", 1),
            jittered(1_000, "another run", 1)
        );
        assert_eq!(jittered(1_000, "a run", 1), jittered(1_000, "a run", 1));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let may_help = |code: &str| {
            let error = ServerError {
                code: code.to_owned(),
                ..ServerError::default()
            };
            let error = DatabaseError::Server(Box::new(error));
            reason(&Failure::database("it failed", &error)).is_some()
        };
        assert!(["55P03", "40P01", "40001"].into_iter().all(may_help));
        assert!(
            !["57014", "23505", "25P02", "42601", "25P03"]
                .into_iter()
                .any(may_help)
        );
        assert!(reason(&Failure::plain("without a code")).is_none());
    }
}
