//! All findings of an audit, and what they add up to.

use std::collections::BTreeMap;

use super::fault::FaultKind;
use super::finding::Finding;
use super::kind::Kind;
use pgseal_verify::format::timestamp::Timestamp;

/// All findings of an audit, by path.
#[derive(Debug)]
pub struct Report {
    /// The time that was asked for.
    pub as_of: Timestamp,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// What an audit adds up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many of each kind are there.
    pub kinds: BTreeMap<Kind, usize>,
    /// Files, and logs, that were read and have no fault, and are not unsigned.
    pub authentic: usize,
    /// Receipts that nobody signed, without a fault.
    pub unsigned: usize,
    /// Files with faults.
    pub faulty: usize,
    /// All faults.
    pub faults: usize,
    /// All notes.
    pub notes: usize,
    /// How many faults of each kind.
    pub fault_kinds: BTreeMap<FaultKind, usize>,
    /// How many notes of each kind.
    pub note_kinds: BTreeMap<FaultKind, usize>,
}

impl Report {
    /// Counts.
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
