//! Cross-checks over the whole archive, one file each.

mod approvals;
mod archive;
mod blocked;
mod bundles;
mod equivocation;
mod history;
mod outcomes;
mod quorum;
mod rehearsals;
mod revoked;
mod run_ids;
mod same_second;
mod sequences;
mod trust_roots;

use super::facts::Facts;
use super::fault::{Fault, FaultKind};
use super::file;
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

/// Severity of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Fault,
    Note,
}

/// An answer about the finding with index `at`.
struct Answer {
    at: usize,
    weight: Severity,
    fault: Fault,
}

/// Runs every cross-check, adds the answers to their findings, and counts the approvals of each
/// bundle.
pub fn ask(findings: &mut [Finding], root: &TrustRoot, extent: Coverage) {
    let archive = Archive::new(findings, root, extent);
    let questions = [
        equivocation::ask,
        sequences::ask,
        bundles::ask,
        approvals::ask,
        rehearsals::ask,
        blocked::ask,
        run_ids::ask,
        history::ask,
        outcomes::ask,
        revoked::ask,
        trust_roots::ask,
    ];
    let answers: Vec<Answer> = questions.iter().flat_map(|ask| ask(&archive)).collect();
    let quorums = quorum::count(&archive);
    for (at, counted) in quorums {
        if let Some(facts) = findings
            .get_mut(at)
            .and_then(|finding| finding.facts.as_mut())
        {
            facts.quorum = counted;
        }
    }
    for Answer { at, weight, fault } in answers {
        if let Some(finding) = findings.get_mut(at) {
            match weight {
                Severity::Fault => finding.faults.push(fault),
                Severity::Note => finding.notes.push(fault),
            }
        }
    }
}

/// Adds faults from other sources to the findings of their paths; a path without a finding gets
/// one.
pub fn join(findings: &mut Vec<Finding>, told: Vec<(String, Fault)>, judge: &Judge<'_>) {
    for (path, fault) in told {
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
pub fn join_notes(findings: &mut Vec<Finding>, told: Vec<(String, Fault)>, judge: &Judge<'_>) {
    told.into_iter()
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
    facts: Option<Facts>,
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
