//! Time limits of waiting for an answer.

use std::io;
use std::time::{Duration, Instant};

/// The limits of one answer, and how much of them is used up.
pub(super) struct Clock {
    /// How long nothing may move; `None` is for ever.
    silence: Option<Duration>,
    /// How long all of it may take; `None` is for ever.
    whole: Option<Duration>,
    begun: Instant,
    last_moved: Instant,
    moved: u64,
}

impl Clock {
    pub(super) fn start(silence: Option<Duration>, whole: Option<Duration>) -> Self {
        let now = Instant::now();
        Self { silence, whole, begun: now, last_moved: now, moved: 0 }
    }

    /// Whether the time for the whole is used up.
    pub(super) fn is_over(&self) -> bool {
        self.whole.is_some_and(|limit| self.begun.elapsed() >= limit)
    }

    /// The time left, once `moved` bytes have moved on the socket. Fails when none is left.
    pub(super) fn left(&mut self, moved: u64) -> io::Result<Option<Duration>> {
        let now = Instant::now();
        if moved != self.moved {
            (self.moved, self.last_moved) = (moved, now);
        }
        let left = |limit: Option<Duration>, since| {
            limit.map(|limit| (limit.saturating_sub(now.saturating_duration_since(since)), limit.as_secs()))
        };
        let (silence, whole) = (left(self.silence, self.last_moved), left(self.whole, self.begun));
        let text = match (silence, whole) {
            (Some((Duration::ZERO, limit)), _) => format!("the server was silent for {limit} s"),
            (_, Some((Duration::ZERO, limit))) => {
                format!("the server gave no answer within {limit} s, whatever else it said")
            }
            _ => return Ok(silence.into_iter().chain(whole).map(|(left, _)| left).min()),
        };
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("{text}, so the connection counts as lost")))
    }
}
