//! The report as one HTML page.

use maud::{Markup, html};

use super::super::html::{self, Answer, icon, prose};
use super::Report;
use super::sections::{
    Block, NOT_COMPARED, Section, ValueRow, evidence, evidence_of, freshness, sections, tier,
};
use crate::readiness::human_time::day_and_time;
use crate::readiness::{Cell, CellStatus, Proof, Status};
use pgseal_verify::format::statement::title;
use pgseal_verify::format::version::PGSEAL;

/// Renders the page.
pub fn text(report: &Report) -> String {
    let (word, name, made) = (
        report.verdict.status,
        name(report),
        day_and_time(report.facts.now),
    );
    let (class, icon) = match word {
        Status::Ready => ("ready", icon::GO),
        Status::Blocked | Status::Held => ("blocked", icon::PAUSE),
        Status::Done => ("done", icon::TICK),
        Status::Stop => ("stop", icon::HALT),
    };
    let summary = report
        .facts
        .release
        .as_ref()
        .map(|release| release.manifest.release.summary.as_str());
    let footer = [
        &format!(
            "This page says what was known on {made}. It asks no server and opens no gate: a run asks everything again."
        ),
        &format!(
            "pgseal {PGSEAL}. No script, no network, nothing hidden: folded parts open with a click."
        ),
    ];
    Answer {
        title: &format!("{}: {name}", word.as_str()),
        class,
        icon,
        made: &format!("Release report, made {made}"),
        name: &name,
        summary,
        word: word.as_str(),
        sentence: &report.verdict.sentence,
        footer: footer.map(String::as_str),
    }
    .page(&html! { @for one in sections(report) { (section(report, &one)) } })
}

/// Name and version of the release; the file name if the file is not authentic.
pub fn name(report: &Report) -> String {
    match &report.facts.release {
        Some(release) => title(
            &release.manifest.release.name,
            &release.manifest.release.version,
        ),
        None => report.facts.file.clone(),
    }
}

fn section(report: &Report, section: &Section) -> Markup {
    let content = html! { @for one in &section.blocks { (block(report, one)) } };
    let content = match section.folded {
        Some(label) => html! { details { summary { (label) } (content) } },
        None => content,
    };
    html::section(section.id, section.heading, &content)
}

fn block(report: &Report, block: &Block) -> Markup {
    match block {
        Block::Text(text) => html! { p { (text) } },
        Block::Note(text) => html! { p.note { (text) } },
        Block::Questions(questions) => html! {
            dl.owner { @for (question, answer) in questions { div {
                dt { (question) }
                @for text in answer { dd { (text) } }
            } } }
        },
        Block::Tasks(tasks) => html! {
            ol.todo { @for task in tasks { li { p { (prose(task)) } } } }
        },
        Block::Commands(commands) => html! {
            ol { @for one in commands { li {
                p { (one.purpose) ":" }
                // Each word is a separate element, so that lines break between words and not at
                // hyphens.
                p.command { code { @for word in one.line.split(' ') { span { (word) } " " } } }
            } } }
        },
        Block::Steps(steps) => html! { ol { @for step in steps { li { (prose(step)) } } } },
        Block::Matrix => table(
            "matrix",
            &["Question", "Answer"],
            &html! {
                @for cell in &report.matrix.cells { (question(report, cell)) }
            },
        ),
        Block::Timeline(turns) => html! {
            ol.timeline { @for turn in turns { li {
                p.about { (if turn.about.is_empty() { &turn.name } else { &turn.about }) }
                p.took { (tier(turn)) }
            } } }
        },
        Block::Values(heads, rows) => {
            let columns: Vec<&str> = std::iter::once("Value").chain(*heads).collect();
            table(
                "values",
                &columns,
                &html! { @for one in rows { (row(one, heads)) } },
            )
        }
        Block::People(people) => {
            html! { ul.people { @for (who, said) in people { li { strong { (who) } " " (said) } } } }
        }
        Block::Rehearsal(steps) => html! {
            ol.rehearsal { @for (name, ok, detail) in steps { li {
                strong { (name) } " "
                @if *ok { span.held { "✓ held" } } @else { span.failed { "✕ did not hold" } }
                " " (detail)
            } } }
        },
        Block::Evidence => html! {
            ol.evidence { @for (at, proof) in evidence(report).into_iter().enumerate() {
                li id={ "evidence-" (at + 1) } { (piece(proof)) }
            } }
        },
        Block::ReadinessFacts(facts) => {
            html! { dl { @for (term, what) in facts { div { dt { (term) } dd { (what) } } } } }
        }
        Block::Uncounted(files) => html! {
            h3 { "Files that count for nothing" }
            ul { @for (name, why) in files { li { (name) ": " (why) } } }
        },
    }
}

/// Renders a table. The roles are explicit because browsers drop them when a narrow screen shows
/// rows as cards.
fn table(id: &str, heads: &[&str], rows: &Markup) -> Markup {
    html! {
        table class=(id) role="table" aria-labelledby=(id) {
            thead role="rowgroup" { tr role="row" {
                @for head in heads { th scope="col" role="columnheader" { (head) } }
            } }
            tbody role="rowgroup" { (rows) }
        }
    }
}

fn question(report: &Report, cell: &Cell) -> Markup {
    let (class, shape) = match cell.mark {
        CellStatus::Go => ("badge go", "✓"),
        CellStatus::NotNeeded => ("badge none", "–"),
        CellStatus::NoGo | CellStatus::Held => ("badge wait", "‖"),
        CellStatus::Stop(_) => ("badge halt", "✕"),
        CellStatus::Unknown => ("badge unknown", "?"),
    };
    html! {
        tr role="row" {
            th scope="row" role="rowheader" { span.title { (cell.row.title()) } " " span.question { (cell.row.question()) } }
            td role="cell" {
                p.answer {
                    span class=(class) { span aria-hidden="true" { (shape) } " " (cell.mark.as_str()) } " "
                    (prose(&cell.says))
                }
                @if !cell.excerpt.is_empty() { pre { @for line in &cell.excerpt { (line) "\n" } } }
                p.proof {
                    (freshness(report, cell))
                    @for (number, proof) in evidence_of(report, cell) {
                        a href={ "#evidence-" (number) } { "[" (number) "] " (proof.of.as_str()) } " "
                    }
                }
                @if !cell.details.is_empty() {
                    details { summary { "Details" } ul { @for line in &cell.details { li { (line) } } } }
                }
            }
        }
    }
}

fn row(value: &ValueRow, heads: &[&str; 3]) -> Markup {
    html! {
        tr role="row" class=(if value.changes { "changes" } else { "stays" }) {
            th scope="row" role="rowheader" { (value.name) }
            @for (at, (head, text)) in heads.iter().zip(&value.cells).enumerate() {
                // Narrow screens show the column head next to each value.
                td role="cell" data-head=(head) {
                    @if at == value.now { span.now { (text) } (holds(value)) } @else { (text) }
                }
            }
        }
    }
}

fn holds(value: &ValueRow) -> Markup {
    let (class, shape, words) = match value.holds {
        Some(true) => ("held", " ✓", "as expected"),
        Some(false) => ("failed", " ✕", "not as expected"),
        None if value.is_relative => return html! { span class="note" { (NOT_COMPARED) } },
        None => return Markup::default(),
    };
    html! { span class=(class) { span aria-hidden="true" { (shape) } span.aloud { (words) } } }
}

fn piece(proof: &Proof) -> Markup {
    let (first, rest) = proof.of.as_str().split_at(1);
    html! {
        p {
            strong { (first.to_uppercase()) (rest) } ": " (proof.name)
            @if let Some(at) = proof.at { ", " (day_and_time(at)) }
        }
        @if let Some(sha256) = proof.sha256 { p.digest { "SHA-256 " code { (sha256) } } }
        @for key in &proof.keys { p.digest { "key " code { (key) } } }
    }
}
