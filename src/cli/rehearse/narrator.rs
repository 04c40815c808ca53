//! Reports a rehearsal in progress: one line per step, with the events of a step only if it failed.

use super::super::progress::Progress;
use super::super::{Output, Paint, escape};
use crate::release::rehearse::Steps;
use crate::release::{Event, Observer};
use pgseal_verify::format::rehearsal::RehearsalStep;

/// Observer that prints the steps.
pub struct Narrator {
    pub progress: Progress,
    pub out: Output,
}

impl Observer for Narrator {
    fn event(&mut self, event: Event<'_>) {
        self.progress.event(event);
    }
}

impl Steps for Narrator {
    fn begins(&mut self, name: &str) {
        self.progress.keep_lines(&escape(name));
    }

    fn ended(&mut self, step: &RehearsalStep) {
        let kept = self.progress.kept_lines();
        let (name, milliseconds) = (escape(&step.name), step.milliseconds);
        let notifier = self.progress.notifier();
        if step.ok {
            let done = self.out.paint(Paint::Good, "ok");
            let detail = escape(&first(&step.detail));
            notifier.line(format!("{done} {name}: {detail} ({milliseconds} ms)"));
            return;
        }
        let failed = self.out.paint(Paint::Bad, "FAILED");
        notifier.line(format!("{failed} {name} ({milliseconds} ms)"));
        kept.into_iter()
            .for_each(|line| notifier.line(format!("  {line}")));
    }
}

/// The first of several items and the number of the others; the receipt has all of them.
fn first(detail: &str) -> String {
    match detail.split_once("; ") {
        None => detail.to_owned(),
        Some((first, others)) => format!("{first}; and {} more", others.split("; ").count()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_line_a_step() {
        assert_eq!(super::first("complete"), "complete");
        assert_eq!(super::first("a: b; c; d"), "a: b; and 2 more");
    }
}
