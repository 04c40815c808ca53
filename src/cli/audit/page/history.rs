//! The history of each database: one row per signed run and rollback, the oldest first.

use maud::Markup;

use super::table::{Cell, Column, table};
use crate::audit::file_facts::ReceiptFacts;
use crate::audit::{Finding, Report};
use crate::cli::audit::text::ended;
use crate::cli::html;
use crate::readiness::human_time::{day_and_time, listed};

/// Renders the section; empty if there are no signed receipts.
pub fn section(report: &Report) -> Markup {
    let mut rows: Vec<(&Finding, &ReceiptFacts)> = report
        .findings
        .iter()
        .filter(|finding| !finding.is_faulty() && !finding.is_unsigned())
        .filter_map(|finding| Some((finding, finding.facts.as_ref()?.receipt.as_ref()?)))
        .collect();
    if rows.is_empty() {
        return Markup::default();
    }
    rows.sort_by_key(|(finding, receipt)| {
        let database = (&receipt.database, &receipt.system_identifier);
        (database, receipt.started, receipt.finished, &finding.path)
    });
    let columns = [
        Column::free("database"),
        Column::own("time"),
        Column::free("what"),
        Column::own("outcome"),
        Column::free("who"),
        Column::free("values before and after"),
        Column::free("receipt"),
    ];
    let rows = rows
        .into_iter()
        .map(|(finding, receipt)| row(finding, receipt));
    html::section("history", "Runs and rollbacks", &table(&columns, rows))
}

fn row(finding: &Finding, receipt: &ReceiptFacts) -> Vec<Cell> {
    let release = finding
        .facts
        .as_ref()
        .and_then(|facts| facts.release.as_ref());
    let title = release.map(|release| release.title()).unwrap_or_default();
    let database = match &receipt.system_identifier {
        Some(system) => Cell::with(receipt.database.clone(), format!("system {system}")),
        None => Cell::from(receipt.database.clone()),
    };
    vec![
        database,
        Cell::from(day_and_time(receipt.started)),
        Cell::from(format!("{} of {title}", receipt.action.as_str())),
        Cell::from(ended(receipt.outcome).to_owned()),
        Cell::from(format!("{}@{}", receipt.user, receipt.host)),
        Cell::from(receipt.values.clone()),
        Cell::with(
            finding.path.clone(),
            format!("signed by {}", signers(finding)),
        ),
    ]
}

/// The owners of the keys whose signatures count.
pub fn signers(finding: &Finding) -> String {
    let facts = finding.facts.iter().flat_map(|facts| &facts.signers);
    let counted = facts.filter(|signer| signer.why_not.is_none());
    let owners: Vec<&str> = counted.map(|signer| signer.owner.as_str()).collect();
    listed(&owners)
}
