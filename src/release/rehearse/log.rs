//! The log of a rehearsal's steps.

use std::time::Instant;

use super::Steps;
use super::error::RehearsalError;
use pgseal_verify::format::rehearsal::RehearsalStep;

/// Steps so far.
pub(super) struct Log<'a> {
    pub steps: &'a mut dyn Steps,
    pub done: Vec<RehearsalStep>,
}

impl Log<'_> {
    /// Runs a step. `body` returns its result, and its detail for the receipt.
    pub fn step<T>(
        &mut self,
        name: &str,
        body: impl FnOnce(&mut dyn Steps) -> Result<(T, String), RehearsalError>,
    ) -> Result<T, RehearsalError> {
        self.steps.begins(name);
        let started = Instant::now();
        let result = body(self.steps);
        let step = RehearsalStep {
            name: name.to_owned(),
            ok: result.is_ok(),
            // The detail of an error is added later, by `Rehearsed::because`.
            detail: result
                .as_ref()
                .map_or(String::new(), |(_, detail)| detail.clone()),
            milliseconds: started.elapsed().as_millis() as u64,
        };
        self.steps.ended(&step);
        self.done.push(step);
        result.map(|(value, _)| value)
    }

    /// Adds a step that only reports.
    pub fn report(&mut self, name: &str, detail: String) -> Result<(), RehearsalError> {
        self.step(name, |_| Ok(((), detail)))
    }
}
