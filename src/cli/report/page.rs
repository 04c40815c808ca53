//! The report as one HTML page: no script, no font, no image, nothing from elsewhere. Its policy lets in the one style that
//! is in it, by digest.

use base64ct::{Base64, Encoding};

use super::Report;
use super::html::Html;
use super::sections;
use crate::digest::Digest;
use crate::format::statement::title;
use crate::format::version::PGSEAL;
use crate::matrix::Word;
use crate::matrix::words::day_and_time;

/// The whole style sheet.
const STYLE: &str = include_str!("page.css");

/// The page.
pub fn text(report: &Report) -> String {
    let mut html = Html::default();
    html.fixed("<!DOCTYPE html>\n");
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| head(report, html));
        html.fixed("\n");
        html.element("body", &[("class", class(report.verdict.word))], |html| body(report, html));
    });
    html.fixed("\n");
    html.finish()
}

/// What the release is called; of a file that is not authentic only the file's name is known.
pub fn name(report: &Report) -> String {
    match &report.facts.release {
        Some(release) => title(&release.manifest.release.name, &release.manifest.release.version),
        None => report.facts.file.clone(),
    }
}

fn head(report: &Report, html: &mut Html) {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        Base64::encode_string(Digest::of(STYLE.as_bytes()).as_bytes())
    );
    html.empty("meta", &[("charset", "utf-8")]);
    html.empty("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
    html.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    html.empty("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    html.empty("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    html.leaf("title", &[], &format!("{}: {}", report.verdict.word.as_str(), name(report)));
    html.element("style", &[], |html| html.fixed(STYLE));
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

/// A shape for each word, so that the colour is not alone.
fn icon(word: Word) -> &'static str {
    match word {
        Word::Ready => {
            r#"<svg viewBox="0 0 48 48" aria-hidden="true" focusable="false"><circle cx="24" cy="24" r="21"/><path d="M18 14.5v19l15-9.5z"/></svg>"#
        }
        Word::Blocked => {
            r#"<svg viewBox="0 0 48 48" aria-hidden="true" focusable="false"><circle cx="24" cy="24" r="21"/><path d="M17 14h5v20h-5zM26 14h5v20h-5z"/></svg>"#
        }
        Word::Done => {
            r#"<svg viewBox="0 0 48 48" aria-hidden="true" focusable="false"><circle cx="24" cy="24" r="21"/><path d="M20.5 34.5l-9-9 3.6-3.6 5.4 5.4 12.4-12.4 3.6 3.6z"/></svg>"#
        }
        Word::Stop => {
            r#"<svg viewBox="0 0 48 48" aria-hidden="true" focusable="false"><path class="ground" d="M15.3 3h17.4L45 15.3v17.4L32.7 45H15.3L3 32.7V15.3z"/><path d="M21.5 11h5l-.8 17h-3.4zM21.5 32h5v5h-5z"/></svg>"#
        }
    }
}
