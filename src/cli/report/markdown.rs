//! The report as Markdown, for terminals, tickets and mail.

use std::fmt::Write as _;

use super::super::output::escape;
use super::Report;
use super::page::name;
use super::sections::{
    Block, NOT_COMPARED, ValueRow, evidence, evidence_of, freshness, sections, tier,
};
use crate::readiness::Proof;
use crate::readiness::human_time::day_and_time;
use pgseal_verify::format::version::PGSEAL;

/// Renders the report.
pub fn text(report: &Report) -> String {
    let verdict = &report.verdict;
    let mut lines = Lines::default();
    lines.line(format!(
        "# {}: {}",
        verdict.status.as_str(),
        inline(&name(report))
    ));
    lines.paragraph(inline(&verdict.sentence));
    if let Some(release) = &report.facts.release {
        lines.paragraph(inline(&release.manifest.release.summary));
    }
    lines.paragraph(format!(
        "Made {} by pgseal {PGSEAL}.",
        day_and_time(report.facts.now)
    ));
    for section in sections(report) {
        lines.paragraph(format!("## {}", section.heading));
        section
            .blocks
            .iter()
            .for_each(|one| block(report, one, &mut lines));
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

    fn list(&mut self, items: impl IntoIterator<Item = String>) {
        items
            .into_iter()
            .for_each(|item| self.line(format!("- {item}")));
    }

    fn numbered(&mut self, items: impl IntoIterator<Item = String>) {
        items
            .into_iter()
            .enumerate()
            .for_each(|(at, item)| self.line(format!("{}. {item}", at + 1)));
    }
}

fn block(report: &Report, block: &Block, lines: &mut Lines) {
    lines.line("");
    match block {
        Block::Text(text) => lines.line(inline(text)),
        Block::Note(text) => lines.line(text),
        Block::Questions(questions) => lines.list(questions.iter().map(|(question, answer)| {
            let answer: Vec<String> = answer.iter().map(|text| inline(text)).collect();
            format!("**{question}** {}", answer.join("\n  "))
        })),
        Block::Commands(commands) => lines.numbered(
            commands
                .iter()
                .map(|one| format!("{}:\n   {}", one.purpose, fenced(&one.line))),
        ),
        Block::Tasks(steps) | Block::Steps(steps) => {
            lines.numbered(steps.iter().map(|step| prose(step)))
        }
        Block::Matrix => matrix(report, lines),
        Block::Timeline(turns) => lines.numbered(turns.iter().map(|turn| {
            let about = if turn.about.is_empty() {
                String::new()
            } else {
                format!("{} — ", inline(&turn.about))
            };
            format!("{about}{}", inline(&tier(turn)))
        })),
        Block::Values(heads, rows) => values(heads, rows, lines),
        Block::People(people) => lines.list(
            people
                .iter()
                .map(|(who, said)| format!("{} {}", inline(who), inline(said))),
        ),
        Block::Rehearsal(steps) => lines.numbered(steps.iter().map(|(name, ok, detail)| {
            format!(
                "{}: {}: {}",
                inline(name),
                if *ok { "held" } else { "did not hold" },
                inline(detail)
            )
        })),
        Block::Evidence => lines.numbered(evidence(report).into_iter().map(piece)),
        Block::ReadinessFacts(facts) => lines.list(
            facts
                .iter()
                .map(|(term, what)| format!("{term}: {}", inline(what))),
        ),
        Block::Uncounted(files) => {
            lines.line("### Files that count for nothing\n");
            lines.list(
                files
                    .iter()
                    .map(|(name, why)| format!("{}: {}", inline(name), inline(why))),
            );
        }
    }
}

fn matrix(report: &Report, lines: &mut Lines) {
    lines.line("| question | answer | | evidence |\n|---|---|---|---|");
    for cell in &report.matrix.cells {
        let numbers: Vec<_> = evidence_of(report, cell)
            .iter()
            .map(|(number, _)| format!("({number})"))
            .collect();
        let (says, age) = (in_table(&cell.says), freshness(report, cell));
        lines.line(format!(
            "| {} | {} | {says} | {age}{} |",
            cell.row.title(),
            cell.mark.as_str(),
            numbers.join(" ")
        ));
    }
    let open = report
        .matrix
        .cells
        .iter()
        .filter(|cell| !cell.mark.is_clear());
    for cell in open.filter(|cell| !(cell.details.is_empty() && cell.excerpt.is_empty())) {
        lines.paragraph(format!("{}:\n", cell.row.title()));
        // Any text indented by four columns is code.
        cell.excerpt
            .iter()
            .for_each(|line| lines.line(format!("    {}", escape(line))));
        if !(cell.excerpt.is_empty() || cell.details.is_empty()) {
            lines.line("");
        }
        lines.list(cell.details.iter().map(|detail| inline(detail)));
    }
}

fn values(heads: &[&str; 3], rows: &[ValueRow], lines: &mut Lines) {
    lines.line(format!(
        "| Value | {} |\n|---|---|---|---|",
        heads.join(" | ")
    ));
    for row in rows {
        let mut cells = row.cells.each_ref().map(|text| inline(text));
        cells[row.now].push_str(match row.holds {
            Some(true) => " ✓",
            Some(false) => " ✕",
            None if row.is_relative => NOT_COMPARED,
            None => "",
        });
        lines.line(format!("| {} | {} |", inline(&row.name), cells.join(" | ")));
    }
}

fn piece(proof: &Proof) -> String {
    let at = proof
        .at
        .map(|at| format!(", {}", day_and_time(at)))
        .unwrap_or_default();
    let sha256 = proof
        .sha256
        .map(|digest| format!(", SHA-256 `{digest}`"))
        .unwrap_or_default();
    let keys: String = proof
        .keys
        .iter()
        .map(|key| format!(", key `{key}`"))
        .collect();
    format!(
        "{}: {}{at}{sha256}{keys}",
        proof.of.as_str(),
        inline(&proof.name)
    )
}

/// Escapes foreign text to one line that Markdown, and the HTML made from it, take literally.
fn inline(text: &str) -> String {
    escape(text).chars().fold(String::new(), |mut line, c| {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '!' | '~'
        ) {
            line.push('\\');
        }
        line.push(c);
        line
    })
}

/// Like [`inline`], but keeps our own `commands` in backquotes if the backquotes are balanced.
fn prose(text: &str) -> String {
    with_code(text, fenced)
}

/// Like [`prose`] for a table cell: nothing is escaped in backquotes, but a bar would still end the
/// cell.
fn in_table(text: &str) -> String {
    with_code(text, |code| fenced(code).replace('|', "\\|"))
}

fn with_code(text: &str, code: impl Fn(&str) -> String) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return inline(text);
    }
    let part = |(at, part): (usize, &&str)| {
        if at.is_multiple_of(2) {
            inline(part)
        } else {
            code(part)
        }
    };
    parts.iter().enumerate().map(part).collect()
}

/// Puts code between more backquotes than its own longest run of them.
fn fenced(code: &str) -> String {
    let code = escape(code);
    let longest = code
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let blank = if longest > 0 { " " } else { "" };
    format!("{fence}{blank}{code}{blank}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_neither_markdown_nor_html() {
        assert_eq!(
            inline("<b>|[x](y)\u{202e}\n"),
            "\\<b\\>\\|\\[x\\](y)\\\\u{202e}\\\\u{a}"
        );
        assert_eq!(prose("run `a|b` <now>"), "run `a|b` \\<now\\>");
        assert_eq!(in_table("run `a|b` | <now>"), "run `a\\|b` \\| \\<now\\>");
        assert_eq!(
            (fenced("a"), fenced("'`'")),
            ("`a`".to_owned(), "`` '`' ``".to_owned())
        );
        assert_eq!(prose("one ` alone"), "one \\` alone");
    }
}
