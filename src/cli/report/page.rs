//! The report as one HTML page.

use super::super::html::{self, Html, icon};
use super::Report;
use super::sections;
use crate::matrix::Word;
use crate::matrix::words::day_and_time;
use pgseal_verify::format::statement::title;
use pgseal_verify::format::version::PGSEAL;

/// The page.
pub fn text(report: &Report) -> String {
    let title = format!("{}: {}", report.verdict.word.as_str(), name(report));
    html::page(&title, class(report.verdict.word), |html| body(report, html))
}

/// What the release is called; of a file that is not authentic only the file's name is known.
pub fn name(report: &Report) -> String {
    match &report.facts.release {
        Some(release) => title(&release.manifest.release.name, &release.manifest.release.version),
        None => report.facts.file.clone(),
    }
}

fn body(report: &Report, html: &mut Html) {
    html.leaf("a", &[("class", "skip"), ("href", "#main")], "Skip to the answer");
    let made = day_and_time(report.facts.now);
    html.element("header", &[], |html| {
        html.leaf("p", &[("class", "made")], &format!("Release report, made {made}"));
        html.element("p", &[("class", "name")], |html| html.text(&name(report)));
        if let Some(release) = &report.facts.release {
            html.leaf("p", &[("class", "summary")], &release.manifest.release.summary);
        }
    });
    html.element("main", &[("id", "main")], |html| {
        html.element("section", &[("class", "word"), ("aria-labelledby", "word")], |html| {
            html.fixed(icon(report.verdict.word));
            html.leaf("h1", &[("id", "word")], report.verdict.word.as_str());
            html.element("p", &[], |html| html.prose(&report.verdict.sentence));
        });
        sections::write(report, html);
    });
    html.element("footer", &[], |html| {
        html.leaf("p", &[], &format!(
            "This page says what was known on {made}. It asks nobody and opens nothing: whoever runs the release is asked everything again."
        ));
        html.leaf("p", &[], &format!("pgseal {PGSEAL}. No script, no network, nothing hidden: what is folded away opens with a click."));
    });
}

fn class(word: Word) -> &'static str {
    match word {
        Word::Ready => "ready",
        Word::Blocked => "blocked",
        Word::Done => "done",
        Word::Stop => "stop",
    }
}

fn icon(word: Word) -> &'static str {
    match word {
        Word::Ready => icon::GO,
        Word::Blocked => icon::PAUSE,
        Word::Done => icon::TICK,
        Word::Stop => icon::HALT,
    }
}
