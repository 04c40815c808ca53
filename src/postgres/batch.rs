//! A batch on its way: what the server has answered so far.

use std::pin::Pin;
use std::task::{Context, Poll};

use ::tokio_postgres::{SimpleQueryMessage, SimpleQueryStream};
use futures_core::Stream as _;

use super::error;
use crate::database::{BatchAnswer, DatabaseError, Notice};

/// Several statements of one message, from sending to the end of the answer.
pub(super) struct Flight {
    stream: Pin<Box<SimpleQueryStream>>,
    /// How many statements it has, or more.
    pub statements: u32,
    answer: BatchAnswer,
    end: Option<Result<(), DatabaseError>>,
    /// What was said while it ran.
    pub notices: Vec<Notice>,
}

impl Flight {
    pub(super) fn new(stream: SimpleQueryStream, statements: u32) -> Self {
        Self { stream: Box::pin(stream), statements, answer: BatchAnswer::default(), end: None, notices: Vec::new() }
    }

    /// Takes everything that is there. Rows are dropped; an error is kept, and whatever comes until the server is ready
    /// again is still read.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) {
        while self.end.is_none() {
            match self.stream.as_mut().poll_next(cx) {
                Poll::Pending => return,
                Poll::Ready(None) => self.end = Some(Ok(())),
                Poll::Ready(Some(Ok(SimpleQueryMessage::CommandComplete(rows)))) => self.answer.rows.push(rows),
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(e))) => match error::convert(&e, 0) {
                    DatabaseError::Server(error) => self.answer.error = Some(error),
                    lost => self.end = Some(Err(lost)),
                },
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.end.is_some()
    }

    /// How many statements are complete: the index of the one that runs now.
    pub(super) fn complete(&self) -> usize {
        self.answer.rows.len()
    }

    /// Must be done.
    pub(super) fn into_answer(self) -> Result<BatchAnswer, DatabaseError> {
        match self.end {
            Some(Err(lost)) => Err(lost),
            _ => Ok(self.answer),
        }
    }
}
