//! What was done so far, step by step.

use std::time::Instant;

use super::Steps;
use super::error::RehearsalError;
use pgseal_verify::format::rehearsal::RehearsalStep;

/// What a step gives, and what the receipt says of it.
pub(super) type Held<T> = Result<(T, String), RehearsalError>;

/// What was done so far.
pub(super) struct Log<'a> {
    pub steps: &'a mut dyn Steps,
    pub done: Vec<RehearsalStep>,
}

impl Log<'_> {
    pub fn step<T>(
        &mut self,
        name: &str,
        body: impl FnOnce(&mut dyn Steps) -> Held<T>,
    ) -> Result<T, RehearsalError> {
        self.steps.begins(name);
        let started = Instant::now();
        let held = body(self.steps);
        let (ok, detail) = match &held {
            Ok((_, detail)) => (true, detail.clone()),
            // Said where errors are told.
            Err(_) => (false, String::new()),
        };
        let milliseconds = started.elapsed().as_millis() as u64;
        let step = RehearsalStep {
            name: name.to_owned(),
            ok,
            detail,
            milliseconds,
        };
        self.steps.ended(&step);
        self.done.push(step);
        held.map(|(value, _)| value)
    }

    /// A step that only tells what was seen.
    pub fn tell(&mut self, name: &str, detail: String) {
        self.steps.begins(name);
        let step = RehearsalStep {
            name: name.to_owned(),
            ok: true,
            detail,
            milliseconds: 0,
        };
        self.steps.ended(&step);
        self.done.push(step);
    }
}
