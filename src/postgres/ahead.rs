//! A message that went out without waiting for its answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use ::tokio_postgres::{Error, SimpleQueryStream};
use futures_core::Stream as _;

/// It, and what came of it so far.
pub(super) struct Ahead {
    stream: Pin<Box<SimpleQueryStream>>,
    /// The answer is complete.
    ended: Option<Result<(), Error>>,
}

impl Ahead {
    pub(super) fn new(stream: SimpleQueryStream) -> Self {
        Self { stream: Box::pin(stream), ended: None }
    }

    /// Takes of the answer what is there: the driver reads nothing behind it before that.
    pub(super) fn drain(&mut self, cx: &mut Context<'_>) {
        while self.ended.is_none() {
            match self.stream.as_mut().poll_next(cx) {
                Poll::Pending => return,
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => self.ended = Some(Err(error)),
                Poll::Ready(None) => self.ended = Some(Ok(())),
            }
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn into_result(self) -> Result<(), Error> {
        self.ended.unwrap_or(Ok(()))
    }
}
