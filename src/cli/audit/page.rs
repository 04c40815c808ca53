//! An audit as one HTML page, for people: how it stands, what is wrong, which releases there are. What programs want is in
//! the lines and in Parquet; a page of a hundred thousand rows helps nobody.

mod releases;

use super::text::sum;
use crate::audit::report::Summary;
use crate::audit::{Fault, Finding, Judge, Kind, Report};
use crate::cli::html::{self, Html, icon, section};
use crate::format::version::PGSEAL;
use crate::matrix::words::day_and_time;
use crate::words;

/// So many rows a table has at most.
const ROWS: usize = 1_000;

/// The page.
pub fn text(report: &Report, summary: &Summary, judge: &Judge<'_>) -> String {
    let word = word(summary);
    let class = if summary.faults == 0 { "ready" } else { "stop" };
    html::page(&format!("Audit: {word}"), class, |html| {
        html.leaf("a", &[("class", "skip"), ("href", "#main")], "Skip to the answer");
        html.element("header", &[], |html| {
            html.leaf("p", &[("class", "made")], &format!("Archive audit, made {}", day_and_time(judge.now)));
            html.leaf("p", &[("class", "name")], &format!("Judged as of {}", day_and_time(report.as_of)));
        });
        html.element("main", &[("id", "main")], |html| {
            html.element("section", &[("class", "word"), ("aria-labelledby", "word")], |html| {
                html.fixed(if summary.faults == 0 { icon::TICK } else { icon::HALT });
                html.leaf("h1", &[("id", "word")], &word);
                html.leaf("p", &[], &format!("{}.", sum(summary)));
            });
            sections(report, summary, html);
        });
        html.element("footer", &[], |html| {
            let (version, sha256) = (judge.root.document().version, judge.root.digest());
            html.leaf("p", &[], &format!("Judged by version {version} of the trust root, SHA-256 {sha256}."));
            html.leaf("p", &[], &format!("pgseal {PGSEAL}. No script, no network, nothing hidden."));
        });
    })
}

fn word(summary: &Summary) -> String {
    if summary.faults == 0 { "No fault".to_owned() } else { words::count(summary.faults, "fault") }
}

fn sections(report: &Report, summary: &Summary, html: &mut Html) {
    let counts = |kinds: Vec<(String, usize)>| kinds.into_iter().map(|(kind, count)| vec![kind, count.to_string()]);
    if summary.faults > 0 {
        section(html, "fault-kinds", "Faults by kind", |html| {
            let kinds = summary.fault_kinds.iter().map(|(kind, count)| (kind.to_string(), *count)).collect();
            table(html, &["fault", "count"], counts(kinds));
        });
        section(html, "faults", "Faults", |html| said(report, |finding| &finding.faults, html));
    }
    if summary.notes > 0 {
        section(html, "notes", "Notes", |html| {
            html.leaf("p", &[("class", "note")], "What an auditor will want to know, and what is not wrong.");
            said(report, |finding| &finding.notes, html);
        });
    }
    releases::write(report, html);
    section(html, "files", "Files", |html| {
        let count = |kind: Kind| summary.kinds.get(&kind).copied().unwrap_or_default();
        let kinds = Kind::ALL.map(|kind| (kind.words().to_owned(), count(kind)));
        table(html, &["kind", "count"], counts(kinds.into_iter().filter(|(_, count)| *count > 0).collect()));
    });
}

fn said(report: &Report, of: impl Fn(&Finding) -> &Vec<Fault>, html: &mut Html) {
    let one =
        |finding: &Finding, fault: &Fault| vec![fault.kind.to_string(), finding.path.clone(), fault.sentence.clone()];
    let all = report.findings.iter().flat_map(|finding| of(finding).iter().map(move |fault| one(finding, fault)));
    table(html, &["what", "where", "why"], all);
}

/// The first column says what a row is about.
fn table(html: &mut Html, heads: &[&'static str], rows: impl Iterator<Item = Vec<String>>) {
    let (mut shown, mut more) = (0, 0);
    html.element("table", &[("class", "list")], |html| {
        html.element("thead", &[], |html| {
            html.element("tr", &[], |html| heads.iter().for_each(|head| html.leaf("th", &[("scope", "col")], head)));
        });
        html.element("tbody", &[], |html| {
            for row in rows {
                if shown == ROWS {
                    more += 1;
                    continue;
                }
                shown += 1;
                html.element("tr", &[], |html| {
                    for (at, (cell, head)) in row.iter().zip(heads).enumerate() {
                        match (at, *head) {
                            (0, _) => html.leaf("th", &[("scope", "row"), ("class", "what")], cell),
                            (_, "count") => html.leaf("td", &[("class", "count"), ("data-head", head)], cell),
                            _ => html.leaf("td", &[("data-head", head)], cell),
                        }
                    }
                });
            }
        });
    });
    if more > 0 {
        let rows = words::count(more, "more row");
        html.leaf("p", &[("class", "note")], &format!("{rows}: --jsonl and --parquet have all of them."));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_ends_and_says_so() {
        let mut html = Html::default();
        let rows = (0..ROWS + 3).map(|n| vec![n.to_string(), "<b>\u{202e}".to_owned()]);
        table(&mut html, &["what", "count"], rows);
        let page = html.finish();
        assert_eq!(page.matches("<tr>").count(), ROWS + 1);
        assert!(page.ends_with("3 more rows: --jsonl and --parquet have all of them.</p>"), "{page}");
        assert!(page.contains("&lt;b&gt;\\u{202e}") && !page.contains("<b>"));
    }
}
