//! Findings for people: one block for each rule. Each place begins a line as `file:line:column:`,
//! which editors jump to.

use super::severity;
use crate::bundle::problem::Problem;
use crate::cli::{Output, Paint, escape};
use crate::lint::Finding;
use crate::rules::Severity;
use pgseal_verify::plural::count;

/// Prints findings in their order, except for those that are acknowledged.
pub fn findings(findings: &[Finding], out: Output) {
    let open = findings.iter().filter(|one| one.acknowledged.is_none());
    let open: Vec<&Problem> = open.map(|finding| &finding.problem).collect();
    for block in open.chunk_by(|a, b| a.rule == b.rule) {
        match block {
            [only] => {
                out.line(format!("{}: {}", head(only, out), escape(&only.message)));
                hint(only, out);
            }
            _ => show_block(block, out),
        }
    }
}

/// Prints the rule with the words that all its places share, then the places with their own.
fn show_block(block: &[&Problem], out: Output) {
    let [first, ..] = block else { return };
    let has_one_message = block.iter().all(|one| one.message == first.message);
    let has_one_hint = block.iter().all(|one| one.hint == first.hint);
    let places = count(block.len(), "place");
    let message = match has_one_message {
        true => format!(": {}", first.message),
        false => String::new(),
    };
    out.line(escape(&format!("{}, {places}{message}", first.rule)));
    if has_one_hint {
        hint(first, out);
    }
    for problem in block {
        match has_one_message {
            true => out.line(head(problem, out)),
            false => out.line(format!(
                "{}: {}",
                head(problem, out),
                escape(&problem.message)
            )),
        }
        if !has_one_hint {
            hint(problem, out);
        }
    }
}

fn head(problem: &Problem, out: Output) -> String {
    let place = match problem.at {
        Some((line, column)) => format!("{}:{line}:{column}", problem.file),
        None => problem.file.clone(),
    };
    let severity = severity(problem);
    let paint = match severity {
        Severity::Error => Paint::Bad,
        Severity::Warning => Paint::Warning,
    };
    format!(
        "{}: {} [{}]",
        out.paint(Paint::Bold, escape(&place)),
        out.paint(paint, severity.as_str()),
        problem.rule
    )
}

fn hint(problem: &Problem, out: Output) {
    if let Some(hint) = &problem.hint {
        out.line(format!("    {}", escape(hint)));
    }
}
