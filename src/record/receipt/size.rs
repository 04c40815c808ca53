//! A receipt has a largest size, so that its room can be taken before the run. What is too long loses what tells least.

use std::collections::BTreeMap;

use crate::format::json::{self, JsonError};
use crate::format::receipt::ReceiptStatement;
use crate::limits;

/// What is left of each script's list of statements, and of each text, in characters; tried from the first to the last.
const STEPS: [(usize, usize); 6] = [(1_000, usize::MAX), (200, 10_000), (50, 1_000), (10, 300), (1, 100), (0, 30)];

/// Stands where a text was cut.
const CUT: &str = "...";

/// The document in at most [`limits::RECEIPT_BYTES`] bytes, where that can be done by shortening.
pub(super) fn fitted(mut statement: ReceiptStatement) -> Result<Vec<u8>, JsonError> {
    let mut bytes = Vec::new();
    for (sent, chars) in STEPS {
        shorten(&mut statement, sent, chars);
        bytes = json::to_canonical(&statement)?;
        if bytes.len() as u64 <= limits::RECEIPT_BYTES {
            break;
        }
    }
    Ok(bytes)
}

fn shorten(statement: &mut ReceiptStatement, sent: usize, chars: usize) {
    let receipt = &mut statement.predicate;
    let warnings = sent.min(100);
    for tier in &mut receipt.tiers {
        tier.sent.truncate(sent);
        tier.warnings.truncate(warnings);
        tier.warnings.iter_mut().for_each(|text| cut(text, chars));
        tier.sent.iter_mut().filter_map(|sent| sent.evidence.as_mut()).for_each(|text| cut(text, chars));
    }
    for gate in &mut receipt.gates {
        cut(&mut gate.reason, chars);
        cut_values(&mut gate.evidence, chars);
    }
    for verify in &mut receipt.verify {
        verify.failed.iter_mut().for_each(|text| cut(text, chars));
    }
    receipt.before.iter_mut().chain(&mut receipt.after).for_each(|row| cut_values(row, chars));
    receipt.error.iter_mut().for_each(|text| cut(text, chars));
}

fn cut_values(row: &mut BTreeMap<String, Option<String>>, chars: usize) {
    row.values_mut().flatten().for_each(|text| cut(text, chars));
}

fn cut(text: &mut String, chars: usize) {
    if text.len() <= chars {
        return;
    }
    if let Some((at, _)) = text.char_indices().nth(chars) {
        text.truncate(at);
        text.push_str(CUT);
    }
}
