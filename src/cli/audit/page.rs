//! An audit as one HTML page: outcome, faults and releases. It does not list all files, since a
//! page of a hundred thousand rows helps no reader; programs read JSON lines or Parquet.

mod history;
mod logs;
mod releases;
mod table;

use maud::{Markup, html};

use self::table::{Cell, Column, table};
use super::text::sum;
use crate::audit::report::Summary;
use crate::audit::{Fault, Finding, Judge, Kind, Report};
use crate::cli::html::{Answer, icon, section};
use crate::readiness::human_time::day_and_time;
use pgseal_verify::format::version::PGSEAL;
use pgseal_verify::plural;

/// Renders the page.
pub fn text(report: &Report, summary: &Summary, judge: &Judge<'_>) -> String {
    let (class, icon, word) = match summary.faults {
        0 => ("ready", icon::TICK, "No fault".to_owned()),
        faults => ("stop", icon::HALT, plural::count(faults, "fault")),
    };
    let (version, sha256) = (judge.root.document().version, judge.root.digest());
    Answer {
        title: &format!("Audit: {word}"),
        class,
        icon,
        made: &format!("Archive audit, made {}", day_and_time(judge.now)),
        name: &format!("Judged as of {}", day_and_time(report.as_of)),
        summary: None,
        word: &word,
        sentence: &format!("{}.", sum(summary)),
        footer: [
            &format!("Judged by version {version} of the trust root, SHA-256 {sha256}."),
            &format!("pgseal {PGSEAL}. No script, no network, nothing hidden."),
        ],
    }
    .page(&sections(report, summary, judge))
}

fn sections(report: &Report, summary: &Summary, judge: &Judge<'_>) -> Markup {
    let faults = summary
        .fault_kinds
        .iter()
        .map(|(kind, count)| (kind.as_str(), *count));
    let count = |kind: Kind| summary.kinds.get(&kind).copied().unwrap_or_default();
    let kinds = Kind::ALL
        .into_iter()
        .map(|kind| (kind.words(), count(kind)))
        .filter(|(_, count)| *count > 0);
    html! {
        @if summary.faults > 0 {
            (section("fault-kinds", "Faults by kind", &counts("fault", faults)))
            (section("faults", "Faults", &listed(report, |finding| &finding.faults)))
        }
        @if summary.notes > 0 {
            (section("notes", "Notes", &html! {
                p.note { "Remarks for the auditor that are no faults." }
                (listed(report, |finding| &finding.notes))
            }))
        }
        (releases::section(report, judge))
        (history::section(report))
        (logs::section(report))
        (section("files", "Files", &counts("kind", kinds)))
    }
}

fn counts<'a>(head: &'static str, counts: impl Iterator<Item = (&'a str, usize)>) -> Markup {
    let row = |(what, count): (&str, usize)| {
        vec![Cell::from(what.to_owned()), Cell::from(count.to_string())]
    };
    table(
        &[Column::own(head), Column::count("count")],
        counts.map(row),
    )
}

fn listed(report: &Report, of: impl Fn(&Finding) -> &[Fault]) -> Markup {
    let row = |finding: &Finding, fault: &Fault| {
        vec![
            Cell::from(fault.kind.to_string()),
            Cell::with(finding.path.clone(), fault.sentence.clone()),
        ]
    };
    let all = report
        .findings
        .iter()
        .flat_map(|finding| of(finding).iter().map(move |fault| row(finding, fault)));
    table(&[Column::own("what"), Column::free("where and why")], all)
}
