//! The report as Markdown: for a terminal, a ticket, a mail.

use std::fmt::Write as _;

use super::super::output::escape;
use super::Report;
use super::page::name;
use super::sections::{Evidence, facts, freshness, people, steps};
use crate::matrix::words::day_and_time;
use crate::matrix::{Cell, Proof, ReleaseFacts, Word, timeline, values};

/// The text.
pub fn text(report: &Report) -> String {
    let mut lines = Lines::default();
    let verdict = &report.verdict;
    lines.line(format!("# {}: {}", verdict.word.as_str(), inline(&name(report))));
    lines.paragraph(inline(&verdict.sentence));
    if let Some(release) = &report.facts.release {
        lines.paragraph(inline(&release.manifest.release.summary));
    }
    lines.paragraph(format!(
        "Made {} by pgseal {}.",
        day_and_time(report.facts.now),
        pgseal_verify::format::version::PGSEAL
    ));
    missing(report, &mut lines);
    if !verdict.then.is_empty() {
        lines.heading(match verdict.word {
            Word::Ready => "What happens when it runs",
            Word::Blocked => "What happens then",
            Word::Done | Word::Stop => "What happens now",
        });
        verdict.then.iter().enumerate().for_each(|(at, step)| lines.line(format!("{}. {}", at + 1, prose(step))));
    }
    let evidence = Evidence::of(report);
    matrix(report, &evidence, &mut lines);
    if let Some(release) = &report.facts.release {
        tiers(release, &mut lines);
        before_and_after(release, &mut lines);
        who(release, &mut lines);
    }
    lines.heading("Evidence");
    evidence.numbered().for_each(|(number, proof)| lines.line(format!("{number}. {}", piece(proof))));
    if let Some(release) = &report.facts.release {
        lines.heading("Technical details");
        facts(report, release).into_iter().for_each(|(term, what)| lines.line(format!("- {term}: {}", inline(&what))));
        for (name, why) in &release.uncounted {
            lines.line(format!("- counts for nothing: {}: {}", inline(name), inline(why)));
        }
    }
    lines.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, text: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{text}");
    }

    fn paragraph(&mut self, text: impl std::fmt::Display) {
        self.line(format!("\n{text}"));
    }

    fn heading(&mut self, text: &str) {
        self.line(format!("\n## {text}\n"));
    }
}

fn missing(report: &Report, lines: &mut Lines) {
    if report.verdict.missing.is_empty() {
        return;
    }
    lines.heading(if report.verdict.word == Word::Stop { "What has to be mended" } else { "What opens it" });
    for (at, missing) in report.verdict.missing.iter().enumerate() {
        lines.line(format!("{}. {}", at + 1, prose(&missing.what)));
        if let Some(command) = &missing.command {
            lines.line(format!("   {}", fenced(command)));
        }
    }
}

fn matrix(report: &Report, evidence: &Evidence<'_>, lines: &mut Lines) {
    lines.heading("Matrix");
    lines.line("| question | answer | | evidence |\n|---|---|---|---|");
    for cell in &report.matrix.cells {
        lines.line(format!(
            "| {} | {} | {} | {}{} |",
            cell.row.title(),
            cell.mark.as_str(),
            in_table(&cell.says),
            freshness(report, cell),
            numbers(evidence, cell)
        ));
    }
    let open = report.matrix.cells.iter().filter(|cell| !cell.mark.is_clear());
    for cell in open.filter(|cell| !(cell.details.is_empty() && cell.excerpt.is_empty())) {
        lines.paragraph(format!("{}:\n", cell.row.title()));
        // Indented by four it is code, whatever stands in it.
        cell.excerpt.iter().for_each(|line| lines.line(format!("    {}", escape(line))));
        if !(cell.excerpt.is_empty() || cell.details.is_empty()) {
            lines.line("");
        }
        cell.details.iter().for_each(|detail| lines.line(format!("- {}", inline(detail))));
    }
}

fn numbers(evidence: &Evidence<'_>, cell: &Cell) -> String {
    evidence.numbers(cell).iter().map(|number| format!("({number})")).collect::<Vec<_>>().join(" ")
}

fn tiers(release: &ReleaseFacts, lines: &mut Lines) {
    lines.heading("Step by step");
    for (at, turn) in timeline(release).iter().enumerate() {
        let about = if turn.about.is_empty() { String::new() } else { format!("{} — ", inline(&turn.about)) };
        lines.line(format!("{}. {about}{}", at + 1, inline(&steps::said(turn))));
    }
}

fn before_and_after(release: &ReleaseFacts, lines: &mut Lines) {
    let done = release.in_effect().is_some();
    lines.heading("Before and after");
    let heads =
        if done { "| value | before | now | promised |" } else { "| value | now | expected now | promised after |" };
    lines.line(format!("{heads}\n|---|---|---|---|"));
    let cell = |text: &Option<String>| text.as_deref().map(inline).unwrap_or_default();
    for value in steps::sorted(&values(release)) {
        let verdict = match value.holds {
            Some(true) => " ✓",
            Some(false) => " ✕",
            None => "",
        };
        let now = format!("{}{verdict}", cell(&value.now));
        let (second, third) = if done { (cell(&value.before), now) } else { (now, cell(&value.baseline)) };
        lines.line(format!("| {} | {second} | {third} | {} |", inline(&value.name), cell(&value.finalized)));
    }
}

fn who(release: &ReleaseFacts, lines: &mut Lines) {
    lines.heading("Who signed and who approved");
    for signer in &release.signers {
        lines.line(format!("- {} signed the release{}", inline(&signer.owner), people::since(signer)));
    }
    for approver in &release.approvers {
        lines.line(format!("- {} {}", inline(&approver.owner), inline(&people::said(approver))));
    }
    lines.heading("Rehearsal");
    match release.newest_rehearsal() {
        None => lines.line("No signed rehearsal of this very release is here."),
        Some(kept) => {
            lines.line(format!("{}\n", inline(&people::summary(kept))));
            for (at, step) in kept.document.steps.iter().enumerate() {
                let verdict = if step.ok { "held" } else { "did not hold" };
                lines.line(format!("{}. {}: {verdict}: {}", at + 1, inline(&step.name), inline(&step.detail)));
            }
        }
    }
}

fn piece(proof: &Proof) -> String {
    let at = proof.at.map(|at| format!(", {}", day_and_time(at))).unwrap_or_default();
    let sha256 = proof.sha256.map(|digest| format!(", SHA-256 `{digest}`")).unwrap_or_default();
    let keys: String = proof.keys.iter().map(|key| format!(", key `{key}`")).collect();
    format!("{}: {}{at}{sha256}{keys}", proof.of.as_str(), inline(&proof.name))
}

/// Foreign text: one line, in which nothing means anything to Markdown, or to the HTML that it becomes.
fn inline(text: &str) -> String {
    escape(text).chars().fold(String::new(), |mut line, c| {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '!' | '~') {
            line.push('\\');
        }
        line.push(c);
        line
    })
}

/// The same, but for `commands` of ours in backquotes, as far as they come in pairs.
fn prose(text: &str) -> String {
    with_code(text, fenced)
}

/// In backquotes nothing is escaped, and a cell of a table still ends at a bar.
fn in_table(text: &str) -> String {
    with_code(text, |code| fenced(code).replace('|', "\\|"))
}

fn with_code(text: &str, code: impl Fn(&str) -> String) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return inline(text);
    }
    let part = |(at, part): (usize, &&str)| if at.is_multiple_of(2) { inline(part) } else { code(part) };
    parts.iter().enumerate().map(part).collect()
}

/// As it stands, between more backquotes than there are in a row in it.
fn fenced(code: &str) -> String {
    let code = escape(code);
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let blank = if longest > 0 { " " } else { "" };
    format!("{fence}{blank}{code}{blank}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_neither_markdown_nor_html() {
        assert_eq!(inline("<b>|[x](y)\u{202e}\n"), "\\<b\\>\\|\\[x\\](y)\\\\u{202e}\\\\u{a}");
        assert_eq!(prose("run `a|b` <now>"), "run `a|b` \\<now\\>");
        assert_eq!(in_table("run `a|b` | <now>"), "run `a\\|b` \\| \\<now\\>");
        assert_eq!((fenced("a"), fenced("'`'")), ("`a`".to_owned(), "`` '`' ``".to_owned()));
        assert_eq!(prose("one ` alone"), "one \\` alone");
    }
}
