//! Detects run ids in several receipts. Run ids are random, so different receipts have different
//! ids.

use std::collections::BTreeMap;

use super::archive::{Archive, answer};
use super::{Answer, Severity};
use crate::audit::fault::FaultKind;

/// Copies of one receipt are allowed. Of several documents, each but the first by path is a fault.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    let mut first = BTreeMap::new();
    let mut answers = Vec::new();
    for told in archive.signed_receipts() {
        let known = *first.entry(told.receipt.run_id.as_str()).or_insert(told.at);
        if known != told.at {
            let text = format!(
                "run {} has another receipt, {}",
                told.receipt.run_id,
                archive.path(known)
            );
            answers.push(answer(
                told.at,
                Severity::Fault,
                FaultKind::RunIdTwice,
                text,
            ));
        }
    }
    answers
}
