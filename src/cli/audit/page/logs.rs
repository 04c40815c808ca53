//! The logs of the archives, with their signed checkpoints.

use maud::Markup;

use super::history::signers;
use super::table::{Cell, Column, table};
use crate::audit::file_facts::LogFacts;
use crate::audit::{Finding, Report};
use crate::cli::html;
use pgseal_verify::plural::count;

/// Renders the section; empty if no archive has a log.
pub fn section(report: &Report) -> Markup {
    let log = |finding: &'_ Finding| finding.facts.as_ref()?.log.clone();
    let mut logs = report
        .findings
        .iter()
        .filter_map(|finding| Some((finding, log(finding)?)))
        .peekable();
    if logs.peek().is_none() {
        return Markup::default();
    }
    let columns = [
        Column::free("log"),
        Column::count("entries"),
        Column::free("checkpoint"),
        Column::free("leads on from"),
    ];
    let rows = logs.map(|(finding, log)| row(finding, log));
    html::section("logs", "Logs", &table(&columns, rows))
}

fn row(finding: &Finding, log: LogFacts) -> Vec<Cell> {
    let signed = match finding.is_faulty() {
        true => "see the faults above".to_owned(),
        false => format!("signed by {}", signers(finding)),
    };
    let kept = match log.compared {
        0 => "no checkpoint that was kept elsewhere".to_owned(),
        compared => format!("{} kept elsewhere", count(compared, "checkpoint")),
    };
    vec![
        Cell::from(log.origin),
        Cell::from(log.entries.to_string()),
        Cell::with(finding.path.clone(), signed),
        Cell::from(kept),
    ]
}
