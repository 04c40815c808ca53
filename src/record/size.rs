//! The maximum size of a receipt, for which room is reserved before the run. An oversized receipt
//! loses its least important texts.

use std::collections::BTreeMap;

use serde::Serialize;

use pgseal_verify::format::json::{self, JsonError};
use pgseal_verify::format::receipt::{GateAnswer, ReceiptStatement, TierRecord, VerifyRecord};
use pgseal_verify::format::rehearsal::RehearsalStatement;
use pgseal_verify::format::rollout::RolloutStatement;
use pgseal_verify::limits;

/// Remaining statements of each script, and remaining characters of each text; tried in order.
const STEPS: [Step; 6] = [
    (1_000, usize::MAX),
    (200, 10_000),
    (50, 1_000),
    (10, 300),
    (1, 100),
    (0, 30),
];

/// Marks a cut text.
const CUT: &str = "...";

/// Maximum statements of each script's list, and maximum characters of each text.
pub(super) type Step = (usize, usize);

/// Serializes the document in at most [`limits::RECEIPT_BYTES`] bytes, if shortening achieves that.
pub(super) fn fitted<T: Serialize>(
    mut statement: T,
    shorten: fn(&mut T, Step),
) -> Result<Vec<u8>, JsonError> {
    let mut bytes = Vec::new();
    for step in STEPS {
        shorten(&mut statement, step);
        bytes = json::to_canonical(&statement)?;
        if bytes.len() as u64 <= limits::RECEIPT_BYTES {
            break;
        }
    }
    Ok(bytes)
}

pub(super) fn shorten_receipt(statement: &mut ReceiptStatement, step: Step) {
    let it = &mut statement.predicate;
    parts(&mut it.tiers, &mut it.gates, &mut it.verify, step);
    let rows = it
        .before
        .iter_mut()
        .chain(&mut it.start)
        .chain(&mut it.after);
    rows.for_each(|row| cut_values(row, step.1));
    let lines = it.not_restored.iter_mut().flatten();
    lines
        .chain(&mut it.error)
        .for_each(|text| cut(text, step.1));
}

pub(super) fn shorten_rehearsal(statement: &mut RehearsalStatement, step: Step) {
    let it = &mut statement.predicate;
    parts(&mut it.tiers, &mut it.gates, &mut it.verify, step);
    parts(&mut it.rollback, &mut [], &mut [], step);
    let details = it.steps.iter_mut().map(|one| &mut one.detail);
    details
        .chain(&mut it.error)
        .for_each(|text| cut(text, step.1));
    // The strongest locks are listed first.
    it.locks.truncate(step.1);
}

pub(super) fn shorten_rollout(statement: &mut RolloutStatement, step: Step) {
    let it = &mut statement.predicate;
    let errors = it.databases.iter_mut().filter_map(|one| one.error.as_mut());
    errors
        .chain(&mut it.stopped)
        .for_each(|text| cut(text, step.1));
}

fn parts(
    tiers: &mut [TierRecord],
    gates: &mut [GateAnswer],
    verify: &mut [VerifyRecord],
    (sent, chars): Step,
) {
    let warnings = sent.min(100);
    for tier in tiers {
        tier.sent.truncate(sent);
        tier.warnings.truncate(warnings);
        tier.warnings.iter_mut().for_each(|text| cut(text, chars));
        tier.sent
            .iter_mut()
            .filter_map(|sent| sent.evidence.as_mut())
            .for_each(|text| cut(text, chars));
    }
    for gate in gates {
        cut(&mut gate.reason, chars);
        cut_values(&mut gate.evidence, chars);
    }
    for verify in verify {
        verify.failed.iter_mut().for_each(|text| cut(text, chars));
    }
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
