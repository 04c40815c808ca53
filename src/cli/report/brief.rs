//! The report in a dozen lines for a terminal: the word, the reasons and the commands.

use super::super::output::{Output, Paint, escape};
use super::Report;
use super::operator::{BACK, Command, commands, shortened};
use super::owner;
use super::page::name;
use crate::readiness::Status;

/// The first questions of an owner: duration, waiting users, the way back.
const OWNER: usize = 3;

/// Maximum number of tasks shown; the pages have all.
const TASKS: usize = 4;

/// Builds the lines.
pub fn lines(report: &Report, out: Output) -> Vec<String> {
    let (facts, verdict) = (&report.facts, &report.verdict);
    let mut lines = vec![
        headline(report, out),
        format!("  {}", escape(&name(report))),
    ];
    let missing = verdict.missing.iter();
    let tasks = missing.map(|one| one.what.clone());
    // Without a task, the next steps say what is possible.
    let tasks: Vec<String> = match verdict.missing.is_empty() {
        true => verdict
            .then
            .iter()
            .map(|text| shortened(facts, text))
            .collect(),
        false => tasks.collect(),
    };
    let release = facts.release.as_deref();
    if let (Status::Ready, Some(release)) = (verdict.status, release) {
        let questions = owner::questions(release).into_iter().take(OWNER);
        lines.extend(
            questions
                .map(|(question, answer)| format!("- {question} {}", escape(&answer.join(" ")))),
        );
    }
    let more = tasks.len().saturating_sub(TASKS);
    let shown = tasks.iter().take(TASKS);
    lines.extend(shown.map(|task| format!("- {}", escape(task))));
    lines.extend((more > 0).then(|| format!("- and {more} more")));
    let commands = commands(facts, verdict).into_iter();
    let is_next = |one: &Command| one.purpose != BACK || verdict.status == Status::Done;
    let commands = commands.filter(is_next).take(TASKS);
    lines.extend(commands.map(|one| format!("{}: {}", one.purpose, escape(&one.line))));
    lines.push("the whole report: -o report.html, or --format md".to_owned());
    lines
}

/// The word and the reason.
pub fn headline(report: &Report, out: Output) -> String {
    let verdict = &report.verdict;
    let paint = match verdict.status {
        Status::Ready | Status::Done => Paint::Good,
        _ => Paint::Bad,
    };
    let word = out.paint(paint, verdict.status.as_str());
    format!("{word} {}", escape(&verdict.sentence))
}
