//! Time limits that run.

use std::future::Future as _;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// One.
pub(super) struct Clock {
    pub(super) limit: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Clock {
    pub(super) fn start(limit: Duration) -> Self {
        Self { limit, sleep: Box::pin(sleep(limit)) }
    }

    pub(super) fn restart(&mut self) {
        self.sleep.as_mut().reset(Instant::now() + self.limit);
    }

    pub(super) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.sleep.as_mut().poll(cx).is_ready()
    }
}
