//! A time at which the trust root lets no run begin, in words for people.

use super::facts::Blocker;
use super::human_time::day_and_time;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::window::Freeze;

impl Blocker {
    /// Waits for the end of a freeze, or for the next window. `next` is the first moment at which a
    /// run may begin.
    pub fn closed(self, freeze: Option<&Freeze>, next: Option<Timestamp>) -> Self {
        let reason = match (freeze, next) {
            (Some(freeze), Some(next)) if next > freeze.to => format!(
                "a freeze lasts until {}, and then no window is open until {}",
                day_and_time(freeze.to),
                day_and_time(next)
            ),
            (Some(freeze), _) => format!("a freeze lasts until {}", day_and_time(freeze.to)),
            (None, Some(next)) => format!("no window is open until {}", day_and_time(next)),
            (None, None) => "no window opens any more".to_owned(),
        };
        let hint = match next {
            Some(next) => format!(
                "A run may begin on {}, and `pgseal run FILE --wait` waits for it. A rollback may begin at any time.",
                day_and_time(next)
            ),
            None => "The trust root names no later moment at which a run may begin: ask the owners of its keys for a new version. A rollback may begin at any time."
                .to_owned(),
        };
        Self {
            hint: Some(hint),
            waits: true,
            reason: Some(reason),
            until: next,
            ..self
        }
    }
}
