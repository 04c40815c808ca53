//! Results of the tested points.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::line::Step;
use super::point::{Point, Side};
use super::worker::Seen;

#[derive(Default)]
pub struct Report {
    kinds: BTreeMap<(String, String), Kind>,
    pub failures: Vec<String>,
    traces: String,
}

#[derive(Default)]
struct Kind {
    points: usize,
    missed: usize,
    orphans: usize,
    codes: BTreeMap<String, usize>,
    longest: Duration,
}

impl Report {
    /// Adds the messages of a reference command.
    pub fn trace(&mut self, name: &str, steps: &[Step]) {
        let count = |side| steps.iter().filter(|step| step.side == side).count();
        let connections = steps
            .iter()
            .map(|step| step.connection)
            .max()
            .unwrap_or_default();
        let (front, back) = (count(Side::Front), count(Side::Back));
        let _ = writeln!(
            self.traces,
            "{name}: {} steps, {front} messages of pgseal, {back} of the server, {connections} connections",
            super::point::count(steps)
        );
    }

    pub fn seen(&mut self, scenario: &str, point: &Point, seen: &Seen) {
        let key = (
            format!("{scenario} {}", point.action.as_str()),
            point.kind(),
        );
        let kind = self.kinds.entry(key).or_default();
        kind.points += 1;
        kind.missed += usize::from(!seen.struck);
        kind.orphans += usize::from(seen.orphan);
        let code = seen
            .code
            .map_or("killed".to_owned(), |code| code.to_string());
        *kind.codes.entry(code).or_default() += 1;
        kind.longest = kind.longest.max(seen.elapsed);
    }

    pub fn failed(&mut self, scenario: &str, point: &Point, why: &str) {
        self.failures.push(format!("{scenario} {point}: {why}"));
    }

    pub fn points(&self) -> usize {
        self.kinds.values().map(|kind| kind.points).sum::<usize>() + self.failures.len()
    }

    /// Counts the points whose message never passed.
    pub fn missed(&self) -> usize {
        self.kinds.values().map(|kind| kind.missed).sum()
    }

    pub fn text(&self, elapsed: Duration) -> String {
        let mut text = format!("{}\n", self.traces);
        let (mut before, mut sum) = (String::new(), 0);
        for ((command, name), kind) in &self.kinds {
            if *command != before {
                let _ = writeln!(text, "{command}");
                before.clone_from(command);
            }
            sum += kind.points;
            let codes: Vec<String> = kind
                .codes
                .iter()
                .map(|(code, count)| format!("{code}: {count}"))
                .collect();
            let _ = write!(
                text,
                "  {:>5}  {name:<44} exit {}",
                kind.points,
                codes.join(", ")
            );
            let _ = write!(text, "; longest {:.1} s", kind.longest.as_secs_f64());
            if kind.missed > 0 {
                let _ = write!(text, "; {} came to nothing", kind.missed);
            }
            if kind.orphans > 0 {
                let _ = write!(text, "; {} sessions ended with the network", kind.orphans);
            }
            text.push('\n');
        }
        let failed = self.failures.len();
        let _ = writeln!(
            text,
            "\n{} points, {failed} failed, {:.0} s",
            sum + failed,
            elapsed.as_secs_f64()
        );
        for failure in &self.failures {
            let _ = writeln!(text, "\nFAILED {failure}");
        }
        text
    }
}
