//! The releases of an archive: one row per id, with the combined findings of all files.

use std::collections::{BTreeMap, BTreeSet};

use maud::Markup;

use super::table::{Cell, Column, table};
use crate::audit::cross_checks::{self, AttachedApprovals};
use crate::audit::file_facts::ReleaseFacts;
use crate::audit::{Finding, Judge, Kind, Report};
use crate::cli::audit::text::quorum;
use crate::cli::html;
use pgseal_verify::plural;

/// Combined findings about a release.
#[derive(Default)]
struct Seen<'a> {
    kinds: BTreeMap<Kind, usize>,
    signers: BTreeSet<&'a str>,
    approvers: BTreeSet<String>,
    quorum: BTreeSet<String>,
    then: bool,
    now: bool,
    faults: usize,
}

/// Renders the section; empty if there are no releases.
pub fn section(report: &Report, judge: &Judge<'_>) -> Markup {
    let beside = cross_checks::approval_files(&report.findings);
    let mut releases: BTreeMap<&ReleaseFacts, Seen<'_>> = BTreeMap::new();
    for finding in &report.findings {
        if let Some(release) = finding
            .facts
            .as_ref()
            .and_then(|facts| facts.release.as_ref())
        {
            releases
                .entry(release)
                .or_default()
                .add(finding, judge, &beside);
        }
    }
    if releases.is_empty() {
        return Markup::default();
    }
    let columns = [
        Column::free("release"),
        Column::count("sequence"),
        Column::own("files"),
        Column::free("signed by"),
        Column::free("approved by"),
        Column::own("authentic"),
        Column::count("faults"),
    ];
    // Releases of one name are ordered by sequence, since versions are arbitrary text.
    let mut releases: Vec<(&ReleaseFacts, Seen<'_>)> = releases.into_iter().collect();
    releases.sort_by_key(|(release, _)| (&release.name, release.sequence));
    html::section(
        "releases",
        "Releases",
        &table(
            &columns,
            releases.iter().map(|(release, seen)| row(release, seen)),
        ),
    )
}

impl<'a> Seen<'a> {
    fn add(&mut self, finding: &'a Finding, judge: &Judge<'_>, beside: &AttachedApprovals<'a>) {
        *self.kinds.entry(finding.kind).or_default() += 1;
        self.faults += finding.faults.len();
        let Some(facts) = finding
            .facts
            .as_ref()
            .filter(|_| finding.kind == Kind::Bundle)
        else {
            return;
        };
        self.then |= facts.then.authentic;
        self.now |= facts.now.authentic;
        let counted = facts
            .signers
            .iter()
            .filter(|signer| signer.why_not.is_none());
        self.signers
            .extend(counted.map(|signer| signer.owner.as_str()));
        let said = cross_checks::approvals_of(judge.root, finding.as_of, facts, beside)
            .into_iter()
            .filter(|said| said.counts);
        self.approvers
            .extend(said.map(|said| format!("{} as {}", said.owner, said.role)));
        self.quorum.extend(
            facts
                .quorum
                .iter()
                .map(|counted| format!("approvals{}", quorum(counted))),
        );
    }
}

fn row(release: &ReleaseFacts, seen: &Seen<'_>) -> Vec<Cell> {
    let files: Vec<String> = seen
        .kinds
        .iter()
        .map(|(kind, count)| plural::count(*count, kind.words()))
        .collect();
    let authentic = match (seen.kinds.contains_key(&Kind::Bundle), seen.then, seen.now) {
        (false, _, _) => "its bundle is not here",
        (true, true, true) => "then and now",
        (true, true, false) => "then, not now",
        (true, false, true) => "now, not then",
        (true, false, false) => "no",
    };
    vec![
        Cell::with(release.title(), release.id.to_string()),
        release.sequence.to_string().into(),
        files.join(", ").into(),
        seen.signers
            .iter()
            .copied()
            .collect::<Vec<_>>()
            .join(", ")
            .into(),
        Cell {
            text: joined(&seen.approvers, ", "),
            below: (!seen.quorum.is_empty()).then(|| joined(&seen.quorum, "; ")),
        },
        authentic.to_owned().into(),
        seen.faults.to_string().into(),
    ]
}

fn joined(texts: &BTreeSet<String>, between: &str) -> String {
    texts
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(between)
}
