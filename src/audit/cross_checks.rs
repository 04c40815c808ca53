//! Cross-checks over the whole archive.

mod approvals;
mod archive;
mod bundles;
mod definitions;
mod history;
mod places;
mod quorum;
mod rehearsals;
mod releases;
mod revoked;
mod rollouts;
mod runs;
mod same_second;
mod trust_roots;
mod uses;

use super::fault::{Fault, FaultKind};
use super::file;
use super::file_facts::FileFacts;
use super::finding::Finding;
use super::judge::Judge;
use super::kind::Kind;
use crate::trust::TrustRoot;
use archive::Archive;

pub use quorum::{AttachedApprovals, approval_files, approvals_of};

/// Coverage of the archive by the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// The whole archive: an absent file is missing.
    Whole,
    /// Files written since a given time: an absent file may be older.
    Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Fault,
    Note,
}

impl Severity {
    fn fault_if(is_fault: bool) -> Self {
        if is_fault { Self::Fault } else { Self::Note }
    }
}

/// A fault or note of the finding with index `at`.
struct Answer {
    at: usize,
    severity: Severity,
    fault: Fault,
}

impl Answer {
    fn new(at: usize, severity: Severity, kind: FaultKind, sentence: String) -> Self {
        let fault = Fault::new(kind, sentence);
        Self {
            at,
            severity,
            fault,
        }
    }

    fn fault(at: usize, kind: FaultKind, sentence: String) -> Self {
        Self::new(at, Severity::Fault, kind, sentence)
    }

    fn note(at: usize, kind: FaultKind, sentence: String) -> Self {
        Self::new(at, Severity::Note, kind, sentence)
    }
}

/// `sequence 3`, `sequences 3 to 5`
fn plural_range(what: &str, from: u32, to: u32) -> String {
    if from == to {
        format!("{what} {from}")
    } else {
        format!("{what}s {from} to {to}")
    }
}

/// Runs every cross-check, adds the answers to their findings, and counts the approvals of each
/// bundle.
pub fn check(findings: &mut [Finding], root: &TrustRoot, extent: Coverage) {
    let archive = Archive::new(findings, root, extent);
    let checks = [
        releases::equivocation,
        releases::sequences,
        bundles::check,
        approvals::check,
        uses::check,
        rehearsals::check,
        places::staging,
        places::windows,
        runs::blocked,
        runs::repeated_ids,
        history::check,
        definitions::check,
        runs::unsuccessful,
        rollouts::check,
        revoked::check,
        trust_roots::check,
    ];
    let answers: Vec<Answer> = checks.iter().flat_map(|check| check(&archive)).collect();
    for (at, counted) in quorum::count(&archive) {
        if let Some(facts) = &mut findings[at].facts {
            facts.quorum = counted;
        }
    }
    for answer in answers {
        let finding = &mut findings[answer.at];
        match answer.severity {
            Severity::Fault => finding.faults.push(answer.fault),
            Severity::Note => finding.notes.push(answer.fault),
        }
    }
}

/// Adds faults from other sources to the findings of their paths; a path without a finding gets
/// one.
pub fn join(findings: &mut Vec<Finding>, faults: Vec<(String, Fault)>, judge: &Judge<'_>) {
    for (path, fault) in faults {
        let finding = at(findings, &path, judge);
        // The log reports the same about a receipt, with more detail.
        if fault.kind == FaultKind::LogDeleted {
            finding
                .faults
                .retain(|fault| fault.kind != FaultKind::ReceiptMissing);
        }
        finding.faults.push(fault);
    }
}

/// Adds notes in the same way as [`join`].
pub fn join_notes(findings: &mut Vec<Finding>, notes: Vec<(String, Fault)>, judge: &Judge<'_>) {
    notes
        .into_iter()
        .for_each(|(path, note)| at(findings, &path, judge).notes.push(note));
}

fn at<'f>(findings: &'f mut Vec<Finding>, path: &str, judge: &Judge<'_>) -> &'f mut Finding {
    let at = findings
        .binary_search_by(|finding| finding.path.as_str().cmp(path))
        .unwrap_or_else(|at| {
            let kind = Kind::of(path.as_ref()).unwrap_or(Kind::Log);
            findings.insert(at, file::nothing(path.as_ref(), kind, judge));
            at
        });
    &mut findings[at]
}

/// Adds a finding about the archive's log, which is not a single file.
pub fn add(
    findings: &mut Vec<Finding>,
    path: &str,
    kind: Kind,
    facts: Option<FileFacts>,
    judge: &Judge<'_>,
) {
    let finding = Finding {
        facts,
        ..file::nothing(path.as_ref(), kind, judge)
    };
    match findings.binary_search_by(|other| other.path.as_str().cmp(path)) {
        Ok(at) => {
            findings[at] = Finding {
                faults: std::mem::take(&mut findings[at].faults),
                ..finding
            }
        }
        Err(at) => findings.insert(at, finding),
    }
}
