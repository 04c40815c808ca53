//! The findings of an audit and their summary.

use std::collections::BTreeMap;

use super::fault::FaultKind;
use super::finding::Finding;
use super::kind::Kind;
use pgseal_verify::format::timestamp::Timestamp;

#[derive(Debug)]
pub struct Report {
    pub as_of: Timestamp,
    pub findings: Vec<Finding>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub kinds: BTreeMap<Kind, usize>,
    /// Files and logs that were read, have no fault and are not unsigned.
    pub authentic: usize,
    pub unsigned: usize,
    pub faulty: usize,
    pub faults: usize,
    pub notes: usize,
    pub fault_kinds: BTreeMap<FaultKind, usize>,
    pub note_kinds: BTreeMap<FaultKind, usize>,
}

impl Report {
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for finding in &self.findings {
            if !finding.is_absent() {
                *summary.kinds.entry(finding.kind).or_default() += 1;
            }
            match (finding.is_faulty(), finding.is_unsigned()) {
                (true, _) => summary.faulty += 1,
                (false, true) => summary.unsigned += 1,
                (false, false) if finding.facts.is_some() => summary.authentic += 1,
                (false, false) => {}
            }
            summary.faults += finding.faults.len();
            summary.notes += finding.notes.len();
            for fault in &finding.faults {
                *summary.fault_kinds.entry(fault.kind).or_default() += 1;
            }
            for note in &finding.notes {
                *summary.note_kinds.entry(note.kind).or_default() += 1;
            }
        }
        summary
    }
}
