//! An audit as one HTML page, for people: how it stands, what is wrong, which releases there are. What programs want is in
//! the lines and in Parquet; a page of a hundred thousand rows helps nobody.

mod releases;
mod table;

use self::table::{Cell, Column, table};
use super::text::sum;
use crate::audit::report::Summary;
use crate::audit::{Fault, Finding, Judge, Kind, Report};
use crate::cli::html::{self, Html, icon, section};
use crate::matrix::words::day_and_time;
use pgseal_verify::format::version::PGSEAL;
use pgseal_verify::words;

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
            sections(report, summary, judge, html);
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

fn sections(report: &Report, summary: &Summary, judge: &Judge<'_>, html: &mut Html) {
    if summary.faults > 0 {
        section(html, "fault-kinds", "Faults by kind", |html| {
            counts(html, "fault", summary.fault_kinds.iter().map(|(kind, count)| (kind.as_str(), *count)));
        });
        section(html, "faults", "Faults", |html| said(report, |finding| &finding.faults, html));
    }
    if summary.notes > 0 {
        section(html, "notes", "Notes", |html| {
            html.leaf("p", &[("class", "note")], "What an auditor will want to know, and what is not wrong.");
            said(report, |finding| &finding.notes, html);
        });
    }
    releases::write(report, judge, html);
    section(html, "files", "Files", |html| {
        let count = |kind: Kind| summary.kinds.get(&kind).copied().unwrap_or_default();
        let kinds = Kind::ALL.into_iter().map(|kind| (kind.words(), count(kind)));
        counts(html, "kind", kinds.filter(|(_, count)| *count > 0));
    });
}

fn counts<'a>(html: &mut Html, what: &'static str, counts: impl Iterator<Item = (&'a str, usize)>) {
    let row = |(what, count): (&str, usize)| vec![Cell::from(what.to_owned()), Cell::from(count.to_string())];
    table(html, &[Column::own(what), Column::count("count")], counts.map(row));
}

fn said(report: &Report, of: impl Fn(&Finding) -> &[Fault], html: &mut Html) {
    let row = |finding: &Finding, fault: &Fault| {
        vec![Cell::from(fault.kind.to_string()), Cell::with(finding.path.clone(), fault.sentence.clone())]
    };
    let all = report.findings.iter().flat_map(|finding| of(finding).iter().map(move |fault| row(finding, fault)));
    table(html, &[Column::own("what"), Column::free("where and why")], all);
}
