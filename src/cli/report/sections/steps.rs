//! The tiers, and the values before and after.

use crate::cli::html::{Html, section};
use crate::matrix::words::count;
use crate::matrix::{ReleaseFacts, Took, TookIn, Turn, Value};

pub fn timeline(turns: &[Turn], html: &mut Html) {
    section(html, "timeline", "Step by step", |html| {
        html.element("ol", &[("class", "timeline")], |html| {
            for turn in turns {
                html.element("li", &[], |html| {
                    let about = if turn.about.is_empty() { &turn.name } else { &turn.about };
                    html.leaf("p", &[("class", "about")], about);
                    html.leaf("p", &[("class", "took")], &said(turn));
                });
            }
        });
        if let Some(took) = turns.iter().find_map(|turn| turn.took.as_ref()) {
            let where_from = match took.measured {
                TookIn::Run => "The times are of the run itself.",
                TookIn::Rehearsal => "The times are of the rehearsal, on a copy.",
            };
            html.leaf("p", &[("class", "note")], where_from);
        }
    });
}

/// Its name, how it is committed, and what it took.
pub fn said(turn: &Turn) -> String {
    let alone = if turn.alone { " · committed step by step" } else { "" };
    let took = turn.took.as_ref().map(|took| format!(" · {}", duration(took))).unwrap_or_default();
    format!("{}{alone}{took}", turn.name)
}

fn duration(took: &Took) -> String {
    let (seconds, rest) = (took.milliseconds / 1_000, took.milliseconds % 1_000 / 100);
    let time = if took.milliseconds < 100 { "less than 0.1 s".to_owned() } else { format!("{seconds}.{rest} s") };
    format!("{time} · {} · {}", count(took.statements, "statement"), count(took.rows, "row"))
}

pub fn values(values: &[Value], release: &ReleaseFacts, html: &mut Html) {
    let done = release.in_effect().is_some();
    section(html, "values", "Before and after", |html| {
        html.leaf(
            "p",
            &[("class", "note")],
            "These are the values that the release is judged by. What changes stands first.",
        );
        html.element("table", &[("class", "values"), ("role", "table"), ("aria-labelledby", "values")], |html| {
            let heads = if done { ["Before", "Now", "Promised"] } else { ["Now", "Expected now", "Promised after"] };
            html.element("thead", &[("role", "rowgroup")], |html| {
                html.element("tr", &[("role", "row")], |html| {
                    for head in ["Value"].iter().chain(&heads) {
                        html.leaf("th", &[("scope", "col"), ("role", "columnheader")], head);
                    }
                });
            });
            html.element("tbody", &[("role", "rowgroup")], |html| {
                sorted(values).into_iter().for_each(|value| row(value, done, heads, html));
            });
        });
    });
}

/// What changes first.
pub fn sorted(values: &[Value]) -> Vec<&Value> {
    let (stays, changes): (Vec<&Value>, Vec<&Value>) =
        values.iter().partition(|value| value.baseline == value.finalized);
    changes.into_iter().chain(stays).collect()
}

fn row(value: &Value, done: bool, heads: [&str; 3], html: &mut Html) {
    let changes = value.baseline != value.finalized;
    html.element("tr", &[("role", "row"), ("class", if changes { "changes" } else { "stays" })], |html| {
        html.leaf("th", &[("scope", "row"), ("role", "rowheader")], &value.name);
        let (first, second) = if done { (&value.before, &value.now) } else { (&value.now, &value.baseline) };
        for (at, (head, text)) in heads.into_iter().zip([first, second, &value.finalized]).enumerate() {
            // The head stands beside the value where the table's own head is out of sight.
            html.element("td", &[("role", "cell"), ("data-head", head)], |html| {
                let text = text.as_deref().unwrap_or("—");
                if at == usize::from(done) { now(value, text, html) } else { html.text(text) }
            });
        }
    });
}

fn now(value: &Value, text: &str, html: &mut Html) {
    html.leaf("span", &[("class", "now")], text);
    let (class, shape, words) = match value.holds {
        Some(true) => ("held", " ✓", "as expected"),
        Some(false) => ("failed", " ✕", "not as expected"),
        None => return,
    };
    html.element("span", &[("class", class)], |html| {
        html.leaf("span", &[("aria-hidden", "true")], shape);
        html.leaf("span", &[("class", "aloud")], words);
    });
}
