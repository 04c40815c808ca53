//! What stands below the word: what opens it, what happens then, the questions, the tiers, the values, the people, the
//! rehearsal, the evidence.

mod evidence;
pub mod people;
pub mod steps;

use super::super::html::{Html, section};
use super::Report;
use crate::matrix::words::{day_and_time, near, span};
use crate::matrix::{Cell, Mark, ReleaseFacts, Word, timeline, values};
pub use evidence::Evidence;

/// All of them, in order.
pub fn write(report: &Report, html: &mut Html) {
    let evidence = Evidence::of(report);
    missing(report, html);
    then(report, html);
    questions(report, &evidence, html);
    if let Some(release) = &report.facts.release {
        steps::timeline(&timeline(release), html);
        steps::values(&values(release), release, html);
        people::write(release, html);
        people::rehearsal(release, html);
    }
    evidence.write(html);
    technical(report, html);
}

fn missing(report: &Report, html: &mut Html) {
    let heading = match report.verdict.word {
        Word::Ready | Word::Done => return,
        Word::Blocked => "What opens it",
        Word::Stop => "What has to be mended",
    };
    if report.verdict.missing.is_empty() {
        return;
    }
    section(html, "missing", heading, |html| {
        html.element("ol", &[("class", "todo")], |html| {
            for missing in &report.verdict.missing {
                html.element("li", &[], |html| {
                    html.element("p", &[], |html| html.prose(&missing.what));
                    if let Some(command) = &missing.command {
                        html.element("p", &[("class", "command")], |html| self::command(command, html));
                    }
                });
            }
        });
    });
}

/// Its words are pieces of their own, so that a line ends between two of them, not at a hyphen.
fn command(command: &str, html: &mut Html) {
    html.element("code", &[], |html| {
        for word in command.split(' ') {
            html.leaf("span", &[], word);
            html.text(" ");
        }
    });
}

fn then(report: &Report, html: &mut Html) {
    let heading = match report.verdict.word {
        Word::Ready => "What happens when it runs",
        Word::Blocked => "What happens then",
        Word::Done | Word::Stop => "What happens now",
    };
    if report.verdict.then.is_empty() {
        return;
    }
    section(html, "then", heading, |html| {
        html.element("ol", &[], |html| {
            for step in &report.verdict.then {
                html.element("li", &[], |html| html.prose(step));
            }
        });
    });
}

/// Tables stand as cards on a narrow screen, where browsers forget that they are tables: so their roles are spelled out.
fn questions(report: &Report, evidence: &Evidence<'_>, html: &mut Html) {
    section(html, "matrix", "Nine questions and their answers", |html| {
        html.leaf(
            "p",
            &[("class", "note")],
            "Every answer rests on evidence, which it links to. Without evidence, or with \
            evidence that is too old, the answer is UNKNOWN, and that never counts as a yes.",
        );
        html.element("table", &[("class", "matrix"), ("role", "table"), ("aria-labelledby", "matrix")], |html| {
            html.element("thead", &[("role", "rowgroup")], |html| {
                html.element("tr", &[("role", "row")], |html| {
                    for head in ["Question", "Answer"] {
                        html.leaf("th", &[("scope", "col"), ("role", "columnheader")], head);
                    }
                });
            });
            html.element("tbody", &[("role", "rowgroup")], |html| {
                report.matrix.cells.iter().for_each(|cell| question(report, cell, evidence, html));
            });
        });
    });
}

fn question(report: &Report, cell: &Cell, evidence: &Evidence<'_>, html: &mut Html) {
    html.element("tr", &[("role", "row")], |html| {
        html.element("th", &[("scope", "row"), ("role", "rowheader")], |html| {
            html.leaf("span", &[("class", "title")], cell.row.title());
            html.text(" ");
            html.leaf("span", &[("class", "question")], cell.row.question());
        });
        html.element("td", &[("role", "cell")], |html| {
            html.element("p", &[("class", "answer")], |html| {
                badge(&cell.mark, html);
                html.text(" ");
                html.prose(&cell.says);
            });
            if !cell.excerpt.is_empty() {
                html.lines(&cell.excerpt);
            }
            html.element("p", &[("class", "proof")], |html| {
                html.text(&freshness(report, cell));
                evidence.links(cell, html);
            });
            if !cell.details.is_empty() {
                html.element("details", &[], |html| {
                    html.leaf("summary", &[], "Details");
                    html.element("ul", &[], |html| {
                        cell.details.iter().for_each(|line| html.leaf("li", &[], line));
                    });
                });
            }
        });
    });
}

/// The answer in a word and a shape.
pub fn badge(mark: &Mark, html: &mut Html) {
    let (class, shape) = match mark {
        Mark::Go => ("badge go", "✓"),
        Mark::NotNeeded => ("badge none", "–"),
        Mark::NoGo => ("badge wait", "‖"),
        Mark::Stop(_) => ("badge halt", "✕"),
        Mark::Unknown => ("badge unknown", "?"),
    };
    html.element("span", &[("class", class)], |html| {
        html.leaf("span", &[("aria-hidden", "true")], shape);
        html.text(" ");
        html.text(mark.as_str());
    });
}

/// How old the evidence is, and until when it counts.
pub fn freshness(report: &Report, cell: &Cell) -> String {
    let Some(at) = cell.at else { return "No evidence. ".to_owned() };
    let now = report.facts.now;
    let age = now.seconds() - at.seconds();
    let from = if age < 60 {
        "From less than a minute ago".to_owned()
    } else {
        format!("From {}, {} ago", day_and_time(at), span(age))
    };
    match cell.until {
        None => format!("{from}. "),
        Some(until) if now > until => format!("{from}; too old since {}. ", day_and_time(until)),
        Some(until) => format!("{from}; counts until {}. ", near(until, now)),
    }
}

fn technical(report: &Report, html: &mut Html) {
    html.element("section", &[("aria-labelledby", "technical")], |html| {
        html.leaf("h2", &[("id", "technical")], "Technical details");
        html.element("details", &[], |html| {
            html.leaf("summary", &[], "Release id, target, trust root, and files that count for nothing");
            let Some(release) = &report.facts.release else {
                html.leaf(
                    "p",
                    &[],
                    &format!("File {}. Nothing of it is shown, since it is not authentic.", report.facts.file),
                );
                return;
            };
            html.element("dl", &[], |html| {
                for (term, what) in facts(report, release) {
                    html.element("div", &[], |html| {
                        html.leaf("dt", &[], term);
                        html.leaf("dd", &[], &what);
                    });
                }
            });
            if release.uncounted.is_empty() {
                return;
            }
            html.leaf("h3", &[], "Files that count for nothing");
            html.element("ul", &[], |html| {
                release.uncounted.iter().for_each(|(name, why)| html.leaf("li", &[], &format!("{name}: {why}")));
            });
        });
    });
}

/// For who wants to look it up.
pub fn facts(report: &Report, release: &ReleaseFacts) -> Vec<(&'static str, String)> {
    let manifest = &release.manifest;
    let target = &manifest.target;
    let server = target.server.as_ref().map(|range| format!(", PostgreSQL {range}")).unwrap_or_default();
    let role = target.role.as_ref().map(|role| format!(", role {role}")).unwrap_or_default();
    let mut facts = vec![
        ("File", report.facts.file.clone()),
        ("Release id", release.release_id.to_string()),
        ("Sequence", manifest.release.sequence.to_string()),
        ("Made for", format!("database {}{server}{role}", target.database)),
        ("Trust root", format!("version {}, {}", release.trust.version, release.trust.sha256)),
    ];
    if let Some(answers) = release.answers() {
        let system = answers.target.system_identifier.as_deref().unwrap_or("unknown");
        let text = format!(
            "{}, PostgreSQL {}, system {system}, role {}",
            answers.target.database, answers.target.server_version, answers.target.role
        );
        facts.push(("Database asked", text));
    }
    facts.push(("Exit code", report.verdict.exit.to_string()));
    facts
}
