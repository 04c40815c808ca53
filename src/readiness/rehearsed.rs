//! Reason of a failed rehearsal, in the words of its receipt.

use pgseal_verify::format::rehearsal::Rehearsal;

/// ` at the step compare: ...`, to append to "it failed"; empty if the receipt has no reason.
pub fn why(rehearsal: &Rehearsal) -> String {
    let Some(error) = rehearsal.error_lines().next() else {
        return String::new();
    };
    let mut steps = rehearsal.steps.iter();
    let of_step = steps.find(|step| !step.ok).and_then(|step| {
        let error = error.strip_prefix(&format!("rehearsal, {}: ", step.name))?;
        Some(format!(
            " at the step \u{201c}{}\u{201d}: {error}",
            step.name
        ))
    });
    of_step.unwrap_or_else(|| format!(": {error}"))
}
