//! A run's id comes from the random source of its host: no two receipts have the same.

use std::collections::BTreeMap;

use super::archive::{Archive, answer};
use super::{Answer, Weight};
use crate::audit::fault::FaultKind;

/// Copies of one receipt are no fault. Of several documents each but the first by its path is.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    let mut first = BTreeMap::new();
    let mut answers = Vec::new();
    for told in archive.signed_receipts() {
        let known = *first.entry(told.receipt.run_id.as_str()).or_insert(told.at);
        if known != told.at {
            let text = format!("run {} has another receipt, {}", told.receipt.run_id, archive.path(known));
            answers.push(answer(told.at, Weight::Fault, FaultKind::RunIdTwice, text));
        }
    }
    answers
}
