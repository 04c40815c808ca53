//! Time limits for answers.

use std::io;
use std::time::{Duration, Instant};

/// Time limits of one answer, and the time used so far.
pub(super) struct Clock {
    /// Maximum time without a byte sent or received; `None` is no limit.
    silence: Option<Duration>,
    /// Maximum time for the whole answer; `None` is no limit.
    whole: Option<Duration>,
    begun: Instant,
    last_moved: Instant,
    moved: u64,
}

impl Clock {
    pub(super) fn start(silence: Option<Duration>, whole: Option<Duration>) -> Self {
        let now = Instant::now();
        Self {
            silence,
            whole,
            begun: now,
            last_moved: now,
            moved: 0,
        }
    }

    /// Whether the time for the whole answer is used up.
    pub(super) fn is_over(&self) -> bool {
        self.whole
            .is_some_and(|limit| self.begun.elapsed() >= limit)
    }

    /// The remaining time, given that `moved` bytes have passed through the socket. Fails if none
    /// remains.
    pub(super) fn left(&mut self, moved: u64) -> io::Result<Option<Duration>> {
        let now = Instant::now();
        if moved != self.moved {
            (self.moved, self.last_moved) = (moved, now);
        }
        let left = |limit: Option<Duration>, since| {
            limit.map(|limit| {
                (
                    limit.saturating_sub(now.saturating_duration_since(since)),
                    limit.as_secs(),
                )
            })
        };
        let (silence, whole) = (
            left(self.silence, self.last_moved),
            left(self.whole, self.begun),
        );
        let text = match (silence, whole) {
            (Some((Duration::ZERO, limit)), _) => format!("the server was silent for {limit} s"),
            (_, Some((Duration::ZERO, limit))) => {
                format!("the server gave no answer within {limit} s, whatever else it said")
            }
            _ => return Ok(silence.into_iter().chain(whole).map(|(left, _)| left).min()),
        };
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{text}, so the connection counts as lost"),
        ))
    }
}
