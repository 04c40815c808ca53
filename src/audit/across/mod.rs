//! What no file says alone: questions across the whole archive. One file a question.

mod approvals;
mod archive;
mod blocked;
mod bundles;
mod equivocation;
mod history;
mod one_second;
mod outcomes;
mod quorum;
mod rehearsals;
mod revoked;
mod run_ids;
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

pub use quorum::{Beside, beside, words};

/// How much of an archive the findings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it: what is not there is missing.
    Whole,
    /// What was written since a time: what is not there may be older.
    Part,
}

/// How much an answer weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    Fault,
    Note,
}

/// An answer about one finding.
struct Answer {
    at: usize,
    weight: Weight,
    fault: Fault,
}

/// Asks every question, and adds the answers to the findings that they are about; counts the approvals of each bundle.
pub fn ask(findings: &mut [Finding], root: &TrustRoot, extent: Extent) {
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
        if let Some(facts) = findings.get_mut(at).and_then(|finding| finding.facts.as_mut()) {
            facts.quorum = counted;
        }
    }
    for Answer { at, weight, fault } in answers {
        if let Some(finding) = findings.get_mut(at) {
            match weight {
                Weight::Fault => finding.faults.push(fault),
                Weight::Note => finding.notes.push(fault),
            }
        }
    }
}

/// Adds faults that are known from elsewhere to the findings of their paths; what was not found gets a finding of its own.
pub fn join(findings: &mut Vec<Finding>, told: Vec<(String, Fault)>, judge: &Judge<'_>) {
    for (path, fault) in told {
        let finding = at(findings, &path, judge);
        // The log says the same of a receipt, and more.
        if fault.kind == FaultKind::LogDeleted {
            finding.faults.retain(|fault| fault.kind != FaultKind::ReceiptMissing);
        }
        finding.faults.push(fault);
    }
}

/// The same of notes.
pub fn join_notes(findings: &mut Vec<Finding>, told: Vec<(String, Fault)>, judge: &Judge<'_>) {
    told.into_iter().for_each(|(path, note)| at(findings, &path, judge).notes.push(note));
}

fn at<'f>(findings: &'f mut Vec<Finding>, path: &str, judge: &Judge<'_>) -> &'f mut Finding {
    let at = findings.binary_search_by(|finding| finding.path.as_str().cmp(path)).unwrap_or_else(|at| {
        let kind = Kind::of(path.as_ref()).unwrap_or(Kind::Log);
        findings.insert(at, file::nothing(path.as_ref(), kind, judge));
        at
    });
    &mut findings[at]
}

/// Adds a finding about what is no file of an archive: its log.
pub fn add(findings: &mut Vec<Finding>, path: &str, kind: Kind, facts: Option<Facts>, judge: &Judge<'_>) {
    let finding = Finding { facts, ..file::nothing(path.as_ref(), kind, judge) };
    match findings.binary_search_by(|other| other.path.as_str().cmp(path)) {
        Ok(at) => findings[at] = Finding { faults: std::mem::take(&mut findings[at].faults), ..finding },
        Err(at) => findings.insert(at, finding),
    }
}
